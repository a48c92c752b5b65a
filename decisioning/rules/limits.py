"""The only place that says how large a condition may be; shown to marketers and published with the API."""

MAX_DEPTH = 6  # groups inside groups, the outermost counted
MAX_LEAVES = 200  # conditions of one tree
MAX_INLINED_DEPTH = 24  # groups and segments inside each other, all segments unfolded
MAX_INLINED_LEAVES = 1_000  # all segments unfolded
MAX_LIST_VALUES = 500
MAX_TEXT = 1_000  # characters of one text value
MAX_VERSION = 256  # characters
MAX_STARS = 10  # of one pattern
MAX_NUMBER = 1e15  # absolute
MAX_EXACT_DISTINCT = 128  # different values; more are estimated
MAX_DECIMALS = 6  # numbers are compared rounded to this
MIN_WINDOW_S = 60
MAX_WINDOW_S = 90 * 86_400
MAX_DURATION_S = 36_500 * 86_400
MAX_KM = 20_038.0  # half of the equator
