import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from consent import people, state
from consent.policy import UNAVAILABLE, State, Status
from rtts_site.foundation.redis_clients import server_run_id
from tests.consent.builders import make_person

RUN = "a" * 40
INFO = b"# Server\r\nredis_version:7.2.4\r\nrun_id:" + RUN.encode() + b"\r\ntcp_port:0\r\n"
ONE = state.pack_states({("ads", "*"): State(Status.GIVEN, 1.0, None, "e")})

ODD = [
    (RUN, [], "nothing"),
    (RUN, [RUN.encode(), 0], "a reply missing"),
    ("b" * 40, [RUN.encode(), 0, [b"1", ONE]], "another process"),
    (RUN, [None, 0, [b"1", ONE]], "no trust"),
    ("", [b"", 0, [b"1", ONE]], "no run id"),
    (RUN, [OSError(), 0, [b"1", ONE]], "an error"),
    (RUN, [RUN.encode(), OSError(), [b"1", ONE]], "no fence"),
    (RUN, [RUN.encode(), b"0", [b"1", ONE]], "fence as text"),
    (RUN, [RUN.encode(), 0, OSError()], "no state"),
    (RUN, [RUN.encode(), 0, [b"1", None]], "no body"),
    (RUN, [RUN.encode(), 0, [None, ONE]], "no version"),
    (RUN, [RUN.encode(), 0, [b"x", ONE]], "version of letters"),
    (RUN, [RUN.encode(), 0, [b"1", ONE[:-1]]], "cut short"),
    (RUN, [RUN.encode(), 0, [b"1", ONE + b"\x00"]], "longer"),
    (RUN, [RUN.encode(), 0, [b"1", ONE.replace(b"given", b"gavel")]], "unknown status"),
]


@pytest.mark.parametrize(("run_id", "replies", "why"), ODD)
def test_anything_odd_is_unknown(run_id, replies, why):
    assert state.parse_view(run_id, replies) == UNAVAILABLE, why


def test_a_newer_state_is_announced_to_whoever_watches_the_person(redis):
    ana = make_person()
    with redis.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(people.changed_channel(ana))
        subscription.get_message(timeout=5)

        state.write_state_if_newer(redis, ana, 2, ONE)
        state.write_state_if_newer(redis, ana, 1, ONE)

        assert subscription.get_message(timeout=5)["channel"].decode() == f"changed:{ana}"
        assert subscription.get_message(timeout=0.1) is None


def test_a_state_read_from_the_trusted_process_is_usable():
    seen = state.parse_view(RUN, [RUN.encode(), 0, [b"1", ONE]])

    assert seen.usable
    assert seen.states["ads", "*"].status is Status.GIVEN


@pytest.mark.parametrize(
    ("info", "run_id"),
    [(INFO, RUN), ({"run_id": RUN}, RUN), (b"", ""), ({}, ""), (OSError(), ""), (None, "")],
)
def test_the_run_id_is_read_from_raw_and_parsed_replies(info, run_id):
    assert state.run_id_of(info) == run_id


def test_a_person_without_a_record_is_known_to_have_none():
    seen = state.parse_view(RUN, [RUN.encode(), 0, [None, None]])

    assert seen.usable
    assert (seen.version, dict(seen.states)) == (0, {})


@for_all(st.binary(max_size=60))
def test_no_bytes_make_the_reader_fail(body):
    state.parse_view(RUN, [RUN.encode(), 0, [b"1", body]])
    state.parse_view(state.run_id_of(body), [body, 0, [b"1", ONE]])


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


def test_many_views_are_read_as_each_one_is(redis):
    persons = [make_person() for _ in range(5)]
    state.trust(redis, server_run_id(redis), range(people.PARTITIONS), watermark_ms=0)
    state.write_state_if_newer(redis, persons[0], 3, ONE)
    state.write_state_if_newer(redis, persons[1], 1, b"odd")
    state.add_fence(redis, persons[2], "change:x", now_ms=1)
    redis.delete(people.trust_key(people.partition_of(persons[3])))

    views = state.load_views(redis, persons)

    assert views == {person: state.load_view(redis, person) for person in persons}
    assert views[persons[0]].usable
    assert not views[persons[3]].trusted or views[persons[4]].trusted
