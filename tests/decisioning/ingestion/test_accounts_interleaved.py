"""Accounts under any order of events, sign-ins and deliveries: what members do counts for them once, never twice."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import people
from decisioning.profiles.aggregates import Aggregates
from decisioning.profiles.folding import fold, merge
from decisioning.profiles.profile import MAX_MEMBERS
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.tree import make_aggregate
from tests.decisioning.ingestion.people_and_records import NOW_MS, PEPPER, make_record, person
from tests.decisioning.ingestion.test_interleavings import STEPS, USERS, Stage, records

ORDERS = make_aggregate("Order", "count", within="30d")
KEPT = Aggregates.of([ORDERS], version=1)
HOUSE = people.person_id(people.Identifier("account", "household:h-1"), pepper=PEPPER)


def belongs(number, name, value="h-1", **fields):
    return make_record(f"g{number}", name, type="group", groups={"household": value}, **fields)


def played(sent, steps):
    """Return a stage where all users belong to one household, after what was sent."""
    stage = Stage()
    for number, user in enumerate(USERS):
        stage.accept(belongs(number, user, at_ms=NOW_MS - 1_000))
    stage.finish()
    left = list(sent)
    for what, number in steps:
        busy = sorted(p for p, stream in stage.streams.items() if stage.positions[p] < len(stream))
        if what == "accept" and left:
            stage.accept(left.pop(0))
        elif what == "step" and busy:
            stage.step(busy[number % len(busy)], 1 + number % 3)
        elif what in ("deliver", "crash"):
            stage.deliver(number, crashes=what == "crash")
    for record in left:
        stage.accept(record)
    stage.finish()
    return stage


@settings(max_examples=60)
@given(records(), STEPS)
def test_what_members_do_counts_for_their_account_once_through_every_merge(sent, steps):
    stage = played(sent, steps)

    told = [one for _, one in stage.streams[people.partition_of(HOUSE)] if one.person == HOUSE]
    names = [one.message_id.partition(":")[0] for one in told]
    orders = {one.message_id: one.identifiers[0] for one in sent if one.event == "Order"}
    of_members = {name for name, who in orders.items() if who in USERS}
    assert len(names) == len(set(names))
    assert of_members <= set(names) <= orders.keys()
    counted = aggregate_value(stage.profiles[HOUSE], ORDERS, NOW_MS / 1000) if told else 0
    assert counted == len(names)


@st.composite
def memberships(draw):
    """Draw events of a person that say whom they belong to, and of an account that say who did them."""
    made = []
    for number in range(draw(st.integers(0, 12))):
        at_ms = NOW_MS - draw(st.integers(0, 5))
        kind, value = draw(st.sampled_from(["household", "account"])), f"c-{number % 3}"
        member = person(f"user:{draw(st.integers(0, 4))}")
        record = make_record(number, "user:ana", event="Order", at_ms=at_ms, groups={kind: value})
        made.append(msgspec.structs.replace(record, member=member))
    return made


@settings(max_examples=50)
@given(memberships(), memberships(), st.randoms(use_true_random=False))
def test_who_belongs_where_is_the_same_in_any_order_and_through_a_merge(one, other, chance):
    other = [msgspec.structs.replace(each, message_id=f"o{each.message_id}") for each in other]
    shuffled = [*one, *other]
    chance.shuffle(shuffled)
    whole = fold(None, shuffled, KEPT)
    first, second = fold(None, one, KEPT), fold(None, other, KEPT)

    both, back = merge(first, second, KEPT), merge(second, first, KEPT)

    assert whole.groups == both.groups == back.groups == fold(None, [*one, *other], KEPT).groups
    assert whole.members == fold(None, [*one, *other], KEPT).members


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(st.integers(0, 3 * MAX_MEMBERS), st.integers(0, 50)), min_size=150, max_size=400
    )
)
def test_an_account_remembers_who_was_seen_last_in_any_order(seen):
    made = [
        msgspec.structs.replace(
            make_record(number, "user:ana", at_ms=NOW_MS + at_ms), member=f"p001{who:020d}"
        )
        for number, (who, at_ms) in enumerate(seen)
    ]
    newest = {}
    for one in made:
        newest[one.member] = max(newest.get(one.member, 0), one.event_time_ms)
    expected = sorted(newest, key=lambda who: (newest[who], who))[-MAX_MEMBERS:]

    bit_by_bit = None
    for one in reversed(made):
        bit_by_bit = fold(bit_by_bit, [one], KEPT)

    assert set(fold(None, made, KEPT).members) == set(expected)
    assert bit_by_bit is None or set(bit_by_bit.members) == set(expected)
