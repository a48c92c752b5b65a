"""The pictures that content may show: taken in, made into sizes, found, used, removed."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.images import limits
from campaigns.images.reading import NotAPicture, look_at, sizes
from campaigns.mapping import Bodies, Body
from campaigns.models import Picture, Revision
from campaigns.models.items import Kind
from decisioning.content.pictures import FORMATS, name_of
from decisioning.rules.phrases import Filled
from rtts_site.foundation.jobs import Job

JOB_KIND = "campaigns.picture"
UNDER_WAY = (Job.State.WAITING, Job.State.RUNNING)
Report = Callable[[int, int, str], None]

_DIGEST = re.compile(r'"sha256": ?"([0-9a-f]{64})"')


def storage() -> Storage:
    """Return where the files of pictures are."""
    return storages["pictures"]


def original_name(sha256: str) -> str:
    """Return the name of a file as it was uploaded; nobody is served it, and its job removes it."""
    return f"{sha256}/original"


def take_in(data: bytes, *, name: str, by: User, slots: Iterable[int], now: datetime) -> Picture:
    """Return the picture in a file, its sizes left to a job; the same file is the same picture.

    `slots` are the widths that placements have for pictures, in CSS pixels.

    Raises:
        NotAPicture: the file is refused.
    """
    look = look_at(data)
    sha256 = hashlib.sha256(data).hexdigest()
    known = Picture.objects.filter(sha256=sha256).exclude(state=Picture.State.FAILED).first()
    if known is not None and not _is_left(known):
        return known
    if Picture.objects.count() >= limits.PICTURES:
        raise NotAPicture(
            Filled(
                gettext_noop("There are {most:,} pictures: remove some that are unused."),
                most=limits.PICTURES,
            )
        )
    # A worker may take the job the moment it can be seen: the picture must be there by then.
    with transaction.atomic():
        storage().save(original_name(sha256), ContentFile(data))
        job = Job.objects.create(kind=JOB_KIND, subject=f"picture:{sha256}")
        picture, _made = Picture.objects.update_or_create(
            sha256=sha256,
            defaults={
                "name": shown_name(name),
                "type": look.type,
                "width": look.width,
                "height": look.height,
                "widths": list(widths_for(look.width, slots)),
                "state": Picture.State.WAITING,
                "job": str(job.pk),
                "uploaded_by": by,
                "uploaded_at": now,
            },
        )
    return picture


def _is_left(picture: Picture) -> bool:
    """Return whether a picture waits for a job that is over, or gone."""
    waiting = picture.state == Picture.State.WAITING
    return waiting and not Job.objects.filter(pk=picture.job or 0, state__in=UNDER_WAY).exists()


def shown_name(name: str) -> str:
    """Return a file's name as colleagues read it."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(sign for sign in last if sign.isprintable()).strip()[:200] or "picture"


def widths_for(width: int, slots: Iterable[int]) -> tuple[int, ...]:
    """Return the widths that a picture is made in, ascending; never wider than it is."""
    wanted = {*limits.WIDTHS, *(slot * times for slot in slots if slot for times in (1, 2))}
    widest = min(width, limits.WIDEST)
    fitting = sorted(one for one in wanted if one < widest)[: limits.MOST_WIDTHS - 1]
    return (*fitting, widest)


def make_sizes(picture: Picture, *, report: Report) -> None:
    """Make and keep every size of a picture, then forget the file; safe to repeat.

    Raises:
        NotAPicture: it cannot be read.
    """
    kept = storage()
    if not kept.exists(original_name(picture.sha256)):
        return
    with kept.open(original_name(picture.sha256)) as file:
        data = file.read()
    total = 2 * len(picture.widths)
    for done, (width, ending, made) in enumerate(sizes(data, tuple(picture.widths)), start=1):
        name = name_of(picture.sha256, width, ending)
        if not kept.exists(name):
            kept.save(name, ContentFile(made))
        report(done, total, Filled(gettext_noop("{width} pixels wide"), width=width))
    picture.state = Picture.State.READY
    picture.save(update_fields=["state"])
    kept.delete(original_name(picture.sha256))


def content_of(picture: Picture, *, alt: str) -> Body:
    """Return how content refers to a picture."""
    return {
        "sha256": picture.sha256,
        "width": picture.width,
        "height": picture.height,
        "widths": picture.widths,
        "type": picture.type,
        "alt": alt,
    }


def preview_name(picture: Picture) -> str:
    """Return the name of its smallest size."""
    return name_of(picture.sha256, picture.widths[0], FORMATS[picture.type])


def digests_in(body: Any) -> set[str]:
    """Return the pictures that a JSON text refers to."""
    return set(_DIGEST.findall(body))


def prepared(digests: Iterable[str]) -> set[str]:
    """Return those of some pictures that can be shown."""
    ready = Picture.objects.filter(sha256__in=digests, state=Picture.State.READY)
    return set(ready.values_list("sha256", flat=True))


def used() -> set[str]:
    """Return the digests of pictures that any revision refers to; earlier releases may come back.

    One query over the revisions that show a picture.
    """
    texts = (
        Revision.objects.filter(item__kind__in=(Kind.OFFER, Kind.PLACEMENT))
        .annotate(text=Cast("body", TextField()))
        .filter(text__contains='"sha256"')
        .values_list("text", flat=True)
    )
    return {digest for text in texts.iterator() for digest in digests_in(text)}


class StillUsed(Exception):
    """A picture that something shows, or showed in a release that may come back."""


def remove(picture: Picture) -> None:
    """Remove a picture and its files.

    Raises:
        StillUsed: a revision refers to it.
    """
    if picture.sha256 in used():
        raise StillUsed(f"“{picture}” is in an offer or placement, or was: it stays.")
    kept = storage()
    for width in picture.widths:
        for ending in ("webp", FORMATS[picture.type]):
            kept.delete(name_of(picture.sha256, width, ending))
    kept.delete(original_name(picture.sha256))
    picture.delete()


def unready(bodies: Bodies) -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, key, field and words for each picture in a content that cannot be shown yet; one query."""
    found = {
        place: digests_in(json.dumps(body))
        for place, body in bodies.items()
        if place[0] in (Kind.OFFER, Kind.PLACEMENT)
    }
    asked = frozenset[str]().union(*found.values())
    if not asked:
        return
    missing = asked - prepared(asked)
    for (kind, key), digests in sorted(found.items()):
        if digests & missing:
            field = "variants" if kind == Kind.OFFER else "fallback"
            yield (
                kind,
                key,
                field,
                _("A picture is still being prepared: try again in a moment, or upload another."),
            )
