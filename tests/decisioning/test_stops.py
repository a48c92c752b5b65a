import msgspec
import pytest

from decisioning import stops
from decisioning.arbitration import reasons
from decisioning.decisions import decide
from decisioning.holder import POLL_SECONDS, ReleaseHolder
from decisioning.messages import Ask, PersonState, PlacementAsk
from decisioning.stops import Stops
from tests.decisioning.arbitration.test_arm_eligibility import (
    ALLOWED,
    PEOPLE,
    POLICY,
    held,  # noqa: F401 - a fixture
)
from tests.decisioning.making import NOW

WINTER = Stops(1, {"offer:winter": "12"})


def test_list_comes_back_as_it_was_put(redis, tmp_path):
    assert stops.put_stops(redis, WINTER)

    assert stops.load_stops(redis, known=Stops(), directory=tmp_path) == WINTER
    assert stops.load_copy(tmp_path) == WINTER


def test_older_list_never_replaces_a_newer_one(redis):
    stops.put_stops(redis, Stops(2))

    assert not stops.put_stops(redis, WINTER)
    assert stops.load_stops(redis, known=Stops(3)) == Stops(3)


def test_lost_list_leaves_stopped_what_was_stopped(redis):
    assert stops.load_stops(redis, known=WINTER) == WINTER


def test_list_of_others_is_refused(redis, tmp_path):
    body = msgspec.json.encode(Stops(9))
    redis.hset(stops.KEY, mapping={"number": 9, "body": body, "seal": "0" * 64})
    (tmp_path / stops.COPY).write_bytes(b"0\n" + body)

    assert stops.load_stops(redis, known=WINTER, directory=tmp_path) == WINTER
    assert stops.load_copy(tmp_path) == Stops()
    assert stops.load_copy(tmp_path / "nowhere") == Stops()


@pytest.mark.parametrize("thing", ["offer:winter-sale", "campaign:winter"])
def test_stopped_thing_is_not_shown_and_says_so(held, thing):  # noqa: F811
    ask = Ask(PEOPLE[0], (PlacementAsk("web.home.hero"),))
    state = PersonState(facts={"loyalty_tier": "gold"}, consent=ALLOWED)
    stopped = msgspec.structs.replace(state, stopped={thing: "12"})

    before = decide(ask, state, held, policy=POLICY, now=NOW)
    after = decide(ask, stopped, held, policy=POLICY, now=NOW)

    assert before.placed[0].chosen[0].offer == "winter-sale"
    assert after.placed[0].status == "fallback"
    (told,) = after.considered
    assert (told.code, told.detail) == (reasons.STOPPED, "")
    assert reasons.words(told.code, told.detail) == "It was stopped in an emergency."


def test_process_knows_at_its_next_look_and_after_a_restart(redis, tmp_path):
    holder = ReleaseHolder(redis, tmp_path)
    stops.put_stops(redis, WINTER)

    holder.poll()
    redis.flushall()
    again = ReleaseHolder(redis, tmp_path)
    again.start()
    again.stop()

    assert holder.current.stops == again.current.stops == WINTER
    assert POLL_SECONDS <= 0.5
