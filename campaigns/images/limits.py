"""The published limits of uploaded pictures."""

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 25_000_000  # width times height; decoding takes four bytes of memory for each
MAX_SIDE = 12_000  # pixels
MIN_SIDE = 16  # pixels
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")  # by what is in the file, whatever its name says; no SVG
WIDTHS = (320, 640, 1_280, 1_920)  # pixels of the sizes made, beside those of placements
WIDEST = 2_560  # pixels; no size is wider
MOST_WIDTHS = 12
PICTURES = 10_000  # in the library
