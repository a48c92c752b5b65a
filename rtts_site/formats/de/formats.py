"""How German pages write dates, where Django's own German formats are too long for a table."""

DATETIME_FORMAT = "j. M Y H:i e"
MOMENT_FORMAT = "j. M Y H:i"  # where the zone is named beside it
SECONDS_FORMAT = "j. M Y H:i:s e"
SHORT_DATE_FORMAT = "j. M Y"
SHORT_DATETIME_FORMAT = "j. M H:i"

# A browser's own date fields read and write ISO dates in every language, so that form comes first.
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y"]
DATETIME_INPUT_FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"]
TIME_INPUT_FORMATS = ["%H:%M:%S", "%H:%M"]
