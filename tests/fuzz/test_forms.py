"""No form of the admin answers 5xx, whatever is posted to it."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtts_site import urls  # noqa: F401 - registers the pages
from tests.fuzz.hostile import texts, values

pytestmark = pytest.mark.fuzz

FIELDS = [
    *("key", "name", "type", "source", "unit", "values", "purposes", "channel", "content_type"),
    *("max_count", "fallback", "cache_seconds", "condition", "eligibility", "starts_at", "ends_at"),
    *("priority", "value", "category", "offers", "goal_event", "weights", "holdout_share", "arms"),
    *("salt", "traffic", "basis", "validity_days", "title", "details", "description", "why"),
    *("variants-TOTAL_FORMS", "variants-INITIAL_FORMS", "variants-0-key", "variants-0-content"),
    *("caps-TOTAL_FORMS", "caps-INITIAL_FORMS", "caps-0-limit", "caps-0-window_s"),
    *("starts_at_0", "starts_at_1", "ends_at_0", "ends_at_1", "username", "password1", "scopes"),
]
forms = st.dictionaries(st.sampled_from(FIELDS), texts | values.map(str), max_size=12)


@pytest.fixture
def signed_in(db, redis):
    client = Client(raise_request_exception=True)
    client.force_login(User.objects.create_superuser("fuzz", password="x"))
    return client


def add_pages():
    for model in admin.site._registry:
        try:
            yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
        except NoReverseMatch:
            continue


@pytest.mark.parametrize("page", sorted(add_pages()))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(form=forms)
def test_no_form_makes_a_server_error(signed_in, page, form):
    answer = signed_in.post(page, form)

    assert answer.status_code < 500
