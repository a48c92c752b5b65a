"""Accounts: who belongs to one, and its own profile in its own partition."""

from dataclasses import replace

import msgspec
import pytest

from consent import people
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion.identities import account_named
from decisioning.ingestion.wire import read_messages
from decisioning.profiles.live_set import announce
from decisioning.profiles.store import load_profile
from decisioning.profiles.windows import aggregate_value
from decisioning.rules.tree import make_aggregate
from tests.decisioning.ingestion.people_and_records import (
    NOW_MS,
    PEPPER,
    accept,
    drain_all,
    make_drain,
    make_record,
    person,
)
from tests.decisioning.ingestion.test_wire import BROWSER, INTAKE

ORDERS = make_aggregate("Order", "count", within="30d")


@pytest.fixture
def kept(redis, monkeypatch, settings):
    settings.RTTS_PEPPER = PEPPER
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    announce(redis, [ORDERS])
    return redis


def read(*messages, intake=INTAKE):
    records, refusals = read_messages(
        [msgspec.Raw(msgspec.json.encode(one)) for one in messages], intake=intake
    )
    assert refusals == []
    return records


def group(user, number, **fields):
    return {"type": "group", "userId": user, "groupId": "c-7", "messageId": f"g{number}", **fields}


def order(user, number, **context):
    message = {"type": "track", "event": "Order", "userId": user, "messageId": f"o{number}"}
    return {**message, "context": context}


def told(redis, text):
    return load_profile(redis, people.person_id(account_named(text), pepper=PEPPER))[1]


def test_a_group_call_makes_an_account_with_its_own_attributes(kept):
    accept(kept, read(group("ana", 1, traits={"plan": "gold", "staff": 12})))

    drain_all(make_drain(kept))

    _, ana = load_profile(kept, person("user:ana"))
    assert ana.groups["account"].value == "c-7"
    assert "plan" not in ana.attributes
    assert told(kept, "c-7").attributes["plan"].value == "gold"
    listed = {
        who.decode()
        for p in range(people.PARTITIONS)
        for who in kept.zrange(people.roster_key(p), 0, -1)
    }
    assert listed == {person("user:ana")}


def test_what_members_do_counts_for_their_account_once(kept):
    events = read(
        group("ana", 1),
        order("ana", 2, groupId="c-7"),
        order("ben", 3, groupId="c-7"),
        order("ben", 4),
        order("cleo", 5, groupId="h-1", groupType="household"),
    )
    accept(kept, events)
    accept(kept, events)

    drain_all(make_drain(kept))

    assert aggregate_value(told(kept, "c-7"), ORDERS, NOW_MS / 1000) == 3  # ben is a member by then
    assert aggregate_value(told(kept, "household:h-1"), ORDERS, NOW_MS / 1000) == 1
    _, ben = load_profile(kept, person("user:ben"))
    assert aggregate_value(ben, ORDERS, NOW_MS / 1000) == 2


def test_a_browser_names_only_an_account_that_the_proof_of_its_user_names():
    vouched = frozenset({("ana", "account:c-7"), ("ben", "household:h-1")})
    browser = replace(BROWSER, proven=frozenset({"ana", "ben"}), vouched=vouched)
    (anonymous,) = read({"type": "group", "anonymousId": "d-1", "groupId": "c-7"}, intake=browser)
    ana, ben = read(group("ana", 1), group("ben", 2), intake=browser)

    assert (anonymous.account, anonymous.groups) == ("", {})
    assert ana.groups == {"account": "c-7"}
    assert (ben.account, ben.groups, ben.account_attributes) == ("", {}, {})


def test_what_names_nobody_makes_no_profile_and_is_told_to_its_account(kept):
    account = people.person_id(account_named("account:c-7"), pepper=PEPPER)
    about_nobody = make_record(
        1, "anonymous:m1", kind="nobody", event="Order", groups={"account": "c-7"}, account=account
    )

    accept(kept, [msgspec.structs.replace(about_nobody, identifiers=())])
    drain_all(make_drain(kept))

    assert load_profile(kept, about_nobody.person)[1] is None
    assert aggregate_value(told(kept, "account:c-7"), ORDERS, NOW_MS / 1000) == 1


def test_what_members_do_without_naming_it_counts_for_the_account_they_belong_to(kept):
    accept(kept, read(order("ana", 1), group("ana", 2), order("ana", 3), order("ben", 4)))
    drain = make_drain(kept)
    drain_all(drain)
    accept(kept, read(order("ana", 5), order("ana", 6, groupId="c-8")))
    drain_all(drain)

    assert aggregate_value(told(kept, "c-7"), ORDERS, NOW_MS / 1000) == 2
    assert aggregate_value(told(kept, "c-8"), ORDERS, NOW_MS / 1000) == 1
    assert set(told(kept, "c-7").members) == {person("user:ana")}


def test_what_a_visitor_did_counts_once_for_the_account_of_whom_they_merged_into(kept):
    drain = make_drain(kept)
    accept(kept, [make_record(1, "user:ana", type="group", groups={"account": "c-7"}, account="")])
    drain_all(drain)
    joined = make_record(2, "user:ana", type="identify", joins=["anonymous:d-1"])
    seen = make_record(3, "anonymous:d-1", event="Order")
    accept(kept, [joined])
    drain_all(drain)
    accept(kept, [seen, seen])
    drain_all(drain)
    accept(kept, [seen])
    drain_all(drain)

    assert aggregate_value(told(kept, "c-7"), ORDERS, NOW_MS / 1000) == 1
    assert load_profile(kept, person("anonymous:d-1"))[0] == person("user:ana")


def test_an_event_from_before_somebody_belonged_does_not_count(kept):
    belongs = make_record(
        1, "user:ana", type="group", groups={"account": "c-7"}, account="", at_ms=NOW_MS
    )
    earlier = make_record(2, "user:ana", event="Order", at_ms=NOW_MS - 1)
    accept(kept, [belongs, earlier, make_record(3, "user:ana", event="Order")])

    drain_all(make_drain(kept))

    assert aggregate_value(told(kept, "c-7"), ORDERS, NOW_MS / 1000) == 1
