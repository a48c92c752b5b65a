"""What a question can be asked under, laid out to decide with: what is live, an open change, a past release."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import msgspec
import redis
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.candidates import candidate_of, live_release
from campaigns.models import Change, Release
from consent.policy import PolicyError, PolicySpec, decode_policy
from consent.policy_store import live_policy
from decisioning.arbitration.totals import closed_offers
from decisioning.held import Held, hold
from decisioning.holder import Current
from decisioning.ingestion.records import Record, decode_record
from decisioning.learning.publishing import Learned, load_learned
from decisioning.models import EventRecord
from decisioning.profiles.aggregates import Aggregates, families_of
from decisioning.profiles.folding import fold
from decisioning.profiles.live_set import load_live
from decisioning.profiles.profile import Profile
from decisioning.releases import Verified
from decisioning.rules.artifact import Artifact, ArtifactError, decode_artifact
from decisioning.rules.canonical import CanonicalError, decode_release, digest
from decisioning.rules.compiler import compile_release
from decisioning.rules.phrases import Filled
from decisioning.rules.signals import events_read
from decisioning.specs import AggregateSpec, ReleaseSpec
from decisioning.stops import Stops, load_stops

Under = Change | Release | None  # None is what is live
OPEN: Final = (
    Change.State.DRAFT,
    Change.State.IN_REVIEW,
    Change.State.APPROVED,
    Change.State.PREPARING,
)


class NothingToTry(Exception):
    """There is no release to decide with, or none that this version reads; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A release ready to be asked, and all that decisions take besides the person."""

    name: str  # "Release 12", or the change's title
    under: Under
    held: Held
    policy: PolicySpec | None
    current: Current
    unkept: tuple[AggregateSpec, ...]  # what workers do not keep yet, so history is read instead


@contextmanager
def staged(client: redis.Redis, under: Under = None) -> Iterator[Stage]:
    """Yield what is live, a change or a past release, ready to be asked any number of questions.

    Compiles a change, which takes up to seconds: never on the way of a decision. Policies only move forward, so a past
    release is asked under the policy in force.

    Raises:
        NothingToTry: nothing was published yet, or another version wrote it.
        Refused: the change cannot become a release.
        CompileError: it is past what the engine can hold.
    """
    name, verified, policy = _subject(under)
    held = hold(verified)
    try:
        now_ms = int(time.time() * 1000)
        closed = closed_offers(client, held.offers.values(), now_ms=now_ms)
        current = Current(
            held=held,
            policy=policy,
            learned=load_learned(client, known=Learned()),
            closed=closed,
            stops=load_stops(client, known=Stops()),
        )
        yield Stage(name, under, held, policy, current, unkept(client, verified.artifact))
    finally:
        held.engine.close()


def _subject(under: Under) -> tuple[str, Verified, PolicySpec | None]:
    if isinstance(under, Change):
        candidate = candidate_of(under)
        spec = candidate.spec
        return under.title, _verified(0, spec, compile_release(spec)), candidate.policy
    release = under or live_release()
    if release is None:
        raise NothingToTry(_("Nothing was published yet: approve and publish a change first."))
    spec = spec_of(release)
    verified = _verified(release.version or 0, spec, _artifact(release, spec))
    return str(release), verified, _policy_of(release)


def spec_of(release: Release) -> ReleaseSpec:
    """Return what a release says.

    Raises:
        NothingToTry: another version of the product wrote it.
    """
    try:
        return decode_release(bytes(release.spec))
    except CanonicalError as error:
        words = gettext_noop("This version cannot read {release}: publish it again.")
        raise NothingToTry(Filled(words, release=release)) from error


def _policy_of(release: Release) -> PolicySpec:
    try:
        return live_policy() or decode_policy(bytes(release.policy))
    except PolicyError as error:
        raise NothingToTry(
            _("This version cannot read the consent policy: publish it again.")
        ) from error


def _verified(version: int, spec: ReleaseSpec, artifact: Artifact) -> Verified:
    return Verified(version, digest(spec), 0, spec, artifact)


def _artifact(release: Release, spec: ReleaseSpec) -> Artifact:
    if release.artifact:
        with suppress(ArtifactError):  # of another version: what it was compiled from still stands
            return decode_artifact(bytes(release.artifact))
    return compile_release(spec)


def unkept(client: redis.Redis, artifact: Artifact) -> tuple[AggregateSpec, ...]:
    """Return the aggregates that workers do not keep; one round trip."""
    live = {family.key for spec in load_live(client).specs for family in families_of(spec)}
    return tuple(
        spec for spec in artifact.aggregates if {one.key for one in families_of(spec)} - live
    )


def recounted(person: str, profile: Profile | None, specs: Iterable[AggregateSpec]) -> Profile:
    """Return a profile in which these aggregates are counted from history; one query.

    What has not reached PostgreSQL yet, about a second's worth, is not in it.
    """
    wanted = list(specs)
    known = profile or Profile()
    names = {name for spec in wanted for name in events_read(spec)}
    rows = EventRecord.objects.filter(
        person_id__in=[person, *known.absorbed], kind="event", name__in=names
    ).values_list("body", flat=True)
    records: list[Record] = [decode_record(bytes(body)) for body in rows.iterator()]
    # What a window has left behind by the newest event of any kind is let go, as workers do.
    folded = fold(Profile(newest_ms=known.newest_ms), records, Aggregates.of(wanted))
    # Sessions and page views are told by all events, which the profile has seen.
    return msgspec.structs.replace(folded, activity=known.activity, page_ms=known.page_ms)
