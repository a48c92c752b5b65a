"""The only place that asks foreign systems for what is new: one page at a time, kept together with where the next is."""

import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import redis
from django.db import transaction
from django.db.models import QuerySet

from decisioning.connections import authenticating, polls, sources
from decisioning.connections.acceptance import (
    Reading,
    Taken,
    Understood,
    by_content,
    reading_for,
    take,
    understand,
)
from decisioning.connections.authenticating import NotAuthorised, Token
from decisioning.connections.contents import contents_key, remember, unknown
from decisioning.connections.lines import Line
from decisioning.connections.mapping import Mapping
from decisioning.connections.polls import Confusing, Page, PollSpec, Progress
from decisioning.connections.sampling import as_lines
from decisioning.ingestion.log import LogAway, LogFull
from decisioning.models import Source, SourceRun
from decisioning.observing import quarantine
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _
from rtts_site.foundation.addresses import AddressRefused, look_up
from rtts_site.foundation.calling import Answer, NoAnswer, Sent, fetch
from rtts_site.foundation.sealing import SealError, seal, unseal
from rtts_site.foundation.texts import words_of

logger = logging.getLogger("decisioning")

TRY_S: Final = 10.0  # of one page
PAGE_BYTES: Final = 10_000_000
CLAIMED: Final = timedelta(seconds=60)  # longer than a token and a page take
FULL: Final = timedelta(seconds=2)  # while streams are full
FIRST_PAUSE_S: Final = 10.0
LONGEST_PAUSE_S: Final = 3_600.0
TOLD: Final = 20  # refusals of a run
CHUNK: Final = 500
TOKEN: Final = "source token"  # noqa: S105 - what it is sealed for
LEASE: Final = "connections:pulling"
LEASE_MS: Final = 40_000
# A lease that ran out may be another's by now.
RELEASE_LUA: Final = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1])"

Clock = Callable[[], datetime]


class Failed(Exception):
    """A page that could not be had; the message tells people why, `pause_s` is what the source asks for."""

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


def pull_due(client: "redis.Redis", *, now: Clock, spell: timedelta) -> int:
    """Ask for pages that are due until a spell is over; return how many. One worker does at a time."""
    # For economy alone: two workers waiting for slow systems would keep publishing waiting.
    mine = secrets.token_hex(8)
    if not client.set(LEASE, mine, nx=True, px=LEASE_MS):
        return 0
    end, pages = now() + spell, 0
    try:
        while now() < end:
            source = _claim(now=now())
            if source is None:
                break
            _step(client, source, now=now)
            pages += 1
    finally:
        client.eval(RELEASE_LUA, 1, LEASE, mine)
    return pages


def is_due(now: datetime) -> bool:
    """Return whether a source's next page is due; one query."""
    return _due(now).exists()


def _due(now: datetime) -> QuerySet[Source]:
    return Source.objects.filter(kind=Source.Kind.POLL, is_active=True, due_at__lte=now)


def _claim(*, now: datetime) -> Source | None:
    """Take a source whose page is due; one whose worker dies is due again after a while."""
    with transaction.atomic():
        due = _due(now)
        row = due.select_for_update(skip_locked=True, of=("self",)).order_by("due_at", "pk").first()
        if row is not None:
            row.due_at = now + CLAIMED
            if row.run_id is None:
                row.run = SourceRun.objects.create(source=row, started_at=now)
            row.save(update_fields=["due_at", "run"])
    return row


def _step(client: "redis.Redis", source: Source, *, now: Clock) -> None:
    try:
        _pull(client, source, now=now)
    except (LogFull, LogAway):
        _again(source, now() + FULL)
    except (Failed, NotAuthorised, AddressRefused, NoAnswer, SealError, Confusing) as error:
        _fail(source, words_of(error), getattr(error, "pause_s", 0.0), now=now())
    except redis.RedisError:
        _again(source, now() + FULL)
        raise
    except Exception as error:  # noqa: BLE001 - one source never holds up the others
        # Without the traceback: it may hold a secret of the source.
        logger.error("source.failed source=%s error=%s", source.key, type(error).__name__)
        _fail(source, type(error).__name__, 0.0, now=now())


def _pull(client: "redis.Redis", source: Source, *, now: Clock) -> None:
    spec, progress = sources.poll_of(source), sources.progress_of(source)
    page = fetch_page(source, spec, progress, now=now)
    reading = reading_for(client, source=f"source:{source.key}", now_ms=_ms(now()))
    counts = take_page(client, source, page, reading=reading)
    after = polls.after_page(spec, progress, page)
    _keep(source, spec, page, counts, after, now=now())
    if not page.next and not spec.since:
        client.delete(contents_key(source.pk, _run_before(source)))


@dataclass(slots=True)
class Counts:
    """What became of a page's rows."""

    rows: int = 0
    accepted: int = 0
    repeats: int = 0
    refused: int = 0

    def add(self, told: Understood, taken: Taken) -> None:
        self.accepted += taken.accepted
        self.repeats += taken.repeats
        self.refused += len(told.refused)


def take_page(
    client: "redis.Redis", source: Source, page: Page, *, reading: Reading
) -> tuple[Counts, list[dict[str, Any]]]:
    """Take the rows of a page, each content once; return the counts and the first refusals."""
    spec, mapping = sources.poll_of(source), sources.mapping_of(source)
    progress = sources.progress_of(source)
    new = [row for row in page.rows if not polls.is_known(spec, progress, row)]
    counts = Counts(rows=len(page.rows), repeats=len(page.rows) - len(new))
    first: list[dict[str, Any]] = []
    lines = list(as_lines(new))
    for start in range(0, len(lines), CHUNK):
        chunk = lines[start : start + CHUNK]
        told, taken = _take(client, source, mapping, chunk, reading)
        set_apart(client, told)
        counts.add(told, taken)
        first += [
            {"row": one.line.number, "column": one.column, "reason": one.reason}
            for one in told.refused
        ]
    return counts, first[:TOLD]


def set_apart(client: "redis.Redis", told: Understood) -> None:
    """Keep what a schema refuses where its owner finds it: nothing else keeps these rows."""
    for command in quarantine.commands(told.refusals):
        client.execute_command(*command)  # type: ignore[no-untyped-call]  # of redis-py


def _take(
    client: "redis.Redis", source: Source, mapping: Mapping, lines: list[Line], reading: Reading
) -> tuple[Understood, Taken]:
    base = f"source:{source.key}"
    if sources.poll_of(source).since or not source.run_id:
        told = understand(mapping, lines, reading=reading, unique=by_content(base))
        return told, take(client, told, reading=reading)
    # A row may come back to what it said before: only what the last run held is no news.
    held = contents_key(source.pk, _run_before(source))
    new = unknown(client, held, lines)
    unique = by_content(f"{base}:{source.run_id}")
    told = understand(mapping, new, reading=reading, unique=unique)
    taken = take(client, told, reading=reading)
    places = {one.row for one in new}
    known = [one for one in lines if one.row not in places]
    remember(client, contents_key(source.pk, source.run_id), [*known, *told.lines])
    return told, Taken(taken.accepted, taken.repeats + len(known))


def _run_before(source: Source) -> int:
    runs = SourceRun.objects.filter(source=source, pk__lt=source.run_id or 0)
    return runs.order_by("-pk").values_list("pk", flat=True).first() or 0


def _keep(
    source: Source,
    spec: PollSpec,
    page: Page,
    counts: tuple[Counts, list[dict[str, Any]]],
    after: Progress,
    *,
    now: datetime,
) -> None:
    """Keep how far a source was read and what the run came to, unless somebody else took it meanwhile."""
    told, refusals = counts
    with transaction.atomic():
        mine = Source.objects.filter(pk=source.pk, due_at=source.due_at)
        due = now + timedelta(seconds=60 / spec.per_minute if page.next else spec.every_s)
        changed = mine.update(
            progress=msgspec.to_builtins(after),
            due_at=due,
            failures=0,
            run=source.run_id if page.next else None,
        )
        run = SourceRun.objects.select_for_update().filter(pk=source.run_id or 0).first()
        if not changed or run is None:
            return
        run.pages += 1
        for name in ("rows", "accepted", "repeats", "refused"):
            setattr(run, name, getattr(run, name) + getattr(told, name))
        run.refusals = (run.refusals + refusals)[:TOLD]
        run.trouble = ""
        if not page.next:
            run.state, run.ended_at = SourceRun.State.DONE, now
        run.save()


def _again(source: Source, due: datetime) -> None:
    Source.objects.filter(pk=source.pk, due_at=source.due_at).update(due_at=due)


def _fail(source: Source, reason: str, pause_s: float, *, now: datetime) -> None:
    """Note what went wrong; the same page is asked for again after a pause that doubles."""
    failures = min(source.failures + 1, 1_000)
    wait = max(pause_after(failures), pause_s)
    mine = Source.objects.filter(pk=source.pk, due_at=source.due_at)
    mine.update(failures=failures, due_at=now + timedelta(seconds=wait))
    SourceRun.objects.filter(pk=source.run_id or 0).update(trouble=reason[:500])


def pause_after(failures: int) -> float:
    """Return how long to wait after so many failures, seconds: doubled each time, up to an hour, by half at random."""
    longest = min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


# Asking


def fetch_page(source: Source, spec: PollSpec, progress: Progress, *, now: Clock) -> Page:
    """Ask a source for one page.

    Raises:
        Failed, NotAuthorised, AddressRefused, NoAnswer, Confusing: it cannot be had; says why.
        SealError: the source's secrets cannot be read any more.
    """
    url = polls.next_url(spec, progress)
    headers, is_cached = _headers(source, spec, now=now())
    answer = _get(url, headers)
    if answer.status == 401 and is_cached:  # revoked before its time
        source.token = b""
        headers = _headers(source, spec, now=now())[0]
        answer = _get(url, headers)
    if answer.status != 200:
        pause_s = polls.retry_after_s(answer.headers.get("retry-after", ""), now=now())
        raise Failed(Filled(_("It answers {status}."), status=answer.status), pause_s)
    return polls.read_page(spec, progress, answer.body, answer.headers)


def _get(url: str, headers: dict[str, str]) -> Answer:
    sent = Sent("GET", {"Accept": "application/json", "User-Agent": "rtts-sources/1", **headers})
    return fetch(sent, look_up(url), seconds=TRY_S, limit=PAGE_BYTES)


def _headers(source: Source, spec: PollSpec, *, now: datetime) -> tuple[dict[str, str], bool]:
    """Return what proves who asks, and whether that is a token of an earlier request."""
    known = sources.secrets_of(source)
    if not authenticating.needs_token(spec):
        return authenticating.key_headers(spec, known), False
    token = _cached(source)
    if authenticating.is_good(token, now=now) and token is not None:
        return authenticating.token_headers(token), True
    renewed = authenticating.renew(spec, known, now=now)
    _keep_token(source, renewed, known)
    return authenticating.token_headers(renewed.token), False


def _cached(source: Source) -> Token | None:
    if not source.token:
        return None
    try:
        return msgspec.json.decode(unseal(bytes(source.token), purpose=TOKEN), type=Token)
    except SealError:
        return None


def _keep_token(source: Source, renewed: authenticating.Renewed, known: dict[str, str]) -> None:
    """Keep a token at once: a refresh token that was exchanged works only in its new form."""
    before = source.sealed
    source.token = seal(msgspec.json.encode(renewed.token), purpose=TOKEN)
    changes = {"token": source.token}
    if renewed.refresh_token and renewed.refresh_token != known.get("refresh_token"):
        source.sealed = sources.seal_secrets({**known, "refresh_token": renewed.refresh_token})
        changes["sealed"] = source.sealed
    if source.pk:  # not over secrets that were given meanwhile, perhaps for another site
        Source.objects.filter(pk=source.pk, sealed=before).update(**changes)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def forget_old_runs(*, now: datetime, kept: timedelta = timedelta(days=30)) -> int:
    """Remove runs that ended a month ago; return how many."""
    return SourceRun.objects.filter(ended_at__lt=now - kept).delete()[0]
