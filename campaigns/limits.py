"""The published limits of what can be authored; forms, the API and its documentation read them here."""

KEY_LENGTH = 100
NAME_LENGTH = 200
KNOWN_VALUES = 500  # of a text attribute
PROPERTIES = 100  # of an event type
PURPOSES = 20  # of an attribute, event type or offer
VARIANTS = 50  # of an offer
CAPS = 10  # of an offer
CONTENT_BYTES = 16_384  # of a variant or fallback, as JSON
OFFERS = 500  # of a campaign
ARMS = 10  # of an experiment
HOURS = 14  # of a campaign, quiet hours of a channel
MAX_COUNT = 30  # offers in one answer of a placement
CAP_LIMIT = 1_000_000_000
CAP_WINDOW_S = 366 * 86_400
STAY_S = 366 * 86_400  # shortest time in a segment
CACHE_SECONDS = 86_400
WEIGHT = 1_000.0
VALIDITY_DAYS = 3_650  # of a consent
PICTURE_WIDTH = 2_560  # CSS pixels of a placement's picture
FITS = 20  # languages, devices or networks of a variant
JOINED_BY_ONE = 1_000  # people, or users, that one identifier is seen with
FIRST_YEAR, LAST_YEAR = 1900, 2200  # of dates; no zone can be applied at the calendar's ends
