"""Content in the form of an offer: tokens checked at save, variants for contexts, HTML cleaned, the preview."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from campaigns import drafts, sampling, tasks
from campaigns.images import library
from campaigns.models import Item
from campaigns.models.items import Kind
from consent.models import RecordRead
from decisioning.specs import AttributeSpec
from tests.campaigns.conftest import NOW, save
from tests.campaigns.images.test_pictures import photograph
from tests.campaigns.posting import fields_of
from tests.decisioning import making


@pytest.fixture
def marketer(mia):
    client = Client()
    client.force_login(mia)
    return client


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


@pytest.fixture
def people(redis):
    """Three people whom the offer finds: one who consented, one who withdrew, one without a name."""
    sampling.forget()
    spec = making.release()
    making.trust(redis)
    for user, attributes in (
        ("ana", {"tier": "gold", "spend": 1250}),
        ("ben", {"tier": "gold", "spend": 7}),
        ("cleo", {"tier": "gold"}),
        ("dan", {"tier": "silver", "spend": 3}),
    ):
        making.remember(redis, user, spec, attributes=attributes)
        if user != "ben":
            making.consent(redis, user, purpose="ads")
    yield {user: making.person_of(user) for user in ("ana", "ben", "cleo", "dan")}
    sampling.forget()


def test_the_preview_shows_three_people_whom_the_offer_finds(offer_page, marketer, people):
    data = fields_of(marketer.get(offer_page.url))
    data |= {"variants-0-content_headline": "You spent {{ spend }}"}

    page = marketer.post(reverse("admin:rtts-content-preview"), data)

    (placed,) = page.context["placements"]
    looks = {look.person: look for look in placed.looks}
    assert set(looks) == {people["ana"], people["ben"], people["cleo"]}
    assert looks[people["ana"]].parts[0].value == "You spent 1250"
    assert (looks[people["ana"]].marks, looks[people["ben"]].marks) == ((), ("no consent",))
    assert looks[people["cleo"]].missing == "spend"
    assert looks[people["ben"]].missing == "spend", "consent hides what is known"
    assert '<mark class="missing">{{ spend }}</mark>' in page.content.decode()


def test_the_preview_shows_what_another_context_would_see(offer_page, marketer, people):
    data = fields_of(marketer.get(offer_page.url))
    data |= {"variants-0-languages": "de", "preview-language": "fr"}

    page = marketer.post(reverse("admin:rtts-content-preview"), data)

    assert "no variant for this context" in page.content.decode()


def test_the_preview_asks_no_other_site_for_anything(offer_page, marketer, people):
    html = (
        '<p class="button">Hi<img src="https://evil.example/x.png" alt="x"></p><script>1</script>'
    )
    data = fields_of(marketer.get(offer_page.url)) | {"variants-0-content_html": html}

    text = marketer.post(reverse("admin:rtts-content-preview"), data).content.decode()

    (shown,) = set(re.findall(r'<div class="look-html">(.*?)</div>', text))
    assert shown == '<p>Hi<img alt="x"></p>'


def test_a_picture_is_shown_once_it_is_prepared(offer_page, marketer, mia, people):
    picture = library.take_in(photograph(), name="tent.jpg", by=mia, slots=[], now=NOW)
    data = fields_of(marketer.get(offer_page.url))
    data |= {"variants-0-content_picture": picture.sha256, "variants-0-content_alt": "A tent"}
    url = reverse("admin:rtts-content-preview")

    before = marketer.post(url, data).content.decode()
    tasks.do_jobs()
    after = marketer.post(url, data).content.decode()

    assert "The picture is being prepared." in before
    assert "<img" not in before
    assert f'src="/media/{picture.sha256}/' in after


def test_a_value_that_may_not_be_said_is_not_shown(offer_page, marketer, mia, people):
    spend = AttributeSpec(
        key="spend", name="Total spend", type="number", purposes=("ads",), sayable=False
    )
    save(drafts.ensure_change(mia, now=NOW), Kind.ATTRIBUTE, spend, author=mia)
    data = fields_of(marketer.get(offer_page.url))
    data |= {"variants-0-content_headline": "You spent {{ spend }}"}

    page = marketer.post(reverse("admin:rtts-content-preview"), data)

    assert "may not be said" in page.content.decode()
    assert "1250" not in page.content.decode()
    (placed,) = page.context["placements"]
    assert {look.missing for look in placed.looks} == {"spend"}


def test_whom_the_preview_shows_is_noted_once_in_a_while(offer_page, marketer, mia, people):
    data = fields_of(marketer.get(offer_page.url))

    for _typed in range(2):
        marketer.post(reverse("admin:rtts-content-preview"), data)

    read = RecordRead.objects.filter(reader=mia.username, what="preview of an offer's content")
    assert sorted(read.values_list("person", flat=True)) == sorted(
        people[user] for user in ("ana", "ben", "cleo")
    )


def test_who_may_not_see_people_sees_none_in_the_preview(offer_page, marketer, mia, people):
    data = fields_of(marketer.get(offer_page.url))
    mia.groups.clear()
    wanted = ("view_offer", "change_offer", "view_change", "change_change")
    mia.user_permissions.set(Permission.objects.filter(codename__in=wanted))

    page = marketer.post(reverse("admin:rtts-content-preview"), data)

    assert page.status_code == 200
    assert "placements" not in page.context
    assert not any(person in page.content.decode() for person in people.values())
    assert not RecordRead.objects.exists()
