"""What nobody should send to uploads, previews and the addresses of pictures."""

import os
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.fuzz

HEADS = (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\x20\x00\x00\x00WEBPVP8 ")
ODD = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
TEXTS = NAMES | st.sampled_from(
    [
        *("{{", "{{ a", "{% if %}", "{{ a | default: }}", "{{ (1..99999999) }}", "\0", "{}", "[]"),
        *("<script>", "<a href='javascript:x'>", "{{ offer.name }}", "{% for a in b %}", "9" * 400),
    ]
)


@pytest.fixture
def marketer(db):
    user = User.objects.create(username="mia", password="!", is_staff=True)
    user.groups.add(Group.objects.get(name="Marketer"))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@ODD
@given(st.sampled_from(HEADS), st.binary(max_size=400), NAMES)
def test_any_file_is_taken_or_refused(marketer, head, body, name):
    assume(os.path.basename(name) not in ("", ".", ".."))  # no browser sends one
    file = SimpleUploadedFile(name, head + body)

    answer = marketer.post("/admin/pictures/field/f/", {"f-upload": file})
    whole = marketer.post("/admin/pictures/", {"picture": file})

    assert (answer.status_code, whole.status_code) == (200, 302)


@ODD
@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("key", "name", "purposes", "eligibility", "starts_at", "variants-TOTAL_FORMS"),
                *("variants-INITIAL_FORMS", "variants-0-key", "variants-0-placements"),
                *("variants-0-content_type", "variants-0-languages", "variants-0-devices"),
                *("variants-0-content_text", "variants-0-content_html", "variants-0-content_more"),
                *("variants-0-content_link_url", "variants-0-content_picture", "preview-language"),
                *("preview-save_data", "preview-device_class", "caps-TOTAL_FORMS"),
            ]
        ),
        TEXTS | st.sampled_from(["1", "2", "text/html", "0"]),
    )
)
def test_any_form_is_previewed(marketer, data):
    answer = marketer.post(
        "/admin/content/preview/",
        {"variants-TOTAL_FORMS": "1", "variants-INITIAL_FORMS": "0", **data},
    )

    assert answer.status_code in (200, 400), data


@ODD
@given(TEXTS)
def test_any_address_of_a_picture_is_answered(marketer, name):
    assert marketer.get(f"/media/{quote(name)}").status_code in (301, 404)
    assert marketer.get("/admin/pictures/field/f/", {"sha256": name}).status_code == 200
    assert marketer.get("/admin/pictures/", {"p": name, "unused": name}).status_code == 200
