"""Texts with tokens: what is refused, what is needed, and that filling in never breaks or escapes its place."""

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisioning.content.contents import prepare
from decisioning.content.templates import TemplateError, Unusable, parse_template
from decisioning.specs import VariantSpec
from tests.decisioning.making import campaign, offer

READABLE = {
    "first_name": "text",
    "age": "number",
    "gold": "boolean",
    "since": "date",
    "likes": "list",
    "home": "place",
    "app": "version",
}


def content_of(content, content_type="application/json", **fields):
    variant = VariantSpec(key="a", placements=(), content_type=content_type, content=content)
    return prepare(variant, offer("sale", **fields), campaign("winter", "sale"), readable=READABLE)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("{{ a", 1, "can be read"),
        ("one\n{{ a | shout }}", 2, "no filter “shout”"),
        ("{% for a in b %}{% endfor %}", 1, "Unexpected tag 'for'"),
        ("{% assign a = 1 %}", 1, "Unexpected tag"),
        ("{% include 'a' %}", 1, "Unexpected tag"),
        ('{{ a | default: "" }}', 1, "what to write instead"),
        ("{{ a | default: b }}", 1, "in quotes or a number"),
        ('{{ "a" }}', 1, "Begin a token with its name"),
        ("{{ (1..9999999999) }}", 1, "Begin a token with its name"),
        ("{{ a[b] }}", 1, "without brackets"),
        ('{{ a | date: "%d", "Nowhere" }}', 1, "cannot be used like this"),
        ("{{ a }}" * 51, 1, "Keep it to 50 tokens"),
        ("{% if a %}" * 9 + "{% endif %}" * 9, 1, "nesting"),
    ],
)
def test_a_text_is_refused_in_words(text, line, words):
    with pytest.raises(TemplateError) as refused:
        parse_template(text, "text")

    assert (refused.value.line, words in refused.value.message) == (line, True)


def test_what_a_text_needs_is_known_before_it_is_filled_in():
    text = '{{ b | upcase }}{{ a | default: "x" }}{% if c %}{{ d }}{% endif %}'

    template = parse_template(text, "text")

    assert (template.required, template.names) == (("b",), {"a", "b", "c", "d"})


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("{{ first_name }}", {"first_name": "Ana"}, "Ana"),
        ('{{ first_name | default: "friend" }}', {}, "friend"),
        ('{{ first_name | default: "friend" }}', {"first_name": "  "}, "friend"),
        ("{{ age }}", {"age": 41.0}, "41"),
        ("{{ age | number: 2 }}", {"age": 1234.5}, "1,234.50"),
        ('{{ age | number: 2, ".", "," }}', {"age": 1234.5}, "1.234,50"),
        ("{{ gold }}", {"gold": False}, "false"),
        ('{{ since | date: "%d.%m.%Y" }}', {"since": 0.0}, "01.01.1970"),
        ('{{ since | date: "%H:%M", "Europe/Berlin" }}', {"since": 0.0}, "01:00"),
        ('{{ likes | join: " and " }}', {"likes": ["tea", "jam"]}, "tea and jam"),
        ("{{ likes | first }}", {"likes": ["tea", "jam"]}, "tea"),
        ("{{ offer.name }} by {{ campaign.name }}", {}, "Sale by Winter"),
        ("{% if age > 40 %}old{% else %}young{% endif %}", {"age": 41}, "old"),
        ("{% if first_name %}Hi {{ first_name }}{% else %}Hi{% endif %}", {}, "Hi"),
    ],
)
def test_a_text_is_filled_in(text, facts, expected):
    assert content_of({"text": text}).fill(facts) == {"text": expected}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("{{ first_name }}", {}),
        ("{{ first_name }}", {"first_name": ""}),
        ("{{ first_name }}", {"first_name": "\n\t"}),
        ("{{ likes | join }}", {"likes": []}),
        ("{{ unheard_of }}", {"unheard_of": "x"}),
        ("{{ home }}", {"home": (48.2, 16.4)}),
        ("{{ since }}", {"since": 1e300}),
        ("{{ offer.ends_at | date }}", {}),
        ("{% if first_name > 3 %}x{% endif %}", {"first_name": "Ana"}),
        ("{{ first_name | truncate: 0, '' }}", {"first_name": "Ana"}),
    ],
)
def test_a_hole_is_an_error(text, facts):
    with pytest.raises(Unusable):
        content_of({"text": text}).fill(facts)


def test_a_text_that_cannot_be_parsed_makes_its_variant_unusable():
    assert "{{ first_name" in content_of({"text": "{{ first_name"}).missing({"first_name": "Ana"})


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "first_name": st.text(),
        "age": st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
        "gold": st.booleans(),
        "since": st.floats(allow_nan=False, allow_infinity=False),
        "likes": st.lists(st.text(), max_size=5),
        "home": st.tuples(st.floats(), st.floats()),
        "app": st.text(),
    },
)
NAMES = st.sampled_from([*READABLE, "offer.name", "offer.ends_at", "nobody"])
FILTERS = st.sampled_from(
    (
        *("", " | upcase", " | downcase", " | capitalize", " | strip", " | truncate: 5"),
        *(" | truncatewords: 2", " | round: 2", " | number: 3", ' | date: "%d %B"', " | join"),
        *(" | first", " | last", " | size", ' | default: "<b>x</b>"'),
    )
)
TOKENS = st.builds("{{{{ {}{} }}}}".format, NAMES, FILTERS)
TEXTS = st.lists(
    TOKENS | st.builds("{{% if {} > 3 %}}y{{% else %}}{}{{% endif %}}".format, NAMES, TOKENS),
    min_size=1,
    max_size=4,
).map(" ".join)


@given(TEXTS, FACTS)
def test_any_facts_fill_in_or_make_unusable(text, facts):
    content = content_of({"text": text, "html": f"<p>{text}</p>", "link_url": f"/x?{text}"})

    try:
        filled = content.fill(facts)
    except Unusable:
        return

    assert json.loads(json.dumps(filled)) == filled
    assert all(value.strip() for value in filled.values())
    assert re.fullmatch(r"/x\?[A-Za-z0-9_.~% -]*", filled["link_url"])


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _ in attrs]))


EVIL = st.text(
    alphabet=st.sampled_from("<>\"'&={}%/ abjavscript:onerk\n"), min_size=1
) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='x",
        "javascript:alert(1)",
        "{{ age }}",
        "{% if %}",
        "</p></div><iframe>",
        "&lt;script&gt;",
    ]
)


@given(EVIL)
def test_a_value_never_becomes_markup(name):
    html = '<p title="{{ first_name }}">{{ first_name }}<a href="/x?n={{ first_name }}">x</a></p>'
    content = content_of({"html": html})

    try:
        filled = content.fill({"first_name": name})["html"]
    except Unusable:
        assert not name.strip()
        return

    tags = Tags()
    tags.feed(filled)
    assert tags.found == [("p", ["title"]), ("a", ["href"])]
    assert re.search(r'href="/x\?n=[A-Za-z0-9_.~%-]*"', filled)


def test_json_is_not_escaped_twice():
    filled = content_of({"text": "{{ first_name }}"}).fill({"first_name": 'A "B" & <C>'})

    assert filled == {"text": 'A "B" & <C>'}


def test_content_without_tokens_is_handed_out_as_it_is():
    content = content_of({"text": "plain", "rest": [1, {"a": None}]})

    assert content.plain is content.fill({})
    assert content.keys == frozenset()


def test_attributes_named_with_dots_are_read():
    readable = {"geo.city": "text", "geo": "text"}
    variant = VariantSpec(key="a", placements=(), content={"t": "{{ geo.city }}"})
    content = prepare(variant, offer("s"), campaign("w", "s"), readable=readable)

    assert content.fill({"geo.city": "Wien"}) == {"t": "Wien"}
