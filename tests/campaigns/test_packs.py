"""Starter packs are whole, and come as drafts like anything else."""

import pytest
from django.urls import reverse

from campaigns import drafts, first_steps, publishing
from campaigns.candidates import candidate_of
from campaigns.models import Change, Item
from campaigns.packs.shelf import PACKS, NothingNew, contents, unpack
from decisioning.rules.compiler import compile_release
from tests.campaigns.conftest import NOW, go_live
from tests.campaigns.test_authoring import browser

FIELDS = {"shop", "news", "streaming", "travel", "finance", "education", "health"}


def test_there_is_a_pack_for_every_field():
    assert set(PACKS) == FIELDS


@pytest.mark.parametrize("key", sorted(FIELDS))
def test_a_pack_is_a_release_that_can_be_published_as_it_is(mia, key):
    unpacked = unpack(PACKS[key], author=mia, now=NOW)
    candidate = candidate_of(unpacked.change)

    assert candidate.findings() == []
    assert compile_release(candidate.spec).groups
    assert unpacked.added == contents(PACKS[key]).total()
    assert drafts.current_change(mia) == unpacked.change


def test_what_is_there_is_left_as_it_is(live, mia):
    before = Item.objects.get(kind="event_type", key="Order Completed").revisions.count()

    unpacked = unpack(PACKS["shop"], author=mia, now=NOW)

    assert ("event_type", "Order Completed") in unpacked.kept
    assert Item.objects.get(kind="event_type", key="Order Completed").revisions.count() == before


def test_a_pack_twice_adds_nothing(mia):
    unpack(PACKS["news"], author=mia, now=NOW)

    with pytest.raises(NothingNew):
        unpack(PACKS["news"], author=mia, now=NOW)
    assert Change.objects.count() == 1


def test_a_pack_goes_live_through_review(mia, ada, redis):
    change = unpack(PACKS["shop"], author=mia, now=NOW).change

    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)

    assert {one.key for one in candidate_of(None).spec.campaigns} == {"win-back"}


def test_a_marketer_takes_a_pack_by_a_button_and_others_may_not(mia, ana):
    url = reverse("admin:rtts-pack", args=["shop"])

    answer = browser(mia).post(url, follow=True)

    assert answer.redirect_chain[-1][0] == reverse(
        "admin:rtts-change", args=[Change.objects.get().pk]
    )
    assert "drafts were added" in answer.content.decode()
    assert browser(ana).post(url).status_code == 403
    assert browser(mia).post(reverse("admin:rtts-pack", args=["nothing"])).status_code == 404


def test_home_leads_through_the_first_steps_until_something_is_live(mia, ada, redis):
    home = reverse("admin:index")
    assert "First steps" in browser(mia).get(home).content.decode()

    change = unpack(PACKS["shop"], author=mia, now=NOW).change
    done = [step.done for step in first_steps.steps()]
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)

    assert done == [True, True, True, False, False, False, False]
    assert [step.done for step in first_steps.steps()][:5] == [True] * 5
    assert "First steps" not in browser(mia).get(home).content.decode()


def test_the_page_to_start_from_shows_every_pack(mia):
    text = browser(mia).get(reverse("admin:rtts-start")).content.decode()

    for pack in PACKS.values():
        assert str(pack.name) in text
