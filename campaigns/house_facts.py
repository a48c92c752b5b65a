"""What the ledger is told of approvals and publishes, and whether the tables still say the same."""

from collections.abc import Iterator
from datetime import datetime

from campaigns.models import Approval, Release
from consent.proof.checking import Cursor, Question, Trouble, compare_with_facts
from consent.proof.facts import RELEASE_APPROVED, RELEASE_PUBLISHED, Fields, record_fact


def fields_of_approval(approval: Approval, *, by: str) -> Fields:
    """Return what the fact of an approval says."""
    return {
        "approval": approval.pk,
        "change": approval.change_id,
        "digest": approval.digest,
        "content": approval.content,
        "user": approval.user_id,
        "by": by,
    }


def fields_of_release(release: Release, *, by: str) -> Fields:
    """Return what the fact of a publish says."""
    return {
        "release": release.pk,
        "version": release.version or 0,
        "digest": release.digest,
        "approved_digest": release.approved_digest,
        "user": release.published_by_id or 0,
        "by": by,
    }


def tell_approval(approval: Approval, *, now: datetime) -> None:
    """Put an approval into the ledger, in the caller's transaction."""
    by = approval.user.get_username()
    record_fact(RELEASE_APPROVED, fields_of_approval(approval, by=by), now=now, actor=by)


def tell_publish(release: Release, *, now: datetime) -> None:
    """Put a publish into the ledger, in the caller's transaction."""
    by = release.published_by.get_username() if release.published_by else ""
    told = fields_of_release(release, by=by)
    record_fact(RELEASE_PUBLISHED, told, now=now, actor=by or "system")


CHECK = "approvals and publishes are those that the ledger tells of"
# Not the name of who did it: people are renamed.
_APPROVALS = "select id, change_id, digest, content, user_id from campaigns_approval order by id"
_RELEASES = (
    "select id, version, digest, approved_digest, coalesce(published_by_id, 0) "
    "from campaigns_release where version is not null order by version"
)
_ASKED = (
    (_APPROVALS, ("approval", "change", "digest", "content", "user"), RELEASE_APPROVED),
    (_RELEASES, ("release", "version", "digest", "approved_digest", "user"), RELEASE_PUBLISHED),
)


def check_approvals(cursor: Cursor, _question: Question) -> Iterator[tuple[str, Trouble | None]]:
    """Yield where approvals, or what was published, are not those that the ledger tells of."""
    yield CHECK, None
    for statement, names, kind in _ASKED:
        cursor.execute(statement)
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        for trouble in compare_with_facts(cursor, kind, rows, key=names[0]):
            yield CHECK, trouble
