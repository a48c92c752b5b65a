"""The only place that runs analyses, keeps what they found, and says what of it a user has not dismissed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import redis
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ObjectDoesNotExist
from django.utils.translation import gettext_noop

from campaigns import wording
from campaigns.analysis import links, matching
from campaigns.analysis.findings import Oddity
from campaigns.analysis.languages import LANGUAGES
from campaigns.analysis.layout import Layout
from campaigns.analysis.measuring import Measured
from campaigns.analysis.telling import RANK, SAYINGS, Told, tell_all
from campaigns.analysis.whole import Surroundings, of_release, of_thing, signed, without_echoes
from campaigns.candidates import Candidate, candidate_of, changed_drafts, live_release
from campaigns.mapping import Refused
from campaigns.models import Analysis, Change, Dismissal
from campaigns.models.items import Kind
from campaigns.sampling import sampled_facts
from decisioning.rules.canonical import digest
from decisioning.rules.compiler import CompileError, compile_release, compile_segments
from decisioning.rules.engine import EngineError
from decisioning.specs import OfferSpec
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.redis_clients import Down, redis_client

KIND: Final = "campaigns.analyse"
LIVE: Final = "live"
SECONDS: Final = 20.0  # for looking at people; the sample is as large as fits into them
MAX_AGE: Final = timedelta(minutes=15)  # of what is said about live people
REFUSALS: Final = (Refused, ObjectDoesNotExist, EngineError)  # why a job ends without findings
PAUSE: Final = timedelta(minutes=5)  # after a failure
MAX_KEPT: Final = 2_000  # findings of one analysis
READING: Final = gettext_noop("Reading conditions")
COMPILING: Final = gettext_noop("Compiling rules")
LOOKING: Final = gettext_noop("Looking at people")
FOLLOWING: Final = gettext_noop("Following links")

Report = Callable[[int, int, str], None]


def around(now: datetime) -> Surroundings:
    """Return what the deployment says of links and languages."""
    return Surroundings(now, frozenset(settings.RTTS_LINK_HOSTS), LANGUAGES)


def layout_of(candidate: Candidate) -> Layout:
    """Return a candidate laid out; raises Refused where a body cannot become a spec."""
    retired = (one.key for one in candidate.policy.purposes if one.retired)
    return Layout(candidate.spec, frozenset(retired))


def told_of_thing(candidate: Candidate, kind: str, key: str, *, now: datetime) -> list[Told]:
    """Return what is odd about one thing of a candidate, without a look at people; no query."""
    try:
        found = of_thing(layout_of(candidate), kind, key, around(now))
    except Refused:
        return []
    return tell_all(found, wording.names_of(candidate))


def subject_of(change: Change | None) -> str:
    """Return the subject of an analysis: what is live, or a change laid over it."""
    return LIVE if change is None else f"change:{change.pk}"


def analyse(subject: str, *, now: datetime, report: Report) -> Analysis:
    """Look at all of a release and at its people, and keep what was found; up to half a minute.

    Raises:
        Refused: a body cannot become a spec.
        Change.DoesNotExist: the subject is gone.
    """
    started = time.monotonic()
    change = None if subject == LIVE else Change.objects.get(pk=int(subject.partition(":")[2]))
    seen = seen_digest(change)
    candidate = candidate_of(change)
    layout = layout_of(candidate)
    found = of_release(layout, around(now), lambda done, total: report(done, 2 * total, READING))
    sampled, population = 0, 0
    if not candidate.findings():
        measured, population = _measure(layout, now=now, report=report)
        sampled = measured.sampled
        found += signed(layout, Measured(layout, measured, now).oddities())
    if change is not None and settings.RTTS_FOLLOW_LINKS:
        report(99, 100, FOLLOWING)
        found += signed(layout, links.follow(_touched_offers(change, layout)))
    row, _ = Analysis.objects.update_or_create(
        subject=subject,
        defaults={
            "digest": seen,
            "findings": msgspec.to_builtins(_kept(without_echoes(found))),
            "sampled": sampled,
            "population": population,
            "took_ms": int((time.monotonic() - started) * 1000),
            "analysed_at": now,
        },
    )
    return row


def seen_digest(change: Change | None) -> str:
    """Return the digest of what an analysis of a subject looks at now; raises Refused where it cannot be read."""
    if change is None:
        release = live_release()
        return release.digest if release else ""
    return digest(candidate_of(change).spec)


def _touched_offers(change: Change, layout: Layout) -> list[OfferSpec]:
    keys = [row.item.key for row in changed_drafts(change) if row.item.kind == Kind.OFFER]
    return [layout.offers[key] for key in keys if key in layout.offers]


def _kept(found: list[Oddity]) -> list[Oddity]:
    return sorted(found, key=lambda one: (RANK[one.code], one.kind, one.key, one.field))[:MAX_KEPT]


def _measure(layout: Layout, *, now: datetime, report: Report) -> tuple[matching.Matched, int]:
    nobody = matching.Matched(0, {}, {}, {})
    report(1, 2, COMPILING)
    try:
        rules, segments = compile_release(layout.release), compile_segments(layout.release)
    except CompileError:
        return nobody, 0  # told when the change is submitted
    wanted = {one.key: one for one in (*rules.aggregates, *segments.aggregates)}
    try:
        known, population = sampled_facts(
            redis_client(),
            attributes=matching.keys_read(layout.release),
            aggregates=list(wanted.values()),
            now=now,
            of_accounts={one.key for one in layout.release.attributes if one.source == "account"},
        )
    except (*Down, redis.RedisError):
        return nobody, 0
    deadline = time.monotonic() + SECONDS

    def go_on(number: int) -> bool:
        report(len(known) + number, 2 * len(known), LOOKING)
        return time.monotonic() < deadline

    found = matching.match(layout.release, (rules, segments), known.values(), now=now, go_on=go_on)
    return found, population


def request_analysis(change: Change) -> Job:
    """Return the job that looks at a change, a new one where none waits or runs."""
    subject = subject_of(change)
    states = (Job.State.WAITING, Job.State.RUNNING)
    running = Job.objects.filter(kind=KIND, subject=subject, state__in=states).first()
    return running or Job.objects.create(kind=KIND, subject=subject)


def ask_for_live(*, now: datetime) -> None:
    """Leave a job to look at what is live where that is due; its earlier ones go."""
    mine = Job.objects.filter(kind=KIND, subject=LIVE)
    busy = mine.filter(state__in=(Job.State.WAITING, Job.State.RUNNING))
    failed = mine.filter(state=Job.State.FAILED, updated_at__gt=now - PAUSE)
    if not busy.exists() and not failed.exists() and live_is_due(now=now):
        mine.delete()
        Job.objects.create(kind=KIND, subject=LIVE)


def live_is_due(*, now: datetime) -> bool:
    """Return whether what is live has to be looked at again; two queries."""
    release = live_release()
    if release is None:
        return False
    row = Analysis.objects.filter(subject=LIVE).only("digest", "analysed_at").first()
    return row is None or row.digest != release.digest or now - row.analysed_at > MAX_AGE


def is_current(row: Analysis | None, change: Change) -> bool:
    """Return whether an analysis looked at a change as it is now."""
    try:
        return row is not None and row.digest == seen_digest(change)
    except Refused:
        return False


def follows_links() -> bool:
    """Return whether the deployment allows asking other hosts."""
    return bool(settings.RTTS_FOLLOW_LINKS)


def findings_of(row: Analysis | None) -> list[Oddity]:
    """Return the findings of an analysis; those that this version no longer makes are left out."""
    kept = row.findings if row else []
    return [one for one in msgspec.convert(kept, list[Oddity]) if one.code in SAYINGS]


@dataclass(frozen=True, slots=True)
class Attention:
    """What needs a user's attention."""

    told: list[Told]  # the most severe first
    count: int  # all of them, told or not
    dismissed: list[tuple[Told, Dismissal]]
    row: Analysis | None  # None: nothing was looked at yet


def attention_of(
    user: AbstractBaseUser | AnonymousUser, *, notes: bool = False, most: int = MAX_KEPT
) -> Attention:
    """Return what was found in what is live and the user did not dismiss; a handful of queries."""
    row = Analysis.objects.filter(subject=LIVE).first()
    found = findings_of(row)
    mine = {one.mark: one for one in Dismissal.objects.filter(user_id=user.pk or 0)}
    kept = [
        one
        for one in found
        if one.mark not in mine and (notes or SAYINGS[one.code].severity != "note")
    ]
    gone = [one for one in found if one.mark in mine]
    names = wording.names_of(candidate_of(None))
    return Attention(
        tell_all(_kept(kept)[:most], names),
        len(kept),
        [(told, mine[told.oddity.mark]) for told in tell_all(gone, names)] if notes else [],
        row,
    )


def told_of_change(change: Change, *, now: datetime) -> list[Told]:
    """Return what is odd about a change: its own things, and what else is only so because of it."""
    candidate = candidate_of(change)
    touched = {(row.item.kind, row.item.key) for row in changed_drafts(change)}
    try:
        layout = layout_of(candidate)
    except Refused:
        return []
    found = [odd for kind, key in touched for odd in of_thing(layout, kind, key, around(now))]
    row = Analysis.objects.filter(subject=subject_of(change)).first()
    if is_current(row, change):
        known = {one.mark for one in findings_of(Analysis.objects.filter(subject=LIVE).first())}
        found += [
            one
            for one in findings_of(row)
            if (one.kind, one.key) in touched or one.mark not in known
        ]
    unique = {one.mark: one for one in found}
    return tell_all(unique.values(), wording.names_of(candidate))


def dismiss(user: AbstractBaseUser, mark: str, *, reason: str, now: datetime) -> None:
    """Hide a finding from a user until it changes."""
    said = {"reason": reason, "created_at": now}
    Dismissal.objects.update_or_create(user_id=user.pk, mark=mark, defaults=said)


def bring_back(user: AbstractBaseUser, mark: str) -> None:
    """Show a finding to a user again."""
    Dismissal.objects.filter(user_id=user.pk, mark=mark).delete()
