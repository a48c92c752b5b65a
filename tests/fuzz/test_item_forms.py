"""The form of every authored kind, sound but for a few fields: what is typed is stored, or refused at its field."""

from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import drafts
from campaigns.models import PROXIES, Item
from campaigns.models.items import Kind
from tests.campaigns.posting import fields_of
from tests.fuzz.hostile import spoilt_fields

pytestmark = pytest.mark.fuzz

CALM = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
FORM = "application/x-www-form-urlencoded"
TIMED = ("starts_at", "ends_at", "time_zone", "hours-0-from", "local_times", "name", "description")


@pytest.fixture(scope="module")
def site(everything):
    user, _ids = everything
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client, user, {}


def _address(kind):
    """Return the form of a thing of a kind, the empty form where there is none."""
    name = f"admin:campaigns_{PROXIES[kind]._meta.model_name}"
    item = Item.objects.filter(kind=kind).order_by("pk").first()
    return reverse(f"{name}_change", args=[item.pk]) if item else reverse(f"{name}_add")


@pytest.mark.parametrize("kind", Kind.values)
@CALM
@given(data=st.data())
def test_a_form_stores_or_names_what_it_refuses(site, kind, data):
    client, user, known = site
    if kind not in known:
        address = _address(kind)
        known[kind] = address, fields_of(client.get(address))
    address, sound = known[kind]
    sent = data.draw(spoilt_fields(sound, [name for name in TIMED if name in sound]))

    with transaction.atomic():
        answer = client.post(address, urlencode(sent, doseq=True), FORM)
        try:
            _check(answer, sent, kind, user)
            if answer.status_code == 302:
                assert client.get(address).status_code in (200, 302)
        finally:
            transaction.set_rollback(True)
            client.cookies.pop("messages", None)


def _check(answer, sent, kind, user):
    assert answer.status_code in (200, 302, 400)
    if answer.status_code == 200:
        assert "error" in answer.content.decode(), sent
    elif answer.status_code == 302 and "name" in sent:
        names = {row.body.get("name") for row in drafts.drafts_of(drafts.current_change(user))}
        # A refused save says so and changes nothing: the version was another one.
        assert "messages" in answer.cookies
        if sent.get("key") and kind != Kind.SETTINGS and "seen" not in _spoilt(sent):
            assert sent["name"][-1].strip() in names, sent["name"]


def _spoilt(sent):
    return {name for name, values in sent.items() if name == "seen" and ":" not in "".join(values)}
