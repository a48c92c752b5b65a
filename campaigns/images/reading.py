"""The only importer of Pillow: looks into a file nobody trusts, and makes the sizes of a picture."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from campaigns.images import limits
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

ORIENTATION = 0x0112  # EXIF
SIDEWAYS = frozenset({5, 6, 7, 8})
WEBP_QUALITY, JPEG_QUALITY = 80, 82
# What decoders of broken files raise.
BROKEN = (
    *(OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, MemoryError),
    *(EOFError, AttributeError, NotImplementedError, RuntimeError, Image.DecompressionBombError),
)


class NotAPicture(ValueError):
    """A file that is refused; the message says what to upload instead."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is in a file, turned upright."""

    format: str  # one of limits.FORMATS
    width: int
    height: int
    is_see_through: bool

    @property
    def type(self) -> str:
        """Return what the copy for channels without WebP is."""
        return "png" if self.is_see_through else "jpeg"


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=limits.FORMATS) as image:
                _check_size(image)
                yield image
    except NotAPicture:
        raise
    except UnidentifiedImageError:
        raise NotAPicture(_("Upload a PNG, JPEG, WebP or GIF picture.")) from None
    except Image.DecompressionBombError:
        raise NotAPicture(_TOO_LARGE) from None
    except BROKEN as error:
        raise NotAPicture(_("This picture is broken: save it anew and upload it again.")) from error


_TOO_LARGE = Filled(
    _("Make it smaller: at most {pixels} million pixels, {side:,} on a side."),
    pixels=limits.MAX_PIXELS // 1_000_000,
    side=limits.MAX_SIDE,
)


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if min(width, height) < limits.MIN_SIDE:
        raise NotAPicture(
            Filled(
                _("Use a picture of at least {least} pixels on each side."), least=limits.MIN_SIDE
            )
        )
    if max(width, height) > limits.MAX_SIDE or width * height > limits.MAX_PIXELS:
        raise NotAPicture(_TOO_LARGE)
    if getattr(image, "is_animated", False):
        raise NotAPicture(_("Use a picture that does not move."))


def look_at(data: bytes) -> Look:
    """Return what is in a file; decodes all of it, so that what is broken is found now.

    Raises:
        NotAPicture: it is no picture, too large, moving or broken.
    """
    if len(data) > limits.MAX_BYTES:
        raise NotAPicture(
            Filled(_("Use a file of at most {most} MB."), most=limits.MAX_BYTES // 1024 // 1024)
        )
    with _opened(data) as image:
        turned = image.getexif().get(ORIENTATION) in SIDEWAYS
        width, height = image.size
        image.load()
        see_through = _is_see_through(image)
        return Look(
            str(image.format), *((height, width) if turned else (width, height)), see_through
        )


def _is_see_through(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    low = image.convert("RGBA").getchannel("A").getextrema()[0]
    return isinstance(low, int | float) and low < 255


def sizes(data: bytes, widths: tuple[int, ...]) -> Iterator[tuple[int, str, bytes]]:
    """Yield each width as WebP and as JPEG or PNG: width, ending, bytes. Nothing but the picture is kept.

    A second or two of one core for a large photograph.

    Raises:
        NotAPicture: it cannot be read.
    """
    with _opened(data) as image:
        see_through = _is_see_through(image)
        upright = _in_srgb(ImageOps.exif_transpose(image)).convert("RGBA" if see_through else "RGB")
        # Place, camera and author are in here.
        upright.info.clear()
        for width in widths:
            height = max(1, round(upright.height * width / upright.width))
            scaled = upright.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
            scaled.info.clear()
            yield width, "webp", _written(scaled, "WEBP", quality=WEBP_QUALITY, method=4)
            if see_through:
                yield width, "png", _written(scaled, "PNG", optimize=True)
            else:
                yield width, "jpg", _written(scaled, "JPEG", quality=JPEG_QUALITY, optimize=True)


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        srgb = ImageCms.createProfile("sRGB")
        changed = ImageCms.profileToProfile(image, found, srgb, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        # A profile that cannot be read says nothing.
        return image
    return changed or image


def _written(image: Image.Image, form: str, **options: int | bool) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()
