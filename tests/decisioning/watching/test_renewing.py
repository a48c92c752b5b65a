"""What is live and what destinations ask for is watched, and published again only where that changed."""

from dataclasses import replace

from decisioning.watching.live import load_watched
from decisioning.watching.renewing import renew_watched
from tests.decisioning import making
from tests.decisioning.watching.watching import trigger

ORDERED = trigger("ordered", "event", event="Order Completed", condition={"segment": "gold"})


def watched(redis):
    return [one.key for one in load_watched(redis).segments]


def test_what_is_watched_follows_the_release_and_the_destinations(kept):
    assert not renew_watched(kept, named=(), now_ms=1)
    making.publish(kept, making.release())

    assert not renew_watched(kept, named=(), now_ms=1)
    assert renew_watched(kept, named=["gold"], now_ms=2)
    assert watched(kept) == ["gold"]
    assert not renew_watched(kept, named=["gold"], now_ms=3)
    assert renew_watched(kept, named=(), now_ms=4)
    assert watched(kept) == []

    making.publish(kept, making.release(triggers=(ORDERED,)), version=2)
    assert renew_watched(kept, named=(), now_ms=5)
    assert load_watched(kept).triggers[0].since_ms == 5


def test_a_trigger_that_starts_as_before_keeps_its_beginning(kept):
    making.publish(kept, making.release(triggers=(ORDERED,)))
    renew_watched(kept, named=(), now_ms=5)
    renamed = replace(ORDERED, name="Renamed", every_s=60)
    making.publish(kept, making.release(triggers=(renamed,)), version=2)

    assert renew_watched(kept, named=(), now_ms=9)

    assert load_watched(kept).triggers[0].since_ms == 5
    assert load_watched(kept).triggers[0].spec.every_s == 60


def test_a_store_that_was_emptied_is_filled_again(kept):
    making.publish(kept, making.release())
    renew_watched(kept, named=["gold"], now_ms=1)
    kept.delete("watch:live", "watch:version", "watch:source")

    assert renew_watched(kept, named=["gold"], now_ms=2)
    assert watched(kept) == ["gold"]
