"""Previews on the real channel: who may see a change before it is published, made ready by a job, ended at will."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import redis
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.candidates import candidate_of, content_digest, live_release
from campaigns.drafts import drafts_of
from campaigns.mapping import Refused
from campaigns.models import Change, Preview
from campaigns.stages import OPEN, NothingToTry, spec_of
from decisioning.ingestion.backfill import BackfillStalled, backfill
from decisioning.previews import LONGEST, MOST_HELD, drop_preview, put_preview, sign_preview
from decisioning.releases import want_aggregates
from decisioning.rules.canonical import digest
from decisioning.rules.compiler import CompileError, compile_release
from decisioning.specs import ReleaseSpec
from rtts_site.foundation.jobs import Job

Report = Callable[[int, int, str], None]
JOB_KIND: Final = "campaigns.preview"
MOST_ACTIVE: Final = MOST_HELD  # in the whole installation: each process can hold them all
WHOLE: Final = 100
COMPILED: Final = 20  # of WHOLE


class PreviewImpossible(Exception):
    """A preview cannot be made; the message says what to do."""


REFUSALS = (PreviewImpossible, NothingToTry, Refused, CompileError, BackfillStalled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a preview is to be."""

    lasts: timedelta
    note: str = ""
    person: str = ""  # person id of the only test person; "" is any browser
    address: str = ""  # page of the channel


def open_preview(change: Change, asked: Asked, *, by: User, now: datetime) -> Preview:
    """Return a new preview of a change; a job makes it ready within seconds.

    Raises:
        PreviewImpossible: the change is over, it would last too long, or there are too many.
    """
    if not timedelta(0) < asked.lasts <= LONGEST:
        raise PreviewImpossible(_("A preview lasts up to {days} days.").format(days=LONGEST.days))
    if change.state not in OPEN:
        raise PreviewImpossible(_("Only an open change can be previewed."))
    if active(now=now).count() >= MOST_ACTIVE:
        raise PreviewImpossible(
            _("{most} previews are shown now: revoke one first.").format(most=MOST_ACTIVE)
        )
    preview = Preview(
        code=secrets.token_hex(8),
        change=change,
        note=asked.note,
        person=asked.person,
        address=asked.address,
        created_by=by,
        created_at=now,
        expires_at=(now + asked.lasts).replace(microsecond=0),
    )
    _queue(preview)
    return preview


def renew_preview(preview: Preview, *, now: datetime) -> None:
    """Have a preview show its change as it is now; link and token stay.

    Raises:
        PreviewImpossible: it has ended, or the change is over.
    """
    if preview.has_ended(now) or preview.change.state not in OPEN:
        raise PreviewImpossible(_("This preview has ended: make another."))
    _queue(preview)


def _queue(preview: Preview) -> None:
    with transaction.atomic():
        job = Job.objects.create(kind=JOB_KIND, subject=f"preview:{preview.code}")
        preview.job = str(job.pk)
        preview.save()


def active(*, now: datetime) -> Any:
    """Return the previews that show something, or will once they are ready."""
    return Preview.objects.filter(revoked_at=None, expires_at__gt=now)


def revoke_preview(client: redis.Redis, preview: Preview, *, now: datetime) -> None:
    """End a preview; every process obeys within a second.

    Raises:
        redis.RedisError: it goes on until this is repeated.
    """
    drop_preview(client, preview.code)
    preview.revoked_at = preview.revoked_at or now
    preview.save(update_fields=["revoked_at"])


def prepare_preview(
    client: redis.Redis, preview: Preview, *, report: Report, now: datetime
) -> None:
    """Compile what a preview shows, complete its counts, and give it to every process.

    Raises:
        PreviewImpossible, NothingToTry, Refused, CompileError, BackfillStalled: it cannot be shown.
    """
    if preview.has_ended(now):
        raise PreviewImpossible(_("It was revoked, or its time is over."))
    drafts = list(drafts_of(preview.change))
    report(0, WHOLE, gettext_noop("Compiling the rules"))
    live = live_release()
    spec = candidate_of(preview.change).spec
    if live is not None:
        spec = no_looser(spec, spec_of(live))
    artifact = compile_release(spec)
    words = gettext_noop("Completing what is counted of events")
    report(COMPILED, WHOLE, words)

    def progress(done: int, total: int) -> None:
        share = done / total if total else 1.0
        report(COMPILED + round(share * (WHOLE - COMPILED)), WHOLE, words)

    want_aggregates(client, digest(spec), artifact.aggregates)
    backfill(client, artifact.aggregates, progress)
    preview.refresh_from_db()
    if preview.has_ended(now):  # revoked meanwhile
        raise PreviewImpossible(_("It was revoked, or its time is over."))
    preview.digest = put_preview(
        client,
        preview.code,
        spec,
        artifact,
        expires_at=preview.expires_at,
        person=preview.person,
    )
    preview.content, preview.prepared_at = content_digest(drafts), now
    preview.save(update_fields=["digest", "content", "prepared_at"])
    report(WHOLE, WHOLE, gettext_noop("The preview is ready"))


def no_looser(spec: ReleaseSpec, live: ReleaseSpec) -> ReleaseSpec:
    """Return a change in which no data that is live serves more purposes than it may today.

    That is only widened by an approval, which a preview does not have; consent is always judged by the policy in force.
    """
    attributes = {one.key: one for one in live.attributes}
    events = {one.key: one for one in live.event_types}
    return replace(
        spec,
        attributes=tuple(
            _narrowed(one, attributes[one.key]) if one.key in attributes else one
            for one in spec.attributes
        ),
        event_types=tuple(
            _narrowed(one, events[one.key]) if one.key in events else one
            for one in spec.event_types
        ),
    )


def _narrowed(drafted: Any, live: Any) -> Any:
    if getattr(drafted, "source", "") != getattr(live, "source", ""):
        return live
    allowed = tuple(one for one in drafted.purposes if one in live.purposes)
    return replace(drafted, purposes=allowed)


def token_of(preview: Preview) -> str:
    """Return the token that shows a preview."""
    return sign_preview(preview.code, expires_at=preview.expires_at)


def is_behind(preview: Preview) -> bool:
    """Return whether the change was edited since the preview was made ready."""
    return bool(preview.content) and preview.content != content_digest(drafts_of(preview.change))
