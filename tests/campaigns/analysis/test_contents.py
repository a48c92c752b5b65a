from datetime import date

import pytest

from campaigns.analysis.colours import colour_of, contrast
from campaigns.analysis.contents import trouble_of
from campaigns.analysis.mentions import amounts_in, days_in
from decisioning.specs import FitSpec
from tests.campaigns.analysis.making import DAY, NOW, odd_offer, offer, variant

NEAR = NOW.date()


def codes(content, **more):
    return [(one.code, one.field) for one in odd_offer(offer(content=content, **more))]


def test_sound_content_has_no_findings():
    content = {
        "headline": "Hi {{ tier | default: 'you' }}, 20% off until 24 December 2026",
        "image_url": "/media/tent.jpg",
        "image_alt": "A tent in the snow",
        "link_url": "https://shop.acme.com/winter?x=1",
        "price": 12.5,
        "text": "Only €12.50",
        "color": "#000",
        "background_color": "#fff",
    }

    assert codes(content) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"headline": "Your {{ secret }}"}, "untactful"),
        ({"headline": "Hi {% if secret == 'x' %}you{% endif %}"}, "untactful"),
        ({"headline": "Hi {{ }}"}, "token_broken"),
        ({"headline": "Hi {{ tier"}, "token_broken"),
        ({"text": "Lorem ipsum dolor"}, "leftover"),
        ({"text": "TODO: write this"}, "leftover"),
        ({"text": "Hello [name]"}, "leftover"),
        ({"text": "Until 1 November 2026"}, "day_past"),
        ({"text": "Bis 3. Oktober"}, "day_past"),
        ({"image_url": "/tent.jpg"}, "alt_missing"),
        ({"html": '<img src="/a.png">'}, "alt_missing"),
        ({"text": "Only €9.99", "price": 12.5}, "price_differs"),
        ({"text": "Nur 9,99 €", "price": "12,50 €"}, "price_differs"),
        ({"text_color": "#777", "background": "#888888"}, "contrast"),
        ({"link_url": "htp://shop.acme.com"}, "link_broken"),
        ({"link_url": "shop.acme.com/x"}, "link_broken"),
        ({"link_url": "https://shop"}, "link_broken"),
        ({"html": '<a href="https://shop acme.com">x</a>'}, "link_broken"),
    ],
)
def test_what_is_wrong_with_content_is_found(content, code):
    (found,) = codes(content)

    assert found[0] == code
    assert found[1].startswith("variants[0].content")


@pytest.mark.parametrize(
    "text",
    ["Todo el invierno", "50% discount", "20%s", "Since 1950", "Version 1.2.3", "From 9 to 17:30"],
)
def test_plain_words_are_no_leftovers(text):
    assert codes({"text": text}) == []


def test_days_outside_the_offer_are_found():
    content = {"text": "From 1 December 2026 to 24 December 2026"}

    assert codes(content, ends_at=NOW + 20 * DAY) == [("day_after", "variants[0].content.text")]
    assert codes(content, starts_at=NOW + 12 * DAY) == [("day_before", "variants[0].content.text")]


def test_strange_hosts_and_languages_are_named():
    given = offer(
        variants=(variant({"link_url": "https://evil.com/x"}, fit=FitSpec(languages=("de", "qq"))),)
    )

    found = odd_offer(given, hosts=frozenset({"acme.com"}))

    assert [(one.code, one.args.get("host") or one.args.get("language")) for one in found] == [
        ("link_stranger", "evil.com"),
        ("language", "qq"),
    ]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("until 2026-12-24", date(2026, 12, 24)),
        ("bis 24.12.2026", date(2026, 12, 24)),
        ("bis 24.12.", date(2026, 12, 24)),
        ("24th of December", date(2026, 12, 24)),
        ("December 24, 2027", date(2027, 12, 24)),
        ("am 3. März", date(2027, 3, 3)),
        ("5 Jan", date(2027, 1, 5)),
    ],
)
def test_days_are_read_in_both_languages(text, day):
    assert [one.date for one in days_in(text, near=NEAR)] == [day]


@pytest.mark.parametrize("text", ["31 February", "May 50% rise", "12.5 kg", "99.99.2026", "may be"])
def test_other_numbers_are_no_days(text):
    assert list(days_in(text, near=NEAR)) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("€12.50", 12.5),
        ("12,50 €", 12.5),
        ("EUR 1.299,00", 1299),
        ("$1,299", 1299),
        ("1 299 €", 1299),
        ("£5", 5),
    ],
)
def test_amounts_are_read_however_they_are_written(text, value):
    assert [one.value for one in amounts_in(text)] == [value]


def test_contrast_is_that_of_the_standard():
    assert contrast(colour_of("#767676"), colour_of("white")) == pytest.approx(4.54, abs=0.01)
    assert contrast(colour_of("#777"), colour_of("rgb(255, 255, 255)")) < 4.5
    assert colour_of("a nice blue") is None


@pytest.mark.parametrize(
    ("address", "trouble"),
    [
        ("/shop", ""),
        ("#top", ""),
        ("mailto:a@acme.com", ""),
        ("https://acme.com:8443/x", ""),
        ("javascript:alert(1)", "scheme"),
        ("https://acme.com:99999/x", "form"),
        ("https://[::1", "form"),
        ("https://acme.invalid", "host"),
        ("//acme.com/x", ""),
        ("mailto:", "form"),
    ],
)
def test_addresses_that_cannot_work_are_told(address, trouble):
    assert trouble_of(address) == trouble
