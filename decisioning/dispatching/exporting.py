"""The only place that exports who is in a segment: to a file or a destination, as far as consent allows it."""

import csv
import io
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import redis
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from consent import people
from consent.policy import PolicySpec, permits
from consent.policy_store import load_live_policy
from consent.state import load_views
from decisioning.dispatching.bodies import body_of
from decisioning.dispatching.sending import post
from decisioning.models import MemberExport
from decisioning.profiles.profile import Profile
from decisioning.profiles.somebody import Judge, with_accounts
from decisioning.profiles.store import load_profiles
from decisioning.releases import load_live, load_released
from decisioning.rules.conditions import Catalogue, Truth
from decisioning.rules.phrases import gettext_noop as _

logger = logging.getLogger("decisioning")

RUN_S: Final = 20.0
PEOPLE_AT_ONCE: Final = 500
CLAIMED: Final = timedelta(seconds=120)
PAUSE: Final = timedelta(seconds=30)  # after a page that was not taken
PATIENCE: Final = timedelta(hours=24)  # with a destination
KEPT: Final = timedelta(days=7)  # files
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class ExportFailed(Exception):
    """It cannot go on; the message says why."""


class NotTaken(Exception):
    """The destination did not take a page; it is sent again later."""


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in a segment, and whose consent allows to say so."""

    judge: Judge
    policy: PolicySpec
    purpose: str
    channel: str
    namespaces: Sequence[str]

    def rows(
        self, client: redis.Redis, profiles: Mapping[str, Profile | None], now: datetime
    ) -> tuple[int, list[dict[str, Any]]]:
        """Return how many of these people are in the segment, and a row for each who may be named."""
        alive = {
            person: profile
            for person, profile in profiles.items()
            if profile is not None and not profile.merged_into
        }
        known = [
            (one.person, alive[one.person])
            for one in with_accounts(client, alive, self.judge.reads)
            if self.judge.truth(one, now.timestamp()) is Truth.TRUE
        ]
        views = load_views(client, [person for person, _ in known]) if known else {}
        rows = []
        for person, profile in known:
            gate = permits(
                self.policy, views[person], [self.purpose], channel=self.channel, now=now
            )
            named = self._names(profile) if gate.allowed else {}
            if named:
                rows.append({"person_id": person, **named})
        return len(known), rows

    def _names(self, profile: Profile) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for identifier in profile.identifiers:
            namespace, _, value = identifier.partition(":")
            if namespace in self.namespaces:
                found.setdefault(namespace, []).append(value)
        return found


def folder() -> Path:
    """Return where the files are, which web processes and workers share."""
    path: Path = settings.RTTS_VAR / "exports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def path_of(export: MemberExport) -> Path:
    """Return the file of an export."""
    return folder() / f"{export.pk}.{export.format}"


def go_on(client: redis.Redis, *, now: Callable[[], datetime]) -> bool:
    """Work on the export that waits longest, for about RUN_S; say whether there was one."""
    export = _claim(now())
    if export is None:
        return False
    try:
        _work(client, export, now=now)
    except NotTaken as error:
        overdue = now() - export.created_at > PATIENCE
        state = MemberExport.State.FAILED if overdue else MemberExport.State.RUNNING
        _save(export, state=state, trouble=str(error)[:500], held_until=now() + PAUSE)
    except ExportFailed as error:
        _save(export, state=MemberExport.State.FAILED, trouble=str(error)[:500], done_at=now())
    return True


def is_due(now: datetime) -> bool:
    """Return whether an export may go on; one query."""
    return _ready(now).exists()


def _ready(now: datetime) -> QuerySet[MemberExport]:
    return MemberExport.objects.filter(state__in=MemberExport.OPEN).exclude(held_until__gt=now)


def _claim(now: datetime) -> MemberExport | None:
    with transaction.atomic():
        ready = _ready(now).select_for_update(skip_locked=True, of=("self",))
        export = ready.order_by("created_at").first()
        if export is not None:
            export.state, export.held_until = MemberExport.State.RUNNING, now + CLAIMED
            export.save(update_fields=["state", "held_until"])
    return export


def _save(export: MemberExport, **fields: Any) -> None:
    """Keep progress, unless the export was cancelled meanwhile."""
    for name, value in fields.items():
        setattr(export, name, value)
    rows = MemberExport.objects.filter(pk=export.pk, state=MemberExport.State.RUNNING)
    if not rows.update(**fields):
        raise ExportFailed(_("It was cancelled."))


def _work(client: redis.Redis, export: MemberExport, *, now: Callable[[], datetime]) -> None:
    members = _members(client, export)
    end = time.monotonic() + RUN_S
    while export.partition < people.PARTITIONS and time.monotonic() < end:
        _page(client, export, members, now=now())
    if export.partition < people.PARTITIONS:
        _save(export, held_until=None)
        return
    if export.destination_id:
        _post(export, [], is_last=True, now=now())
    _save(export, state=MemberExport.State.DONE, trouble="", done_at=now())
    logger.info(
        "members.exported export=%s segment=%s rows=%s", export.pk, export.segment, export.rows
    )


def _members(client: redis.Redis, export: MemberExport) -> Members:
    verified = load_released(client, export.release) if export.release else load_live(client)
    policy = load_live_policy(client, known=None)
    if verified is None or policy is None:
        raise ExportFailed(_("There is no live release or consent policy."))
    if not export.release:
        _save(export, release=verified.digest)
    catalogue = Catalogue.of(verified.release)
    if export.segment not in catalogue.segments:
        raise ExportFailed(_("The segment is not live."))
    judge = Judge.of({"segment": export.segment}, catalogue)
    return Members(judge, policy, export.purpose, export.channel, export.namespaces)


def _page(client: redis.Redis, export: MemberExport, members: Members, *, now: datetime) -> None:
    """Look at the next people, write those who count, and note how far it is; doing it twice changes nothing."""
    partition, after = export.partition, export.after
    found: Any = client.zrangebylex(
        people.roster_key(partition),
        f"({after}" if after else "-",
        "+",
        start=0,
        num=PEOPLE_AT_ONCE,
    )
    persons = [person.decode() for person in found]
    profiles = load_profiles(client, {partition: persons}) if persons else {}
    inside, rows = members.rows(client, profiles, now)
    size, pages = export.size, export.pages
    if export.destination_id:
        if rows:
            _post(export, rows, is_last=False, now=now)
            pages += 1
    else:
        size = _append(export, rows)
    is_over = len(persons) < PEOPLE_AT_ONCE
    _save(
        export,
        partition=partition + 1 if is_over else partition,
        after="" if is_over else persons[-1],
        looked_at=export.looked_at + len(persons),
        members=export.members + inside,
        rows=export.rows + len(rows),
        size=size,
        pages=pages,
        held_until=now + CLAIMED,
    )


def _append(export: MemberExport, rows: Sequence[dict[str, Any]]) -> int:
    """Write rows behind those that count, over what a worker left that died; return the file's size."""
    data = _as_csv(export, rows) if export.format == "csv" else _as_lines(rows)
    with path_of(export).open("ab") as file:
        file.truncate(export.size)
        file.write(data)
        file.flush()
        return file.tell()


def _as_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _as_csv(export: MemberExport, rows: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not export.size:
        writer.writerow(["person_id", *export.namespaces])
    for row in rows:
        values = [" ".join(row.get(name, ())) for name in export.namespaces]
        writer.writerow([row["person_id"], *map(_harmless, values)])
    return text.getvalue().encode()


def _harmless(text: str) -> str:
    """Return a value that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _post(
    export: MemberExport, rows: Sequence[dict[str, Any]], *, is_last: bool, now: datetime
) -> None:
    if export.destination is None:
        raise ExportFailed(_("The destination was removed."))
    data = {
        "export": export.pk,
        "segment": {"key": export.segment},
        "purpose": export.purpose,
        "page": export.pages + 1,
        "is_last": is_last,
        "members": list(rows),
    }
    # The id says page and place, so that a page sent twice is known as such.
    message = f"msg_x_{export.pk}_{export.pages + 1}"
    body = body_of("segment.members", data, at=now)
    tried = post(export.destination, message, body, now=now)
    if not tried.is_taken:
        raise NotTaken(tried.trouble or f"It answered {tried.status}.")


def forget_old(*, now: datetime) -> int:
    """Remove files of exports that ended a week ago; return how many."""
    rows = MemberExport.objects.filter(done_at__lt=now - KEPT)
    for row in rows:
        path_of(row).unlink(missing_ok=True)
    return rows.count()
