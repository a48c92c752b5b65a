"""How English pages write dates: day before month, and a clock of 24 hours."""

DATE_FORMAT = "j F Y"
DATETIME_FORMAT = "j M Y H:i e"
MOMENT_FORMAT = "j M Y H:i"  # where the zone is named beside it
SECONDS_FORMAT = "j M Y H:i:s e"
SHORT_DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = "j M H:i"
TIME_FORMAT = "H:i"
