import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from consent import people, state
from consent.policy import UNAVAILABLE, State, Status
from tests.consent.builders import make_person

RUN = "a" * 40
INFO = b"# Server\r\nredis_version:7.2.4\r\nrun_id:" + RUN.encode() + b"\r\ntcp_port:0\r\n"
ONE = state.pack_states({("ads", "*"): State(Status.GIVEN, 1.0, None, "e")})

ODD = [
    ([], "nothing"),
    ([INFO, RUN.encode(), 0], "a reply missing"),
    ([INFO, b"b" * 40, 0, [b"1", ONE]], "another process"),
    ([INFO, None, 0, [b"1", ONE]], "no trust"),
    ([b"", b"", 0, [b"1", ONE]], "no run id"),
    ([OSError(), RUN.encode(), 0, [b"1", ONE]], "an error"),
    ([INFO, RUN.encode(), OSError(), [b"1", ONE]], "no fence"),
    ([INFO, RUN.encode(), b"0", [b"1", ONE]], "fence as text"),
    ([INFO, RUN.encode(), 0, OSError()], "no state"),
    ([INFO, RUN.encode(), 0, [b"1", None]], "no body"),
    ([INFO, RUN.encode(), 0, [None, ONE]], "no version"),
    ([INFO, RUN.encode(), 0, [b"x", ONE]], "version of letters"),
    ([INFO, RUN.encode(), 0, [b"1", ONE[:-1]]], "cut short"),
    ([INFO, RUN.encode(), 0, [b"1", ONE + b"\x00"]], "longer"),
    ([INFO, RUN.encode(), 0, [b"1", ONE.replace(b"given", b"gavel")]], "unknown status"),
]


@pytest.mark.parametrize(("replies", "why"), ODD)
def test_anything_odd_is_unknown(replies, why):
    assert state.parse_view(replies) == UNAVAILABLE, why


def test_raw_and_parsed_replies_say_the_same():
    raw = state.parse_view([INFO, RUN.encode(), 0, [b"1", ONE]])
    parsed = state.parse_view([{"run_id": RUN}, RUN.encode(), 0, [b"1", ONE]])

    assert raw == parsed
    assert raw.usable
    assert raw.states["ads", "*"].status is Status.GIVEN


def test_a_person_without_a_record_is_known_to_have_none():
    seen = state.parse_view([INFO, RUN.encode(), 0, [None, None]])

    assert seen.usable
    assert (seen.version, dict(seen.states)) == (0, {})


@for_all(st.binary(max_size=60))
def test_no_bytes_make_the_reader_fail(body):
    state.parse_view([INFO, RUN.encode(), 0, [b"1", body]])
    state.parse_view([body, body, 0, [b"1", ONE]])


def test_tokens_stand_one_by_one(redis):
    ana = make_person()
    for token in ("change:1", "change:2", "change:1"):
        state.add_fence(redis, ana, token, now_ms=5)

    state.remove_fence(redis, ana, "change:1")

    assert state.standing_fences(redis, before_ms=6) == [(ana, "change:2")]
    assert state.standing_fences(redis, before_ms=5) == []
    state.write_state_if_newer(redis, ana, 1, ONE, tokens=["change:2"])
    assert state.standing_fences(redis, before_ms=6) == []
    assert not redis.exists(people.fence_key(ana))


CONSENT_STANDS = (
    state.CONSENT_STANDS_LUA
    + "return consent_stands(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2]) and 1 or 0"
)


def stands(client, person, version, run_id):
    keys = (
        people.consent_key(person),
        people.fence_key(person),
        people.trust_key(people.partition_of(person)),
    )
    return bool(client.eval(CONSENT_STANDS, 3, *keys, version, run_id))


@pytest.fixture
def run_id(redis):
    return state.trusted_runs(redis)[0]


def test_the_last_step_sees_version_fence_and_trust(redis, run_id):
    ana = make_person()
    state.trust(redis, run_id, [people.partition_of(ana)], watermark_ms=1)
    state.write_state_if_newer(redis, ana, 3, ONE)

    assert stands(redis, ana, 3, run_id)
    assert not stands(redis, ana, 2, run_id)
    assert not stands(redis, ana, 3, "b" * 40)
    state.add_fence(redis, ana, "change:1", now_ms=5)
    assert not stands(redis, ana, 3, run_id)


def test_the_last_step_takes_an_unrecorded_person_as_version_zero(redis, run_id):
    ana = make_person()
    state.trust(redis, run_id, [people.partition_of(ana)], watermark_ms=1)

    assert stands(redis, ana, 0, run_id)


def test_trust_is_not_put_in_a_server_that_was_exchanged_meanwhile(redis):
    ana = make_person()

    state.trust(redis, RUN, [people.partition_of(ana)], watermark_ms=1)

    assert not redis.exists(people.trust_key(people.partition_of(ana)))
