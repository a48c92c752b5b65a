"""POST /v1/graphql: reads what it is asked for, refuses what is deep, dear or a write."""

import json

import pytest
from django.test import Client
from graphql import parse
from hypothesis import given
from hypothesis import strategies as st

from consent import people
from decisioning import decision_log
from decisioning.api.graphql.cost import MAX_COST, MAX_DEPTH, TooDear, check
from decisioning.ingestion import drain as drain_module
from decisioning.ingestion import history
from tests.decisioning import making
from tests.decisioning.ingestion.people_and_records import accept, drain_all, make_drain

pytestmark = pytest.mark.django_db
WHOLE = """
query Whole($who: String!, $rows: Int! = 2) {
  profile(person: $who) {
    personId firstSeen identifiers
    attributes(keys: ["loyalty_tier"]) { key value source eventTime }
    segments { key isIn }
    orders(first: $rows) { name messageId properties }
    events(first: 1) { name }
    decisions(first: 1) { id state shown { placement offer } }
  }
}
"""
INTROSPECTION = """
{ __schema { types { name fields { name type { name ofType { name ofType { name ofType { name } } } } } } } }
"""


def ask(key, query, raw=None, **body):
    content = raw if raw is not None else json.dumps({"query": query, **body})
    return Client().post(
        "/v1/graphql",
        content,
        content_type="application/json",
        headers={"authorization": f"Bearer {key}"},
    )


@pytest.fixture
def key(kept):
    return making.make_key(kept, "profiles", "decisions")


@pytest.fixture
def ana(kept, key, monkeypatch):
    monkeypatch.setattr(drain_module, "BLOCK_MS", 5)
    making.publish(kept, making.release())
    making.consent(kept, "ana")
    gold = {"attributes": {"loyalty_tier": "gold"}, "type": "identify", "source": "shop"}
    orders = [
        making.track(
            "ana",
            "Order Completed",
            message_id=f"o{n}",
            at_ms=making.NOW_MS + n,
            properties={"n": n},
        )
        for n in range(3)
    ]
    accept(kept, [making.track("ana", "", message_id="i", **gold), *orders])
    drain_all(make_drain(kept))
    history.archive(kept, range(people.PARTITIONS))
    making.run(making.decide(making.make_key(kept, "decisions")))
    decision_log.archive(kept, range(people.PARTITIONS))


def test_tells_profile_history_and_decisions_in_one_answer(ana, key):
    reply = ask(key, WHOLE, variables={"who": "user:ana"})

    assert reply.status_code == 200
    told = reply.json()["data"]["profile"]
    assert told["personId"] == making.person_of("ana")
    assert told["attributes"][0] | {"eventTime": ""} == {
        **{"key": "loyalty_tier", "value": "gold", "source": "shop", "eventTime": ""}
    }
    assert told["segments"] == [{"key": "gold", "isIn": True}]
    assert [one["properties"] for one in told["orders"]] == [{"n": 2}, {"n": 1}]
    (decision,) = told["decisions"]
    assert decision["shown"] == [{"placement": "web.home.hero", "offer": "winter-sale"}]


def test_reads_only_what_is_asked_for(ana, key, django_assert_num_queries):
    with django_assert_num_queries(0):
        ask(key, '{ profile(person: "user:ana") { identifiers segments { key isIn } } }')


def test_nobody_is_null_and_a_wrong_name_is_told(kept, key):
    assert ask(key, '{ profile(person: "user:x") { asOf } }').json() == {"data": {"profile": None}}
    answer = ask(key, '{ profile(person: "x") { asOf } }').json()
    assert answer["data"] == {"profile": None}
    assert answer["errors"][0]["path"] == ["profile"]


def test_decisions_need_their_scope(kept, ana):
    only = making.make_key(kept, "profiles")

    answer = ask(only, '{ profile(person: "user:ana") { asOf decisions { id } } }').json()

    assert "lacks the scope decisions" in answer["errors"][0]["message"]
    assert ask(making.make_key(kept, "events"), "{ __typename }").status_code == 403


def test_introspection_is_answered(kept, key):
    names = [one["name"] for one in ask(key, INTROSPECTION).json()["data"]["__schema"]["types"]]

    assert {"Profile", "Event", "Decision"} <= set(names)
    assert "Mutation" not in names


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"query": "{ profile("}, "/query"),
        ({"query": "{ nothing }"}, "/query"),
        ({"query": ""}, "/query"),
        ({"query": "mutation { erase }"}, "/query"),
        ({"query": "subscription { x }"}, "/query"),
        ({"query": "{ a }" + " " * 9_000}, "/query"),
        ({"query": "{" * 600}, "/query"),
        ({"query": "{ __typename " + "a " * 1_500 + "}"}, "/query"),
        ({"query": "query A($x: Int!) { __typename }"}, "/query"),
        ({"query": WHOLE, "variables": {}}, "/variables"),
        ({"query": WHOLE, "variables": [1]}, "/variables"),
        ({"query": "{ __typename }", "operationName": 5}, "/operationName"),
        ({"query": 5}, "/query"),
        ({}, "/query"),
        ([], ""),
    ],
)
def test_what_cannot_be_executed_is_a_problem(kept, key, body, pointer):
    reply = ask(key, "", raw=json.dumps(body))

    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["errors"][0]["pointer"] == pointer


def test_circles_of_fragments_are_refused(kept, key):
    query = "query { ...A } fragment A on Query { ...B } fragment B on Query { ...A }"

    assert ask(key, query).status_code == 422


def test_rows_are_bounded(ana, key):
    answer = ask(key, '{ profile(person: "user:ana") { events(first: 101) { name } } }').json()

    assert "1 to 100" in answer["errors"][0]["message"]


def weigh(query, **variables):
    return check(parse(query), operation=None, variables=variables)


def test_cost_counts_rows_aliases_and_fragments():
    def events(inner):
        return f'{{ profile(person: "a") {{ {inner} }} }}'

    one = weigh(events("events(first: 1) { name at }"))
    many = weigh(events("events(first: 50) { name at }"))
    twice = weigh(events("events(first: 50) { name at } b: events(first: 50) { name at }"))
    spread = weigh(events("events(first: 50) { ...F }") + " fragment F on Event { name at }")

    assert (one, many) == ((3, 13), (3, 111))
    assert twice == (3, 212)
    assert spread == many
    assert weigh('query($n: Int) { profile(person: "a") { events(first: $n) { name } } }', n=7) == (
        3,
        18,
    )
    assert weigh("{ __schema { types { fields { type { ofType { ofType { name } } } } } } }") == (
        0,
        0,
    )


def test_what_is_too_dear_is_refused(kept, key):
    profiles = [
        f'p{n}: profile(person: "a") {{ decisions(first: 100) {{ id }} }}' for n in range(20)
    ]
    dear = f"{{ {' '.join(profiles)} }}"
    with pytest.raises(TooDear, match="costs"):
        weigh(dear)

    reply = ask(key, dear)

    assert reply.status_code == 422
    assert f"{MAX_COST:,}" in reply.json()["detail"]


@given(st.integers(1, 12))
def test_depth_is_the_longest_way_down(depth):
    query = "{ a " * depth + "}" * depth
    if depth > MAX_DEPTH:
        with pytest.raises(TooDear, match=f"{depth} fields deep"):
            weigh(query)
    else:
        assert weigh(query)[0] == depth
