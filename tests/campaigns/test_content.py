"""Content in the form of an offer: tokens checked at save, variants for contexts, HTML cleaned, the preview."""

import pytest
from django.urls import reverse

from campaigns import drafts
from campaigns.models import Item
from campaigns.models.items import Kind
from tests.campaigns.posting import fields_of


@pytest.fixture
def offer_page(live, marketer):
    offer = Item.objects.get(kind=Kind.OFFER, key="winter-sale")
    url = reverse("admin:campaigns_offer_change", args=[offer.pk])

    def send(**changes):
        data = fields_of(marketer.get(url))
        data |= {f"variants-0-{name}": values for name, values in changes.items()}
        return marketer.post(url, data)

    send.offer = offer
    send.url = url
    return send


def saved(offer, mia):
    change = drafts.current_change(mia)
    return drafts.draft_of(offer, change).body["variants"][0]


def errors_of(page):
    return page.context["adminform"].form.errors.get("variants", [])


def test_tokens_and_contexts_are_saved(offer_page, mia):
    answer = offer_page(
        content_headline='{{ tier | default: "friend" }}, {{ offer.name }}',
        languages="de, fr-CA",
        devices=["mobile"],
        save_data="yes",
    )

    assert answer.status_code == 302, errors_of(answer)
    variant = saved(offer_page.offer, mia)
    assert variant["content"] == {"headline": '{{ tier | default: "friend" }}, {{ offer.name }}'}
    assert variant["fit"] == {
        "languages": ["de", "fr-CA"],
        "devices": ["mobile"],
        "networks": [],
        "save_data": True,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hi {{ teir }}", "do you mean “tier”"),
        ("Hi\nthere {{ nobody }}", "Line 2: There is no token “nobody”"),
        ("Hi {{ tier", "can be read"),
        ("{% for a in b %}{% endfor %}", "Unexpected tag"),
    ],
)
def test_what_is_wrong_is_told_at_field_and_line(offer_page, text, words):
    page = offer_page(content_text=text)

    (message,) = errors_of(page)
    assert "Row 1, content.text" in message
    assert words in message


def test_a_link_may_not_begin_with_a_token_or_run_script(offer_page):
    assert "cannot begin with a token" in errors_of(offer_page(content_link_url="{{ tier }}"))[0]
    assert "https://" in errors_of(offer_page(content_link_url="javascript:alert(1)"))[0]


def test_html_is_cleaned_and_what_goes_is_shown_first(offer_page, mia):
    page = offer_page(content_html="<p>Hi <script>alert(1)</script>{{ tier }}</p>")

    assert "<script>alert(1)</script>" in errors_of(page)[0]
    data = fields_of(page)
    assert data["variants-0-content_html"] == ["<p>Hi {{ tier }}</p>"]


def test_a_language_that_is_none_is_refused(offer_page):
    assert "no language" in errors_of(offer_page(languages="german!"))[0]


def test_a_token_is_refused_where_purposes_do_not_allow_it(offer_page, marketer):
    data = fields_of(marketer.get(offer_page.url))
    data |= {"variants-0-content_text": "{{ tier }}", "purposes": []}

    page = marketer.post(offer_page.url, data)

    found = [text for texts in page.context["adminform"].form.errors.values() for text in texts]
    assert any("may not serve what this offer is shown for" in text for text in found)


def test_the_preview_says_what_is_wrong_and_offers_tokens(offer_page, marketer):
    data = fields_of(marketer.get(offer_page.url))
    data |= {
        "variants-0-content_text": "Hi {{ teir }}",
        "variants-0-content_html": "<b onclick='x'>x</b>",
    }

    page = marketer.post(reverse("admin:rtts-content-preview"), data)

    text = page.content.decode()
    assert page.status_code == 200
    assert "do you mean “tier”" in text
    assert "is taken out: &lt;b onclick" in text
    assert "{{ tier | default:" in text
    assert "<script" not in text
