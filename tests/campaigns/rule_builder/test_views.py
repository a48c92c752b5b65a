import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from django.http import QueryDict
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.rule_builder.form_tree import FIELDS
from campaigns.rule_builder.views import make_views
from campaigns.rule_builder.widgets import RuleBuilder
from tests.campaigns.rule_builder.catalogue import CATALOGUE, FIRST, count

EDIT, PREVIEW = make_views(lambda user: CATALOGUE, count)


class Inputs(HTMLParser):
    """What a browser would send for a piece of a page."""

    def __init__(self, html):
        super().__init__()
        self.data = QueryDict(mutable=True)
        self.select = self.area = None
        self.feed(html)

    def handle_starttag(self, tag, pairs):
        attrs = dict(pairs)
        if tag == "input" and (attrs.get("type") != "checkbox" or "checked" in attrs):
            self.data.appendlist(attrs["name"], attrs.get("value", ""))
        elif tag == "select":
            self.select, self.first = attrs["name"], True
        elif tag == "option" and (self.first or "selected" in attrs):
            self.data[self.select] = attrs["value"]
            self.first = False
        elif tag == "textarea":
            self.area = attrs["name"]

    def handle_data(self, text):
        if self.area:
            self.data.appendlist(self.area, text)
            self.area = None


def page_of(condition):
    html = RuleBuilder(CATALOGUE).render("rule", condition)
    return Inputs(html).data


def send(view, data, **extra):
    sent = data.copy()
    sent["rb"] = "rule"
    for key, value in extra.items():
        sent[key] = value
    request = RequestFactory().post("/", sent.urlencode(), "application/x-www-form-urlencoded")
    request.user = SimpleNamespace(pk=1, has_perm=lambda name: name == "campaigns.view_change")
    response = view(request)
    if hasattr(response, "render"):
        response.render()
    return response


def edited(data, do, **extra):
    response = send(EDIT, data, do=do, **extra)
    assert response.status_code == 200, response.content
    return Inputs(response.content.decode()).data


def words(data):
    return send(PREVIEW, data).content.decode()


def node_of(data, subject):
    name = next(key for key in data if key.endswith("-subject") and data[key] == subject)
    return re.fullmatch(r"rule-(\d+)-subject", name)[1]


def test_the_page_sends_back_what_was_stored():
    before = words(page_of(FIRST))

    assert "Country is DE or AT" in before
    assert "about 3,670" in before
    assert before.count("<tr>") == 4  # a head and three parts


def test_a_new_condition_is_added_and_focused():
    response = send(EDIT, page_of(FIRST), do="add:1")

    html = response.content.decode()
    assert html.count('data-rb-do="remove:') == 9
    assert html.count("autofocus") == 1
    assert "Condition added." in html


def test_choosing_an_attribute_brings_its_operators_and_input():
    data = edited(page_of({}), "add:1")
    data["rule-2-subject"] = "attribute:spend"

    data = edited(data, "set", was="rule-2-subject=")

    assert data["rule-2-is"] == "eq"
    assert data["rule-2-value"] == ""


def test_choosing_an_event_says_a_whole_condition():
    data = edited(page_of({}), "add:1")
    data["rule-2-subject"] = "event:Order Completed"

    html = words(edited(data, "set", was="rule-2-subject="))

    assert "has bought in the last 30 days" in html


def test_changing_the_subject_drops_the_value_and_undo_brings_it_back():
    data = page_of(FIRST)
    spend = node_of(data, "attribute:spend")
    data[f"rule-{spend}-value"] = "750"
    data[f"rule-{spend}-subject"] = "attribute:member"

    changed = edited(data, "set", was=f"rule-{spend}-subject=attribute:spend")
    back = edited(changed, "undo")

    assert changed[f"rule-{spend}-value"] == ""
    assert back[f"rule-{spend}-subject"] == "attribute:spend"
    assert back[f"rule-{spend}-value"] == "750"


def test_undo_goes_back_twenty_edits():
    data = page_of(FIRST)
    start = data.getlist("rule-node")
    for _ in range(20):
        data = edited(data, "add:1")
    for _ in range(20):
        data = edited(data, "undo")

    assert data.getlist("rule-node") == start
    assert edited(data, "undo").getlist("rule-node") == start


def test_undo_first_takes_back_what_was_only_typed():
    data = page_of(FIRST)
    spend = node_of(data, "attribute:spend")
    data[f"rule-{spend}-value"] = "7"

    assert edited(data, "undo")[f"rule-{spend}-value"] == "500"


def test_an_altered_history_is_ignored():
    data = page_of(FIRST)
    data["rule-history"] = data["rule-history"][:-2] + "xx"

    assert edited(data, "undo").getlist("rule-node") == data.getlist("rule-node")


def test_messages_wait_until_the_focus_has_left():
    data = page_of(FIRST)
    spend = node_of(data, "attribute:spend")
    data[f"rule-{spend}-value"] = "lots"

    assert "Write a number" not in words(data)
    data[f"rule-{spend}-seen"] = "1"
    assert "Write a number, for example 500." in words(data)


def test_a_filter_offers_the_properties_of_its_event():
    data = page_of({"event": "Order Completed", "count": {"is": "gte", "value": 1}})

    html = send(EDIT, data, do="where:2").content.decode()

    assert 'value="attribute:department"' in html
    assert html.count('value="attribute:country"') == 1  # of the outer row only


def test_limits_are_refused_in_words():
    data = page_of({"all": [{"attribute": "member", "is": "is_set"}] * 200})

    response = send(EDIT, data, do="add:1")

    assert response.status_code == 422
    assert "200 conditions" in response.content.decode()


def test_a_segment_does_not_offer_itself():
    data = page_of({"segment": "gold"})
    data["rule-exclude"] = "gold"

    assert "not finished" in words(data)
    assert "Gold members" not in send(EDIT, data, do="set").content.decode()


def test_values_are_escaped():
    data = page_of({"attribute": "city", "is": "eq", "value": '"><script>alert(1)</script>'})

    html = words(data) + send(EDIT, data, do="set").content.decode()

    assert "<script>" not in html


@pytest.mark.parametrize("view", [EDIT, PREVIEW])
def test_only_posting_is_allowed(view):
    request = RequestFactory().get("/")

    assert view(request).status_code == 405


ODD = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "0", "1", "Infinity", "-1e999", "nan", "9" * 400, "30", "d", "\x00", "[]"]
    ),
    st.sampled_from([f"attribute:{key}" for key in CATALOGUE.attributes]),
    st.sampled_from(["event:Order Completed", "segment:", "gold", "any_of", "between", "page"]),
)
NODES = st.lists(
    st.builds(
        "{}:{}:{}".format,
        st.integers(0, 6),
        st.sampled_from(["", "1", "2", "3"]),
        st.sampled_from(["group", "leaf", "where", "then_where", "x"]),
    ),
    max_size=6,
)
EDITS = st.one_of(
    st.builds(
        "{}:{}".format,
        st.sampled_from(["add", "group", "where", "then_where", "copy", "remove", "up", "down"]),
        st.integers(0, 8),
    ),
    st.sampled_from(["set", "undo", ""]),
    ODD,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    nodes=NODES,
    fields=st.dictionaries(
        st.tuples(st.integers(1, 6), st.sampled_from([*FIELDS, "match"])), ODD, max_size=12
    ),
    do=EDITS,
    was=ODD,
    history=ODD,
)
def test_odd_input_never_breaks_the_builder(nodes, fields, do, was, history):
    data = QueryDict(mutable=True)
    data.setlist("rule-node", ["1::group", *nodes])
    for (node, field), value in fields.items():
        data.appendlist(f"rule-{node}-{field}", value)
    data["rule-history"] = history

    assert send(EDIT, data, do=do, was=was).status_code in (200, 422)
    assert send(PREVIEW, data).status_code in (200, 422)
