"""Segments that flap are found by the moves of each person a day."""

from datetime import timedelta

from django.utils import timezone

from decisioning.dispatching.flapping import count, flapping
from decisioning.watching.dispatches import Dispatch

NOW = timezone.now()


def moves(segment, *, people, each):
    return [
        Dispatch(kind="segment.entered", person=f"p{number:03d}", key=segment, at_ms=1)
        for number in range(people)
        for _ in range(each)
    ]


def test_only_who_moves_too_often_is_told(redis):
    count(redis, moves("calm", people=30, each=2), now=NOW)
    count(redis, moves("wild", people=30, each=9), now=NOW)
    count(redis, moves("few", people=3, each=50), now=NOW)

    found = dict(flapping(redis, now=NOW))

    assert found.keys() == {"wild"}
    assert 8 < found["wild"] < 10
    assert flapping(redis, now=NOW + timedelta(days=2)) == []
