"""The pages about decisions in the admin."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from consent import people
from decisioning import decision_log
from tests.decisioning import making
from tests.decisioning.making import campaign, decide, offer, run

pytestmark = pytest.mark.django_db


def sign_in(*permissions):
    user = User.objects.create_user("mia", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def decided(kept, key):
    offers = (
        offer("gold-only", eligibility=making.GOLD),
        offer("for-buyers", eligibility=making.BUYER),
        offer("weaker", priority=0.1),
    )
    spec = making.release(offers=offers, campaigns=(campaign("winter", *(o.key for o in offers)),))
    making.publish(kept, spec)
    making.consent(kept, "ana")
    making.remember(kept, "ana", spec, attributes={"loyalty_tier": "gold"})
    return run(decide(key)).json["decision_id"]


def test_a_decisions_page_tells_winner_losers_and_consent(kept, key):
    decision = decided(kept, key)

    page = sign_in("view_decisionrecord").get(f"/admin/decisioning/decisionrecord/{decision}/")

    assert page.status_code == 200
    text = page.content.decode()
    for told in (
        "1. Gold Only",
        "For Buyers",
        "The person does not meet its conditions.",
        "It ranks below Gold Only.",
        "personalised_ads",
        "evt-1",
        "Loyalty tier",
        "sha256:",
        "<progress",
    ):
        assert told in text
    assert "style=" not in text.split("<main")[-1]


def test_the_list_finds_a_person_and_a_decision(kept, key):
    decision = decided(kept, key)
    decision_log.archive(kept, range(people.PARTITIONS))
    client = sign_in("view_decisionrecord")

    assert decision in client.get("/admin/decisioning/decisionrecord/").content.decode()
    assert decision in client.get("/admin/decisioning/decisionrecord/?q=user:ana").content.decode()
    assert (
        decision not in client.get("/admin/decisioning/decisionrecord/?q=user:ben").content.decode()
    )
    found = client.get(f"/admin/decisioning/decisionrecord/?q={decision}")
    assert found.headers["location"].endswith(f"{decision}/")


def test_other_roles_do_not_see_decisions(kept, key):
    decision = decided(kept, key)

    assert sign_in().get(f"/admin/decisioning/decisionrecord/{decision}/").status_code == 403


def test_an_unknown_decision_is_not_found(kept):
    page = sign_in("view_decisionrecord").get("/admin/decisioning/decisionrecord/d-nonsense/")

    assert page.status_code == 404


@pytest.mark.parametrize("query", ["d-a/b", "d-", "d-999-1-1-0123456789abcdef", "d-²", "user:d-1"])
def test_the_search_answers_whatever_is_typed(kept, query):
    answer = sign_in("view_decisionrecord").get(
        "/admin/decisioning/decisionrecord/", {"q": query}, follow=True
    )

    assert answer.status_code in (200, 404)
