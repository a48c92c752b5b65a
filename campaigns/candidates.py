"""What would be live: the live release with the drafts of a change laid over it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

from django.db.models import Max

from campaigns import checking, mapping
from campaigns.drafts import drafts_of
from campaigns.images.library import unready as unready_pictures
from campaigns.mapping import Bodies, Body
from campaigns.models import Change, Item, Release, Revision
from campaigns.models.items import DATA_KINDS, POLICY_KINDS, Kind
from campaigns.uses import Name, Use, users_by_name
from consent.policy import PolicySpec
from consent.policy_store import live_policy, policy_faults
from decisioning.rules.catalogue import Catalogue
from decisioning.specs import ReleaseSpec

KEPT_SPECS: Final = 50_000  # of revisions, in each process
_specs: dict[int, Any] = {}  # by revision: what is saved is never edited


@dataclass(frozen=True)
class Candidate:
    """What would be live together; `revisions` are the rows that say so."""

    bodies: Bodies  # (kind, key) -> body
    revisions: tuple[Revision, ...] = ()

    @cached_property
    def spec(self) -> ReleaseSpec:
        """Return the release; raises Refused where a body cannot become a spec."""
        return mapping.release_spec(self.bodies, read=self._read)

    @cached_property
    def catalogue(self) -> Catalogue:
        """Return what conditions may name; raises Refused where a body cannot become a spec."""
        return Catalogue.of(self.spec)

    @cached_property
    def policy(self) -> PolicySpec:
        """Return the consent policy; raises Refused where a body cannot become a spec."""
        return mapping.policy_spec(self.bodies, published=live_policy())

    @cached_property
    def purposes(self) -> frozenset[str]:
        """Return the keys of all purposes for which anything may be done."""
        return frozenset(
            key
            for (kind, key), body in self.bodies.items()
            if kind == Kind.PURPOSE and not body.get("retired")
        )

    @cached_property
    def users(self) -> dict[Name, tuple[Use, ...]]:
        """Return which things name each thing."""
        return users_by_name(self.bodies)

    @cached_property
    def _rows(self) -> dict[tuple[str, str], Revision]:
        return {(row.item.kind, row.item.key): row for row in self.revisions}

    def _read(self, kind: str, key: str, body: Body) -> Any:
        row = self._rows.get((kind, key))
        if row is None or row.body is not body:
            return mapping.parse_named(kind, key, body)
        spec = _specs.get(row.pk)  # another thread may empty what is kept at any time
        if spec is None:
            spec = mapping.parse_named(kind, key, body)
            if len(_specs) >= KEPT_SPECS:
                _specs.clear()
            _specs[row.pk] = spec
        return spec

    def findings(self) -> list[checking.Finding]:
        """Return everything that keeps it from being published; a few queries."""
        of_policy = [
            checking.Finding(fault.kind, fault.key, fault.field, fault.words)
            for fault in policy_faults(self.policy)
        ]
        waiting = [
            checking.Finding(kind, key, field, words)
            for kind, key, field, words in unready_pictures(self.bodies)
        ]
        return [
            *checking.check(self.spec, self.purposes),
            *checking.consent_findings(self.spec, self.policy),
            *of_policy,
            *waiting,
        ]


def live_release() -> Release | None:
    """Return the release that is live; one query."""
    return Release.objects.filter(state=Release.State.LIVE).first()


def live_revisions() -> dict[int, Revision]:
    """Return what is live, by item id; one query."""
    items = Item.objects.filter(live_revision__isnull=False).select_related("live_revision")
    found = {}
    for item in items:
        revision = item.live_revision
        if revision is not None:
            revision.item = item
            found[item.pk] = revision
    return found


def candidate_of(change: Change | None) -> Candidate:
    """Return what would be live if a change were published now; two queries, four where it is new.

    It is shared by all who ask: nobody may edit what it holds.
    """
    release = Release.objects.filter(state=Release.State.LIVE).values_list("pk", flat=True).first()
    newest = change.revisions.aggregate(newest=Max("pk"))["newest"] if change else None
    if release is None:
        return _laid_over(live_revisions(), change)
    return _kept_candidate(release, newest, change.pk if change and newest else None)


@lru_cache(maxsize=16)
def _kept_candidate(release: int, newest: int | None, change: int | None) -> Candidate:
    """Return what a release and the drafts of a change until `newest` say; neither is ever edited."""
    live = dict(_kept_live(release))
    return _laid_over(live, Change.objects.get(pk=change) if change else None)


@lru_cache(maxsize=2)
def _kept_live(release: int) -> dict[int, Revision]:
    return live_revisions()


def _laid_over(revisions: dict[int, Revision], change: Change | None) -> Candidate:
    for draft in drafts_of(change) if change else ():
        if draft.removed:
            revisions.pop(draft.item_id, None)
        else:
            revisions[draft.item_id] = draft
    return candidate_from(revisions.values())


def candidate_from(revisions: Iterable[Revision]) -> Candidate:
    """Return what is live together where exactly these revisions are."""
    rows = tuple(sorted(revisions, key=lambda row: row.item_id))
    return Candidate({(row.item.kind, row.item.key): row.body for row in rows}, rows)


def restored_revisions(release: Release, live: Release) -> list[Revision]:
    """Return what going back to a release makes live; three queries."""
    # Policies only move forward: purposes stay as they are live.
    kept = live.revisions.filter(item__kind__in=POLICY_KINDS).select_related("item")
    restored = release.revisions.exclude(item__kind__in=POLICY_KINDS).select_related("item")
    newest = _newest_of_data()
    return [*(_not_looser(row, newest.get(row.item_id, row)) for row in restored), *kept]


def _newest_of_data() -> dict[int, Revision]:
    """Return the revision of each attribute and event type that is live or was last, by item id; one query."""
    published = Revision.objects.filter(
        item__kind__in=DATA_KINDS, releases__version__isnull=False
    ).order_by("item_id", "-releases__version")
    return {row.item_id: row for row in published.distinct("item_id").select_related("item")}


def _not_looser(restored: Revision, newest: Revision) -> Revision:
    before, now = restored.body, newest.body
    more = set(before.get("purposes", ())) - set(now.get("purposes", ()))
    anything = before.get("source") == "context" != now.get("source")  # may serve every purpose
    return newest if more or anything else restored


def with_body(candidate: Candidate, kind: str, key: str, body: Body) -> Candidate:
    """Return a candidate in which one thing says something else; for trying, not for publishing."""
    return Candidate({**candidate.bodies, (kind, key): body}, candidate.revisions)


def conflicts(change: Change) -> list[Revision]:
    """Return the drafts that differ from what is live and were not written on it."""
    drafts = changed_drafts(change)
    return [draft for draft in drafts if draft.base_id != draft.item.live_revision_id]


def changed_drafts(change: Change) -> list[Revision]:
    """Return the drafts of a change that say something else than what is live."""
    drafts = drafts_of(change).select_related("item__live_revision")
    return [draft for draft in drafts if is_changed(draft)]


def is_changed(draft: Revision) -> bool:
    """Say whether a draft says something else than what is live."""
    live = draft.item.live_revision
    if live is None:
        return not draft.removed
    return draft.removed or (draft.body, draft.details) != (live.body, live.details)


def review_digest(release: str, policy: str, content: str, *, title: str) -> str:
    """Return the digest over all that a reviewer reads: release, policy, the revisions themselves, the title."""
    said = f"{release} {policy} {content} {title}"
    return f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"


def content_digest(drafts: Iterable[Revision]) -> str:
    """Return the digest over exactly these revisions, whatever else is live: what an approval covers."""
    ids = ",".join(str(draft.pk) for draft in sorted(drafts, key=lambda draft: draft.item_id))
    return f"sha256:{hashlib.sha256(ids.encode()).hexdigest()}"
