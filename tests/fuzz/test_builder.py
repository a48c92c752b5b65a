"""Odd input to every address of the builder: never a server error, never silently dropped."""

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.rule_builder.form_tree import FIELDS
from tests.campaigns.conftest import ada, live, mia  # noqa: F401 - fixtures
from tests.campaigns.rule_builder.test_views import EDITS, NODES, ODD, Inputs
from tests.fuzz.hostile import texts

pytestmark = pytest.mark.fuzz

CALM = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
KNOWN = st.sampled_from(
    [
        *("attribute:spend", "attribute:tier", "event:Order Completed", "segment:", "gold", "gte"),
        *(
            "count",
            "since_last",
            "then",
            "30",
            "d",
            "total",
            "Order Completed",
            "winter/winter-sale",
        ),
    ]
)
VALUES = ODD | KNOWN | texts
ADDRESSES = ("edit", "preview", "threshold", "compare")
MORE = ("goal", "days", "values", "about-offer", "experiment")


@pytest.fixture
def client(live, redis):  # noqa: F811
    found = Client(raise_request_exception=True)
    found.force_login(User.objects.create_superuser("fuzz", password="x"))
    return found


@pytest.mark.parametrize("address", ADDRESSES)
@CALM
@given(
    nodes=NODES,
    fields=st.dictionaries(
        st.tuples(st.integers(1, 6), st.sampled_from([*FIELDS, *MORE, "match"])), VALUES, max_size=14
    ),
    do=EDITS | st.just("starter:lapsed"),
    extra=st.dictionaries(
        st.sampled_from(["node", "step", "was", "rb", "rule-history", "rule-exclude", "rule-offer"]),
        VALUES | st.sampled_from(["2", "measure", "spread"]),
        max_size=4,
    ),
)  # fmt: skip
def test_odd_input_is_answered_in_words(client, address, nodes, fields, do, extra):
    data = QueryDict(mutable=True)
    data.setlist("rule-node", ["1::group", *nodes])
    for (node, field), value in fields.items():
        data.appendlist(f"rule-{node}-{field}", value)
    for key, value in {"rb": "rule", "do": do, "node": "2", **extra}.items():
        data[key] = value

    answer = client.post(
        reverse(f"admin:rule-builder-{address}"),
        data.urlencode(),
        "application/x-www-form-urlencoded",
    )

    assert answer.status_code in (200, 400, 422)
    if answer.status_code == 422:
        assert answer.content.decode().strip()


@CALM
@given(
    fields=st.dictionaries(
        st.tuples(st.integers(2, 4), st.sampled_from([*FIELDS])), VALUES, max_size=12
    )
)
def test_what_was_typed_comes_back_after_an_edit_or_the_row_says_why(client, fields):
    data = QueryDict(mutable=True)
    data.setlist("rule-node", ["1::group", "2:1:leaf", "3:1:group", "4:3:leaf"])
    for (node, field), value in fields.items():
        if field != "raw":
            data[f"rule-{node}-{field}"] = value
    for node in (2, 4):
        # The row was asked about what it says now: nothing was chosen anew.
        measure = data.get(f"rule-{node}-measure", "")
        data[f"rule-{node}-about"] = f"{data.get(f'rule-{node}-subject', '')}|{measure}"
    data["rb"], data["do"] = "rule", "add:1"

    answer = client.post(
        reverse("admin:rule-builder-edit"), data.urlencode(), "application/x-www-form-urlencoded"
    )

    assert answer.status_code == 200
    back = Inputs(answer.content.decode()).data
    for key, value in data.items():
        if key.startswith(("rule-2-", "rule-4-")) and value.strip():
            assert _same(back.getlist(key), value), (key, value, back.getlist(key))


def _same(found, typed):
    """Say whether a browser would show what was typed: it drops line breaks of one-line inputs."""
    words = " ".join(found).split()
    return all(word in words for word in typed.split())


@pytest.mark.parametrize("address", ["values", "measured"])
@CALM
@given(query=st.dictionaries(st.sampled_from(["event", "key", "as", "into", "prefix"]), VALUES))
def test_odd_questions_are_answered(client, address, query):
    args = [7] if address == "measured" else []

    answer = client.get(reverse(f"admin:rule-builder-{address}", args=args), query)

    assert answer.status_code in (200, 404, 422)
