import pytest
from django.conf import settings

from rtts_site.celery import app


@pytest.fixture(scope="module")
def known():
    app.loader.import_default_modules()
    return set(app.tasks)


def test_beat_publishes_only_what_workers_know(known):
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= known


def test_routes_name_only_what_workers_know(known):
    assert set(settings.CELERY_TASK_ROUTES) <= known


def test_every_periodic_part_has_its_beat():
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} >= {
        "consent.settle_fences",
        "decisioning.seed_drains",
        "site.note_beat",
        "site.send_due",
    }


def test_messages_are_json_only():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"


def test_no_task_outlives_its_delivery():
    visible = app.conf.broker_transport_options["visibility_timeout"]

    assert app.conf.task_time_limit < visible
