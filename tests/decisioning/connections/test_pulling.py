from datetime import UTC, datetime, timedelta

import pytest

from decisioning.connections import polls, pulling, sources
from decisioning.connections.mapping import Mapping, Rule
from decisioning.connections.polls import PollSpec, Progress, next_url
from decisioning.connections.sources import Described
from decisioning.models import Source, SourceRun
from tests.decisioning.connections.foreign import Foreign
from tests.decisioning.connections.test_importing import records

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORDERS = Mapping(
    event="Order Completed",
    rules=(
        Rule(column="customer", target="user_id", required=True),
        Rule(column="at", target="time"),
        Rule(column="total", target="property:total", cast="number"),
    ),
)


@pytest.fixture
def foreign(settings):
    settings.RTTS_WEBHOOKS_PRIVATE = True
    system = Foreign()
    yield system
    system.close()


class Clock:
    """A clock that the test moves on."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        self.now += timedelta(milliseconds=10)
        return self.now


@pytest.fixture
def clock():
    return Clock()


def rows(count, since=0):
    return [
        {"customer": f"c-{n}", "at": f"2026-11-{1 + n:02}T10:00:00Z", "total": n}
        for n in range(since, since + count)
    ]


def spec(foreign, **more):
    fields = {
        "url": f"{foreign.url}/orders?since={{since}}",
        "rows": "data.items",
        "since": "at",
        "paging": "cursor",
        "parameter": "after",
        "path": "paging.after",
        "per_minute": 600,
    }
    return PollSpec(**{**fields, **more})


def made(foreign, mapping=ORDERS, secrets=None, **more):
    described = Described("Shop", spec(foreign, **more), mapping, secrets or {}, True)
    return sources.make_source("shop", Source.Kind.POLL, described, by=None, now=NOW)


def pull(client, clock, *, seconds=0.2):
    """Ask for what is due, with the pauses between pages."""
    pages = 0
    while found := pulling.pull_due(client, now=clock, spell=timedelta(seconds=seconds)):
        pages += found
        clock.now += timedelta(milliseconds=150)
    return pages


def totals(client):
    return sorted(one.properties["total"] for one in records(client))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"paging": "next", "path": "next"},
        {"paging": "link"},
        {"paging": "page", "parameter": "page", "first_page": 0},
    ],
)
def test_reads_all_pages_and_then_only_what_is_new(db, redis, foreign, clock, more):
    foreign.rows = rows(5)
    source = made(foreign, **more)

    pull(redis, clock)

    assert totals(redis) == [0, 1, 2, 3, 4]
    run = SourceRun.objects.get()
    assert (run.state, run.rows, run.accepted, run.repeats) == ("done", 5, 5, 0)
    foreign.rows += rows(1, since=5)
    clock.now += timedelta(hours=1)
    pull(redis, clock)
    last = SourceRun.objects.latest("pk")
    assert (last.rows, last.accepted, last.repeats) == (2, 1, 1)
    assert totals(redis) == [0, 1, 2, 3, 4, 5]
    source.refresh_from_db()
    assert sources.progress_of(source).since == "2026-11-06T10:00:00Z"


def test_the_newest_row_counts_once_however_long_nothing_new_comes(db, redis, foreign, clock):
    foreign.rows = rows(3)
    made(foreign)
    pull(redis, clock)

    redis.flushdb()  # as if a week had gone: repeats are no longer known by their ids
    clock.now += timedelta(days=8)
    pull(redis, clock)

    assert records(redis) == []


def test_a_page_whose_place_was_not_kept_counts_nothing_twice(db, redis, foreign, clock):
    foreign.rows = rows(6)
    source = made(foreign)
    spec_ = sources.poll_of(source)

    for _ in range(3):  # killed each time between taking the first page and keeping its place
        page = pulling.fetch_page(source, spec_, Progress(), now=clock)
        reading = pulling.reading_for(redis, source="source:shop", now_ms=1_800_000_000_000)
        pulling.take_page(redis, source, page, reading=reading)
    pull(redis, clock)

    assert totals(redis) == [0, 1, 2, 3, 4, 5]


def test_client_credentials_fetch_one_token_for_many_pages(db, redis, foreign, clock):
    foreign.rows = rows(6)
    oauth = {"auth": "client_credentials", "token_url": f"{foreign.url}/token", "client_id": "app"}
    source = made(
        foreign,
        secrets={"client_secret": "s3cret"},
        url=f"{foreign.url}/oauth/orders?since={{since}}",
        scope="read",
        **oauth,
    )

    pull(redis, clock)

    assert totals(redis) == list(range(6))
    assert [call["grant_type"] for call in foreign.token_calls] == [["client_credentials"]]
    assert foreign.token_calls[0]["scope"] == ["read"]
    source.refresh_from_db()
    assert b"t-1" not in bytes(source.token)
    assert b"s3cret" not in bytes(source.sealed)


def test_a_token_revoked_before_its_time_is_fetched_anew(db, redis, foreign, clock):
    foreign.rows = rows(4)
    oauth = {"auth": "client_credentials", "token_url": f"{foreign.url}/token", "client_id": "app"}
    url = f"{foreign.url}/oauth/orders?since={{since}}"
    made(foreign, secrets={"client_secret": "s3cret"}, url=url, **oauth)
    pulling.pull_due(redis, now=clock, spell=timedelta(milliseconds=15))

    foreign.tokens = {"another"}
    clock.now += timedelta(seconds=1)
    pull(redis, clock)

    assert totals(redis) == [0, 1, 2, 3]
    assert len(foreign.token_calls) == 2


def test_refresh_tokens_that_change_are_kept_sealed(db, redis, foreign, clock):
    foreign.rows = rows(2)
    foreign.expires_in = 1
    oauth = {"auth": "refresh_token", "token_url": f"{foreign.url}/token", "client_id": "app"}
    url = f"{foreign.url}/oauth/orders?since={{since}}"
    source = made(
        foreign, secrets={"client_secret": "s3cret", "refresh_token": "r-0"}, url=url, **oauth
    )

    for _ in range(3):
        pull(redis, clock)
        clock.now += timedelta(hours=1)

    assert [call["refresh_token"] for call in foreign.token_calls] == [["r-0"], ["r-1"], ["r-2"]]
    source.refresh_from_db()
    assert sources.secrets_of(source)["refresh_token"] == "r-3"
    assert totals(redis) == [0, 1]


def test_a_key_stands_in_its_header(db, redis, foreign, clock):
    foreign.rows = rows(1)
    more = {"auth": "header", "header": "X-API-Key", "url": f"{foreign.url}/keyed/orders"}
    made(foreign, secrets={"header_value": "k-1"}, **more)

    pull(redis, clock)

    assert totals(redis) == [0]


def test_waits_as_long_as_it_is_told_and_then_goes_on(db, redis, foreign, clock):
    foreign.rows = rows(2)
    foreign.answers = [(429, {"Retry-After": "120"}, {})]
    source = made(foreign)

    pull(redis, clock)
    source.refresh_from_db()

    assert source.failures == 1
    assert source.due_at >= NOW + timedelta(seconds=120)
    assert SourceRun.objects.get().trouble == "It answers 429."
    clock.now += timedelta(seconds=130)
    pull(redis, clock)
    source.refresh_from_db()
    assert (source.failures, totals(redis)) == (0, [0, 1])


def test_pauses_double_up_to_an_hour():
    drawn = [pulling.pause_after(failures) for failures in range(1, 30)]

    assert 5 <= drawn[0] <= 10
    assert 40 <= drawn[3] <= 80
    assert all(1_800 <= pause <= 3_600 for pause in drawn[12:])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, b"<html>"), "not JSON"),
        ((200, {}, {"data": 1}), "no list of rows"),
        ((500, {}, {}), "It answers 500."),
        ((302, {"Location": "http://169.254.169.254/"}, {}), "It answers 302."),
        ((200, {}, b"[" * 11_000_000), "TooLong"),
    ],
)
def test_says_what_went_wrong(db, redis, foreign, clock, answer, words):
    foreign.answers = [answer]
    made(foreign)

    pull(redis, clock)

    assert words in SourceRun.objects.get().trouble
    assert records(redis) == []


def test_secrets_go_to_no_other_site(db, redis, foreign, clock):
    foreign.rows, foreign.elsewhere = rows(3), "https://evil.example/orders"
    made(foreign, paging="next", path="next")

    pull(redis, clock)

    assert "another site" in SourceRun.objects.get().trouble


def test_private_addresses_are_refused(db, foreign, settings):
    settings.RTTS_WEBHOOKS_PRIVATE = False

    with pytest.raises(sources.SourceRefused) as refused:
        made(foreign, url="http://169.254.169.254/latest?since={since}")
    assert refused.value.pointer == "/settings/url"


def test_asks_no_more_often_than_allowed(db, redis, foreign, clock):
    foreign.rows = rows(8)
    made(foreign, per_minute=60)

    pulling.pull_due(redis, now=clock, spell=timedelta(seconds=0.5))

    assert len(foreign.asked) == 1


def test_a_paused_source_is_not_asked_until_it_goes_on(db, redis, foreign, clock):
    foreign.rows = rows(1)
    source = made(foreign)
    sources.pause(source, now=NOW)
    assert pull(redis, clock) == 0

    sources.resume(source, now=clock())

    assert pull(redis, clock) == 1


def test_refused_rows_are_told_with_row_and_column(db, redis, foreign, clock):
    foreign.rows = [{"customer": "", "at": "2026-11-01T00:00:00Z"}, *rows(1), {"at": "soon"}]
    foreign.size = 5
    made(foreign)

    pull(redis, clock)

    run = SourceRun.objects.get()
    assert (run.accepted, run.refused) == (1, 2)
    assert [(one["row"], one["column"]) for one in run.refusals] == [
        (1, "customer"),
        (3, "customer"),
    ]


def test_events_need_a_moment_that_grows(foreign):
    found = list(polls.faults_of(spec(foreign, url="https://a.example", since=""), is_event=True))

    assert [one.pointer for one in found] == ["/since"]


def test_the_moment_stands_in_the_address_quoted():
    asked = PollSpec(url="https://a/b?q={since}", since="at")

    assert next_url(asked, Progress(since="2026-01-01T00:00:00+02:00")) == (
        "https://a/b?q=2026-01-01T00%3A00%3A00%2B02%3A00"
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("Sun, 22 Nov 2026 12:01:00 GMT", 60), ("soon", 0), ("nan", 0), ("-3", 0), ("", 0)],
)
def test_reads_what_retry_after_asks(text, seconds):
    assert polls.retry_after_s(text, now=NOW) == seconds


@pytest.mark.parametrize("more", [{"url": "{other}/keyed/orders"}, {"token_url": "{other}/token"}])
def test_a_secret_goes_to_no_site_that_it_was_not_given_for(db, redis, foreign, clock, more):
    auth = {"auth": "header", "header": "X-API-Key", "url": f"{foreign.url}/keyed/orders"}
    source = made(foreign, secrets={"header_value": "k-1"}, **auth)
    other = "https://other.example"
    moved = spec(foreign, **auth | {key: one.format(other=other) for key, one in more.items()})

    with pytest.raises(sources.SourceRefused) as refused:
        sources.change_source(source, Described("Shop", moved, ORDERS, {}, False), now=NOW)
    assert refused.value.pointer == "/secrets/header_value"

    given = Described("Shop", moved, ORDERS, {"header_value": "k-2"}, False)
    sources.change_source(source, given, now=NOW)
    assert sources.secrets_of(source) == {"header_value": "k-2"}


def test_a_secret_is_not_kept_for_a_site_that_needs_none_yet(db, redis, foreign):
    auth = {"auth": "header", "header": "X-API-Key"}
    source = made(foreign, secrets={"header_value": "k-1"}, **auth)
    moved = spec(foreign, url="https://other.example/orders?since={since}")

    sources.change_source(source, Described("Shop", moved, ORDERS, {}, False), now=NOW)

    assert sources.secrets_of(source) == {}


def test_a_row_that_says_again_what_it_said_before_is_news(db, redis, foreign, clock):
    rules = (Rule(column="customer", target="user_id"), Rule(column="tier", target="trait:tier"))
    mapping = Mapping(call="identify", rules=rules)
    source = made(foreign, mapping=mapping, url=f"{foreign.url}/people", since="")

    for tier in ("gold", "gold", "silver", "gold", "gold"):
        foreign.rows = [{"customer": "c-1", "tier": tier}, {"customer": "c-2", "tier": "tin"}]
        pull(redis, clock)
        clock.now += timedelta(hours=1)

    told = [one for one in records(redis) if "user:c-1" in one.identifiers]
    assert sorted({**one.traits, **one.attributes}["tier"] for one in told) == [
        *("gold", "gold"),
        "silver",
    ]
    assert len(records(redis)) == 4
    runs = SourceRun.objects.order_by("pk").values_list("accepted", "repeats")
    assert list(runs) == [(2, 0), (0, 2), (1, 1), (1, 1), (0, 2)]
    assert len(redis.keys(f"source:{source.pk}:run:*")) == 1
