from collections import Counter
from datetime import UTC, datetime
from random import Random

from campaigns.demo.trickle import visit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def visits(count):
    chance = Random(7)  # noqa: S311 - the stream of a test
    return [list(visit(chance, now=NOW)) for _ in range(count)]


def test_a_visit_is_of_one_household_and_begins_with_a_view():
    for messages in visits(200):
        assert 2 <= len(messages) <= 4
        assert len({one["userId"] for one in messages}) == 1
        assert messages[0]["event"] == "Product Viewed"


def test_some_visits_end_in_an_order():
    events = Counter(one["event"] for messages in visits(1_000) for one in messages)

    assert 60 <= events["Order Completed"] <= 140


def test_ids_never_repeat():
    ids = [one["messageId"] for messages in visits(1_000) for one in messages]

    assert len(set(ids)) == len(ids)
