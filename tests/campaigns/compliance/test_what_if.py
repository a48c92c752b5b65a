"""What campaigns would lose if everybody withdrew from a purpose."""

from campaigns.compliance.what_if import if_withdrawn
from campaigns.stages import staged
from tests.campaigns.conftest import NOW
from tests.campaigns.test_pages import put_person
from tests.campaigns.test_simulator import consented, trust


def losses(redis, purpose):
    with staged(redis) as stage:
        return if_withdrawn(redis, stage, purpose, now=NOW)


def test_a_campaign_loses_whom_only_that_purpose_let_it_reach(live, redis):
    trust(redis)
    for name in ("c-1", "c-2"):
        consented(redis, put_person(redis, name, tier="gold"))
    put_person(redis, "c-3", tier="gold")  # never consented: nothing to lose

    found = losses(redis, "ads")

    (winter,) = found.losses
    assert (winter.before, winter.after, winter.share) == (2, 0, 1.0)
    assert (found.looked_at, found.population) == (3, 3)
    assert winter.lost.people == 2


def test_a_purpose_that_nothing_rests_on_costs_nothing(live, redis):
    trust(redis)
    consented(redis, put_person(redis, "c-1", tier="gold"))

    (winter,) = losses(redis, "research").losses

    assert (winter.before, winter.after, winter.share) == (1, 1, 0.0)


def test_an_empty_house_loses_nothing(live, redis):
    trust(redis)

    (winter,) = losses(redis, "ads").losses

    assert (winter.before, winter.share) == (0, None)
