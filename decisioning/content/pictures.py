"""What a channel gets of a picture: addresses of the sizes that its device can use; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from decisioning.content.fitting import DEVICE, NETWORK, SAVE_DATA

RECIPE: Final = (
    1  # raised when the same picture would be made otherwise, for addresses never change
)
MOBILE_WIDTH: Final = 1_280  # pixels; the widest that a phone gets
SAVING_WIDTH: Final = 640  # the widest for who saves data, or has a slow network
SLOW: Final = frozenset({"slow-2g", "2g"})
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
FORMATS: Final = {"jpeg": "jpg", "png": "png"}  # of the copy for channels that cannot show WebP


@dataclass(frozen=True, slots=True)
class Picture:
    """An uploaded picture, as content refers to it."""

    sha256: str  # of the file as it was uploaded
    width: int
    height: int
    widths: tuple[int, ...]  # pixels, ascending: the sizes that are kept
    type: str  # "jpeg" or "png"
    alt: str

    def size(self, width: int) -> tuple[int, int]:
        """Return width and height of a size."""
        return width, max(1, round(self.height * width / self.width))


def picture_of(value: Any) -> Picture | None:
    """Return the picture that a value of a content refers to, None for any other value.

    E.g. ``{"sha256": "…", "width": 1600, "height": 900, "widths": [320, 640], "type": "jpeg", "alt": "A tent"}``.
    """
    if not isinstance(value, Mapping) or not DIGEST.fullmatch(str(value.get("sha256", ""))):
        return None
    numbers = [value.get("width"), value.get("height")]
    widths = value.get("widths")
    if not isinstance(widths, list) or not widths or value.get("type") not in FORMATS:
        return None
    if not all(type(one) is int and 0 < one <= 20_000 for one in (*numbers, *widths)):
        return None
    return Picture(
        value["sha256"],
        value["width"],
        value["height"],
        tuple(sorted(widths)),
        value["type"],
        str(value.get("alt", "")),
    )


def name_of(sha256: str, width: int, ending: str) -> str:
    """Return the name that a size of a picture is kept and served under; it never means anything else."""
    return f"{sha256}/{RECIPE}-{width}.{ending}"


def described(
    picture: Picture, facts: Mapping[str, Any], *, slot: int, base: str
) -> dict[str, Any]:
    """Return a picture as ``<picture>`` and ``<img>`` want it; `slot` is the placement's width, 0 if not said.

    ``{"src": …, "srcset": "… 320w, … 640w", "webp_srcset": …, "sizes": "100vw", "width": 640, "height": 360,
    "alt": …}``
    """
    saving = facts.get(SAVE_DATA) is True or facts.get(NETWORK) in SLOW
    mobile = facts.get(DEVICE) == "mobile"
    most = SAVING_WIDTH if saving else MOBILE_WIDTH if mobile else picture.widths[-1]
    widths = [width for width in picture.widths if width <= most] or [picture.widths[0]]
    wanted = slot or (SAVING_WIDTH if saving or mobile else MOBILE_WIDTH)
    chosen = next((width for width in widths if width >= wanted), widths[-1])
    width, height = picture.size(chosen)
    ending = FORMATS[picture.type]

    def srcset(ending: str) -> str:
        return ", ".join(f"{base}{name_of(picture.sha256, w, ending)} {w}w" for w in widths)

    return {
        "src": f"{base}{name_of(picture.sha256, chosen, ending)}",
        "srcset": srcset(ending),
        "webp_srcset": srcset("webp"),
        "sizes": f"(max-width: {slot}px) 100vw, {slot}px" if slot and not mobile else "100vw",
        "width": width,
        "height": height,
        "alt": picture.alt,
    }
