"""What campaigns would lose if everybody withdrew from a purpose."""

import pytest
from django.urls import reverse

from campaigns import jobs
from campaigns.compliance import working_out
from campaigns.compliance.what_if import if_withdrawn
from campaigns.stages import staged
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import NOW, person
from tests.campaigns.test_authoring import browser
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


@pytest.fixture
def carol(db):
    return person("carol", "Compliance")


def questions():
    return Job.objects.filter(kind=working_out.JOB_KIND)


def worked_out():
    jobs.do_waiting(now=lambda: NOW)


def test_reading_the_page_works_nothing_out(live, redis, carol):
    trust(redis)

    for _ in range(2):
        answer = browser(carol).get(reverse("admin:rtts-what-if"), {"purpose": "ads"})

    assert answer.status_code == 200
    assert "Not worked out yet" in answer.content.decode()
    assert not questions().exists()


def test_a_question_is_worked_out_once_and_its_answer_kept(live, redis, carol):
    trust(redis)
    consented(redis, put_person(redis, "c-1", tier="gold"))
    staff, address = browser(carol), reverse("admin:rtts-what-if")

    waiting = staff.post(address, {"purpose": "ads"}, follow=True).content.decode()
    staff.post(address, {"purpose": "ads"})
    worked_out()
    told = staff.get(address, {"purpose": "ads"}).content.decode()
    staff.post(address, {"purpose": "ads"})

    assert "Waiting for a worker" in waiting
    assert 'hx-get="/admin/compliance/what-if/?purpose=ads"' in waiting
    assert "Worked out on 1 people of 1" in told
    assert 'hx-get="/admin/compliance' not in told
    assert questions().get().state == Job.State.DONE


def test_another_question_waits_for_its_turn(live, redis, carol):
    trust(redis)
    working_out.ask(redis, "research")

    page = browser(carol).post(reverse("admin:rtts-what-if"), {"purpose": "ads"})

    assert "one at a time" in page.content.decode()
    worked_out()
    working_out.ask(redis, "ads")
    assert [one.subject for one in questions().order_by("pk")] == ["research", "ads"]


def test_an_answer_is_kept_for_one_release_only(live, redis):
    trust(redis)
    working_out.ask(redis, "ads")
    worked_out()
    assert working_out.answer_to(redis, "ads").at == NOW

    type(live).objects.filter(pk=live.pk).update(digest="sha256:another")

    assert working_out.answer_to(redis, "ads") is None


def test_a_question_without_a_release_says_what_to_do(db, redis):
    working_out.ask(redis, "ads")
    worked_out()

    failed = questions().get()
    assert failed.state == Job.State.FAILED
    assert "publish a change first" in failed.words
