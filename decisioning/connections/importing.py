"""The only place that takes files from their upload into the event log, chunk by chunk, each row once.

Imports have a task of their own and not a kind of work in `campaigns.jobs`: one takes hours, gives its worker back
every few seconds, goes on where a killed worker was within seconds, and waits while streams are full; a job there is
done in one go. Its `Job` row is for the people who watch it.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
import redis
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from decisioning.connections import folder
from decisioning.connections.acceptance import (
    Taken,
    Understood,
    by_place,
    reading_for,
    take,
    understand,
)
from decisioning.connections.layouts import Layout, Place, Unreadable, detect
from decisioning.connections.lines import Line, Lines, total_of
from decisioning.connections.mapping import Mapping, decode_mapping, faults_of, mapping_digest
from decisioning.connections.sampling import ROWS
from decisioning.ingestion.log import LogAway, LogFull
from decisioning.models import Import
from rtts_site.foundation.jobs import Job
from rtts_site.foundation.texts import Filled, words_of

JOB_KIND: Final = "decisioning.import"
CHUNK: Final = 500  # rows in memory, and between two saved places
HELD: Final = timedelta(seconds=15)  # longer than any chunk takes
PAUSE: Final = timedelta(seconds=1)  # while streams are full
AWAY: Final = timedelta(seconds=5)  # while the log is
TRIES: Final = 20  # one after another without a chunk between them
KEPT: Final = timedelta(days=7)  # refused rows, and files that nobody started or that failed
MOST_WAITING: Final = 20

Clock = Callable[[], datetime]
State = Import.State


class NotStarted(Exception):
    """A file that cannot be imported now; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a file: a person, or a program by its key."""

    user: int | None = None
    key: str = ""


def receive(chunks: Iterable[bytes], *, file_name: str, sender: Sender, now: datetime) -> Import:
    """Keep a file and tell what it is; nothing of it is taken yet.

    Raises:
        Unreadable: no file of a known format, or too large.
    """
    part, digest, size = folder.keep(chunks)
    try:
        layout = detect(part)
        total = total_of(part, layout)
        name = file_name.replace("\0", "")[-200:] or "file"
        row = Import.objects.create(
            file_name=name,
            digest=digest,
            size=size,
            layout=msgspec.to_builtins(layout),
            total=total,
            user_id=sender.user,
            key=sender.key,
            created_at=now,
            changed_at=now,
        )
        part.rename(folder.data_path(row.pk))
    finally:
        part.unlink(missing_ok=True)
    return row


def layout_of(row: Import) -> Layout:
    """Return how a file is read."""
    return msgspec.convert(row.layout, Layout)


def first_rows(row: Import, count: int = ROWS) -> list[Line]:
    """Return the first rows of a file that is still there.

    Raises:
        Unreadable: broken, or removed since.
    """
    return list(islice(iter(Lines(_path(row), layout_of(row), Place())), count))


def _path(row: Import) -> Path:
    path = folder.data_path(row.pk)
    if not path.exists():
        raise Unreadable(_("The file is no longer kept; upload it again."))
    return path


def base_of(row: Import, mapping: Mapping) -> str:
    """Return what the ids of a file's messages begin with: the same file, read the same way, says the same."""
    return f"import:{row.digest[:24]}:{mapping_digest(mapping)}"


def start(row: Import, mapping: Mapping, *, now: datetime) -> None:
    """Let a file be imported by a worker.

    Raises:
        NotStarted: the mapping has faults, the file was started before, or it was imported with this mapping.
    """
    for fault in faults_of(mapping):
        raise NotStarted(Filled("{pointer}: {reason}", pointer=fault.pointer, reason=fault.reason))
    with transaction.atomic():
        row = Import.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if row.state != State.DRAFT:
            raise NotStarted(_("This file was started before."))
        if Import.objects.filter(state__in=Import.OPEN).count() >= MOST_WAITING:
            raise NotStarted(_("Too many imports wait; start this one when one of them is done."))
        body = msgspec.to_builtins(mapping)
        _check_new(row, body)
        job = Job.objects.create(kind=JOB_KIND, subject=f"import:{row.pk}", total=row.total)
        row.mapping, row.state, row.job, row.changed_at = body, State.WAITING, str(job.pk), now
        row.save(update_fields=["mapping", "state", "job", "changed_at"])


def _check_new(row: Import, mapping: dict[str, object]) -> None:
    before = Import.objects.filter(digest=row.digest, mapping=mapping).exclude(
        state__in=(State.DRAFT, State.CANCELLED, State.FAILED)
    )
    found = before.exclude(pk=row.pk).order_by("-pk").first()
    if found is not None:
        raise NotStarted(
            Filled(
                _(
                    "This file was imported with this mapping before, as import {number}: again it "
                    "would change nothing."
                ),
                number=found.pk,
            )
        )


def cancel(row: Import, *, now: datetime) -> bool:
    """End an import that is not over after its present chunk; return whether it was open."""
    open_states = (*Import.OPEN, State.DRAFT)
    changed = Import.objects.filter(pk=row.pk, state__in=open_states).update(
        state=State.CANCELLED, ended_at=now, changed_at=now
    )
    if changed:
        Job.objects.filter(pk=row.job or 0).update(state=Job.State.CANCELLED)
        folder.forget(row.pk)
    return bool(changed)


# Working


def work(client: "redis.Redis", *, now: Clock, spell: timedelta) -> bool:
    """Take rows of the oldest import that may go on, until a spell is over; return whether there was one."""
    row = _claim(now=now())
    if row is None:
        return False
    try:
        _Turn(client, row, now).run(until=now() + spell)
    except Unreadable as error:
        _end(row, State.FAILED, words_of(error), now=now())
    except (LogAway, redis.RedisError):  # it passes: no try of the import's own
        words = _("Waits: the log of events does not answer.")
        _pause(row, AWAY, words, now=now())
    except Exception as error:
        _count_try(row, error, now=now())
        raise
    return True


def is_due(now: datetime) -> bool:
    """Return whether an import may go on; one query."""
    return _free(now).exists()


def _free(now: datetime) -> QuerySet[Import]:
    return Import.objects.filter(state__in=Import.OPEN).exclude(held_until__gt=now)


def _claim(*, now: datetime) -> Import | None:
    """Take an import that nobody works on; whose holder was killed is free after a while."""
    with transaction.atomic():
        free = _free(now)
        row = free.select_for_update(skip_locked=True, of=("self",)).order_by("changed_at").first()
        if row is not None:
            # A holder that did not leave may have appended rows of its chunk.
            row.was_left = not row.holder  # type: ignore[attr-defined]  # of this process
            row.holder, row.held_until = secrets.token_hex(8), now + HELD
            row.state = State.RUNNING
            row.save(update_fields=["holder", "held_until", "state"])
            Job.objects.filter(pk=row.job or 0).update(state=Job.State.RUNNING, updated_at=now)
    return row


class _Turn:
    """One worker's spell with one import."""

    def __init__(self, client: "redis.Redis", row: Import, now: Clock) -> None:
        self._client, self._row, self._now = client, row, now
        self._layout = layout_of(row)
        self._mapping = decode_mapping(row.mapping)
        self._unique = by_place(base_of(row, self._mapping))
        self._redone = not row.was_left  # type: ignore[attr-defined]  # set by `_claim`
        self._place = msgspec.convert(row.place, Place)
        self._reading = reading_for(client, source=f"import:{row.pk}")  # for a spell

    def run(self, *, until: datetime) -> None:
        row = self._row
        lines = Lines(_path(row), self._layout, self._place)
        rows = iter(lines)
        while self._now() < until:
            began = self._now()
            chunk, trouble = _some(rows)
            try:
                taken, told = self._take(chunk)
            except LogFull:
                self._wait()
                return
            if not self._save(lines, chunk, taken, told, began):
                return  # cancelled, or given to another worker
            if trouble:
                raise Unreadable(trouble)
            if len(chunk) < CHUNK:
                _end(row, State.DONE, "", now=self._now())
                return
        _leave(row)

    def _take(self, chunk: list[Line]) -> tuple[Taken, Understood]:
        now_ms = int(self._now().timestamp() * 1000)
        told = understand(
            self._mapping, chunk, reading=self._reading.at(now_ms), unique=self._unique
        )
        # Rows that a killed worker appended are not repeats of others.
        redone, reading = bool(self._redone), self._reading.at(now_ms)
        return take(self._client, told, reading=reading, is_redone=redone), told

    def _save(
        self, lines: Lines, chunk: list[Line], taken: Taken, told: Understood, began: datetime
    ) -> bool:
        """Keep what became of a chunk together with where the next one begins."""
        row, now = self._row, self._now()
        row.refused_bytes = folder.append_refused(
            row.pk, self._layout, told.refused, since=row.refused_bytes
        )
        row.rows += len(chunk)
        row.accepted += taken.accepted
        row.repeats += taken.repeats
        row.refused += len(told.refused)
        row.spent_ms += int((now - began).total_seconds() * 1000)
        row.place, row.changed_at = msgspec.to_builtins(lines.place), now
        row.held_until, row.trouble = now + HELD, ""
        self._redone = False
        return _save_if_held(row) and _report(row, lines.done, now=now)

    def _wait(self) -> None:
        words = _("Waits: events come in faster than they are worked off.")
        _pause(self._row, PAUSE, words, now=self._now())


def _some(rows: "Iterable[Line]") -> tuple[list[Line], str]:
    """Return the next rows, and what kept the file from being read on, "" if nothing did."""
    chunk: list[Line] = []
    try:
        chunk.extend(islice(rows, CHUNK))
    except Unreadable as error:
        return chunk, words_of(error)
    return chunk, ""


SAVED: Final = (
    *("rows", "accepted", "repeats", "refused", "refused_bytes", "spent_ms", "place"),
    *("changed_at", "held_until", "trouble"),
)


def _save_if_held(row: Import) -> bool:
    mine = Import.objects.filter(pk=row.pk, holder=row.holder, state=State.RUNNING)
    return bool(mine.update(**{name: getattr(row, name) for name in SAVED}))


@dataclass(frozen=True, slots=True)
class Pace:
    """How an import comes on."""

    percent: int
    rate: float  # rows a second, while it is worked on
    left_s: float | None  # None: not known


def pace_of(row: Import, *, done: int) -> Pace:
    """Return how an import comes on, of which `done` of `total` is read."""
    spent = row.spent_ms / 1000
    rate = row.rows / spent if spent else 0.0
    share = min(1.0, done / row.total) if row.total else 0.0
    left = spent * (1 - share) / share if share and spent else None
    return Pace(int(100 * share), rate, None if row.is_over else left)


def _report(row: Import, done: int, *, now: datetime) -> bool:
    words = _("{rows} rows read, {refused} refused")
    said = Filled(words, rows=row.rows, refused=row.refused)
    Job.objects.filter(pk=row.job or 0).update(
        done=min(done, row.total), message=str(said), said=said.plain(), attempts=0, updated_at=now
    )
    return True


def _leave(row: Import) -> None:
    Import.objects.filter(pk=row.pk, holder=row.holder).update(holder="", held_until=None)


def _pause(row: Import, pause: timedelta, words: str, *, now: datetime) -> None:
    """Give an import back for a while; its holder stays named, as a part of the chunk may be appended."""
    Import.objects.filter(pk=row.pk, holder=row.holder).update(
        held_until=now + pause, trouble=words[:500], changed_at=now
    )


def _count_try(row: Import, error: Exception, *, now: datetime) -> None:
    job = Job.objects.filter(pk=row.job or 0).first()
    tries = job.attempts + 1 if job is not None else TRIES
    words = f"{type(error).__name__}"
    if tries >= TRIES:
        _end(row, State.FAILED, words, now=now)
        return
    Job.objects.filter(pk=row.job or 0).update(attempts=tries)
    _pause(row, timedelta(seconds=min(2**tries, 60)), words, now=now)


def _end(row: Import, state: str, trouble: str, *, now: datetime) -> None:
    mine = Import.objects.filter(pk=row.pk, holder=row.holder, state=State.RUNNING)
    if not mine.update(
        state=state, trouble=trouble[:500], ended_at=now, changed_at=now, held_until=None
    ):
        return
    done = Job.State.DONE if state == State.DONE else Job.State.FAILED
    job = Job.objects.filter(pk=row.job or 0).first()
    if job is not None:
        job.state = done
        if trouble:
            job.tell(trouble)
        if state == State.DONE:
            job.done = job.total
        job.save(update_fields=["state", "done", "message", "said", "updated_at"])
    if state != State.FAILED:
        folder.forget(row.pk)


def may_go_on(row: Import) -> bool:
    """Say whether an import that failed can go on where it was: its file is still kept."""
    return row.state == State.FAILED and folder.data_path(row.pk).exists()


def go_on(row: Import, *, now: datetime) -> bool:
    """Let a failed import go on where it was; return whether it can."""
    if not may_go_on(row):
        return False
    changed = Import.objects.filter(pk=row.pk, state=State.FAILED).update(
        state=State.WAITING, trouble="", ended_at=None, held_until=None, changed_at=now
    )
    if changed:
        Job.objects.filter(pk=row.job or 0).update(state=Job.State.WAITING, attempts=0)
    return bool(changed)


def forget_old(*, now: datetime) -> int:
    """Remove what nobody started, and the refused rows of imports that are long over; return how many."""
    old = Import.objects.filter(changed_at__lt=now - KEPT)
    count = 0
    for row in old.filter(state=State.DRAFT):
        folder.forget(row.pk, refused=True)
        row.delete()
        count += 1
    for row in old.filter(state=State.FAILED):
        folder.forget(row.pk)
    for row in old.filter(refused_bytes__gt=0).exclude(state__in=Import.OPEN):
        folder.forget(row.pk, refused=True)
        Import.objects.filter(pk=row.pk).update(refused_bytes=0)
        count += 1
    return count
