from datetime import timedelta

import pytest
from django.utils import timezone
from redis import ConnectionError as NoConnection

from rtts_site.celery import app
from rtts_site.foundation import due

NOW = timezone.now()


@pytest.fixture
def looks(monkeypatch):
    mine = {}
    monkeypatch.setattr(due, "_looks", mine)
    return mine


def test_only_what_has_something_to_do_is_due(looks):
    due.send_when("busy", lambda now: True)
    due.send_when("idle", lambda now: False)

    assert due.Round().due(now=NOW) == ["busy"]


def test_what_need_not_be_asked_all_the_time_is_not(looks):
    asked = []
    due.send_when("slow", lambda now: not asked.append(now), pause_s=5)
    one = due.Round()

    found = [one.due(now=NOW + timedelta(seconds=at)) for at in (0, 1, 5)]

    assert found == [["slow"], [], ["slow"]]
    assert len(asked) == 2


def test_a_store_that_is_away_hides_only_what_it_knows(looks):
    def away(now):
        raise NoConnection

    due.send_when("unseen", away)
    due.send_when("seen", lambda now: True)

    assert due.Round().due(now=NOW) == ["seen"]


def test_one_message_of_a_kind_waits_at_a_time(redis):
    first, second = due.claim(redis, "a.task"), due.claim(redis, "a.task")
    due.begun(redis, "a.task")

    assert (first, second, due.claim(redis, "a.task")) == (True, False, True)
    assert 0 < redis.ttl("due:a.task") <= due.HOLD_S


def test_what_is_looked_for_is_what_workers_know():
    app.loader.import_default_modules()

    assert due.looks
    assert set(due.looks) <= set(app.tasks)


@pytest.mark.django_db
def test_an_idle_site_sends_nothing(redis):
    app.loader.import_default_modules()

    assert due.Round().due(now=NOW) == []
