"""The only place that says how a foreign API is asked page by page: what is asked next, and what an answer means. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import msgspec

from decisioning.connections.mapping import Fault, content_digest
from decisioning.connections.picking import MISSING, pick
from decisioning.rules.phrases import Filled
from decisioning.rules.phrases import gettext_noop as _

Paging = Literal["none", "page", "cursor", "next", "link"]
Auth = Literal["none", "header", "client_credentials", "refresh_token"]
PAGINGS: Final[tuple[Paging, ...]] = ("none", "page", "cursor", "next", "link")
AUTHS: Final[tuple[Auth, ...]] = ("none", "header", "client_credentials", "refresh_token")
SECRETS: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "header": ("header_value",),
    "client_credentials": ("client_secret",),
    "refresh_token": ("client_secret", "refresh_token"),
}
PAGES: Final = 10_000  # of one run
ROWS: Final = 5_000  # of one page
EDGE: Final = 2_000  # rows of the newest moment that are remembered
EVERY: Final = (60, 7 * 86_400)  # seconds between runs
SINCE: Final = "{since}"
_NEXT_LINK: Final = re.compile(r'<([^<>]{1,4000})>\s*;[^,]*?\brel="?next"?', re.IGNORECASE)


class PollSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a source is asked, without its secrets."""

    url: str  # may hold {since}
    every_s: int = 3_600
    per_minute: int = 60  # requests at most
    rows: str = ""  # path of the rows in the body; "" is the body itself
    paging: Paging = "none"
    parameter: str = ""  # of the address: page number or cursor
    first_page: int = 1
    path: str = ""  # in the body: of the cursor, or of the next address
    since: str = ""  # path in a row: its moment or number, which only grows
    begin: str = ""  # what {since} is at first
    auth: Auth = "none"
    header: str = "Authorization"  # of auth "header"
    token_url: str = ""
    client_id: str = ""
    scope: str = ""
    in_body: bool = False  # the client's secret goes into the body, not the header


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a source was read; kept together with the acceptance of each page."""

    since: str = ""  # the newest moment of the last complete run
    edge: tuple[str, ...] = ()  # rows of that moment, which are answered again
    high: str = ""  # the newest moment of this run
    high_edge: tuple[str, ...] = ()
    cursor: str = ""  # page number, cursor or address of the next page; "" is the first
    pages: int = 0  # of this run


class Page(msgspec.Struct, frozen=True):
    """What an answer holds."""

    rows: list[Any]
    next: str  # cursor; "" is the last page


class Confusing(Exception):
    """An answer that is not as the source was described; the message says how."""


def faults_of(spec: PollSpec, *, is_event: bool) -> Iterator[Fault]:
    """Yield what is wrong in a description; `is_event` says that each row counts."""
    if not EVERY[0] <= spec.every_s <= EVERY[1]:
        yield Fault(
            "/every_s",
            Filled(_("Ask every {least} to {most} seconds."), least=EVERY[0], most=EVERY[1]),
        )
    if not 1 <= spec.per_minute <= 600:
        yield Fault("/per_minute", _("Allow 1 to 600 requests a minute."))
    if spec.paging in ("page", "cursor") and not spec.parameter:
        yield Fault("/parameter", _("Name the parameter of the address."))
    if spec.paging in ("cursor", "next") and not spec.path:
        yield Fault("/path", _("Say where the body tells what comes next."))
    if SINCE in spec.url and not spec.since:
        yield Fault("/since", _("Say which column {since} is taken from."))
    if is_event and not spec.since:
        words = _(
            "Name a column with a moment that only grows: without it events count again after a week."
        )
        yield Fault("/since", words)
    yield from _auth_faults(spec)


def _auth_faults(spec: PollSpec) -> Iterator[Fault]:
    if spec.auth in ("client_credentials", "refresh_token") and not (
        spec.token_url and spec.client_id
    ):
        yield Fault("/token_url", _("OAuth needs the address for tokens and a client id."))
    if spec.auth == "header" and not re.fullmatch(r"[A-Za-z0-9-]{1,60}", spec.header):
        yield Fault("/header", _("Name one header, such as X-API-Key."))


def next_url(spec: PollSpec, progress: Progress) -> str:
    """Return the address of the next page.

    >>> next_url(PollSpec(url="https://a/b?s={since}", begin="2026"), Progress())
    'https://a/b?s=2026'
    """
    if progress.cursor and spec.paging in ("next", "link"):
        return progress.cursor
    url = spec.url.replace(SINCE, quote(progress.since or spec.begin, safe=""))
    if spec.paging == "page":
        return _with(url, spec.parameter, progress.cursor or str(spec.first_page))
    if spec.paging == "cursor" and progress.cursor:
        return _with(url, spec.parameter, progress.cursor)
    return url


def _with(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    others = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    return parts._replace(query=urlencode([*others, (name, value)], safe=":,")).geturl()


def read_page(spec: PollSpec, progress: Progress, body: bytes, headers: Mapping[str, str]) -> Page:
    """Return the rows of an answer and where the next page is.

    Raises:
        Confusing: not JSON, no rows where they should be, too many, or a next page that leads elsewhere.
    """
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Confusing(_("The answer is not JSON.")) from error
    rows = pick(told, spec.rows) if spec.rows else told
    if rows is MISSING or rows is None or not isinstance(rows, list):
        raise Confusing(_no_rows(spec))
    if len(rows) > ROWS:
        raise Confusing(
            Filled(
                _("A page has {count} rows; ask for at most {most}."), count=len(rows), most=ROWS
            )
        )
    following = _following(spec, progress, told, rows, headers)
    if following and (following == progress.cursor or progress.pages + 1 >= PAGES):
        raise Confusing(_("The pages have no end: the next one is the same again."))
    return Page(rows, following)


def _no_rows(spec: PollSpec) -> str:
    if not spec.rows:
        return _("The answer is no list of rows.")
    return Filled(_("There is no list of rows at “{path}” of the answer."), path=spec.rows)


def _following(
    spec: PollSpec, progress: Progress, told: Any, rows: list[Any], headers: Mapping[str, str]
) -> str:
    if spec.paging == "page":
        number = int(progress.cursor or spec.first_page)
        return str(number + 1) if rows else ""
    if spec.paging == "link":
        found = _NEXT_LINK.search(headers.get("link", ""))
        return _same_site(spec, found[1]) if found else ""
    if spec.paging in ("cursor", "next"):
        value = pick(told, spec.path)
        text = "" if value is MISSING or value is None else str(value)[:4_000]
        return _same_site(spec, text) if text and spec.paging == "next" else text
    return ""


def _same_site(spec: PollSpec, url: str) -> str:
    """Return a next address in full; the source's secrets go to no other site."""
    full = urljoin(spec.url, url)
    if urlsplit(full)[:2] != urlsplit(spec.url)[:2]:
        raise Confusing(_("The next page leads to another site."))
    return full


# Progress


def is_known(spec: PollSpec, progress: Progress, row: Any) -> bool:
    """Say whether a row was taken by an earlier run: it is of the newest moment, which is asked for again."""
    if not progress.edge or not isinstance(row, dict):
        return False
    return moment_of(spec, row) == progress.since and content_digest(row) in progress.edge


def after_page(spec: PollSpec, progress: Progress, page: Page) -> Progress:
    """Return the progress behind a page; behind the last one the next run's beginning."""
    high, edge = progress.high, progress.high_edge
    for row in page.rows:
        moment = moment_of(spec, row) if isinstance(row, dict) else ""
        if moment and (not high or _order(moment) > _order(high)):
            high, edge = moment, ()
        if moment and moment == high and len(edge) < EDGE:
            edge = (*edge, content_digest(row))
    if page.next:
        return msgspec.structs.replace(
            progress, high=high, high_edge=edge, cursor=page.next, pages=progress.pages + 1
        )
    if not high or (progress.since and _order(high) < _order(progress.since)):
        return Progress(since=progress.since, edge=progress.edge)
    return Progress(since=high, edge=edge)


def moment_of(spec: PollSpec, row: Mapping[str, Any]) -> str:
    """Return what a row says about its moment, as it was sent; "" where it says nothing."""
    value = pick(row, spec.since) if spec.since else MISSING
    return "" if value is MISSING or value is None else str(value)[:100]


def _order(moment: str) -> tuple[int, float, str]:
    """Return a key that orders numbers as numbers, times as times and other texts by their letters."""
    try:
        return 0, float(moment), ""
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(moment)
        return 1, (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp(), ""
    except (ValueError, OverflowError):
        return 2, 0.0, moment


def retry_after_s(text: str, *, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for, at most a day; 0 where it asks nothing."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - now).total_seconds()
        except (ValueError, TypeError):
            return 0.0
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else 0.0
