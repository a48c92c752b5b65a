"""Requests about rights over HTTP: which key may ask, read and fetch, and what stays on the person's record."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consent.models import RecordRead, RightsRequest
from consent.rights import exporting
from consent.rights.asking import Intake, subject_of, take_in
from rtts_site.foundation import key_issuing
from tests.campaigns.conftest import person as staff_member

pytestmark = pytest.mark.django_db


def program(redis, name, *scopes):
    key, secret = key_issuing.issue(redis, name, scopes=scopes or ("rights",))
    return key, with_secret(secret)


def with_secret(secret):
    return Client(headers={"authorization": f"Bearer {secret}"})


def ask(client, kind="access", person="user:ann", **more):
    body = {"kind": kind, "person": person, "verified_how": "signed in", **more}
    return client.post("/v1/rights", json.dumps(body), content_type="application/json")


@pytest.fixture
def shop(redis):
    return program(redis, "shop")[1]


@pytest.fixture
def copy(redis, settings, tmp_path):
    """Return the address of a copy that a key with both scopes asked for, and a client with that key."""
    settings.RTTS_VAR = tmp_path
    _, client = program(redis, "copier", "rights", "rights:copy")
    reference = ask(client).json()["request"]
    exporting.folder().mkdir(parents=True, exist_ok=True)
    (exporting.folder() / "1.zip").write_bytes(b"all of it")
    RightsRequest.objects.update(file="1.zip")
    return f"/v1/rights/{reference}/file", client


def test_a_program_reads_only_what_it_asked_for(redis, shop):
    _, other = program(redis, "other")
    told = ask(shop).json()
    row = RightsRequest.objects.get()

    assert shop.get(f"/v1/rights/{told['request']}").json()["kind"] == "access"
    unknown = shop.get("/v1/rights/00000000-0000-4000-8000-000000000000")
    for answer in (
        other.get(f"/v1/rights/{told['request']}"),
        shop.get(f"/v1/rights/{row.pk}"),
        unknown,
    ):
        assert answer.status_code == 404
        assert answer.json()["detail"] == unknown.json()["detail"]


def test_what_staff_took_in_is_not_there_for_programs(shop):
    row = take_in("erasure", "user:ann", intake=Intake(by="clara"), now=timezone.now())

    assert shop.get(f"/v1/rights/{row.reference}").status_code == 404


def test_who_asks_for_what_is_open_already_sees_it_too(redis, shop):
    _, other = program(redis, "other")
    first, second = ask(shop).json()["request"], ask(other).json()["request"]

    assert first == second
    assert RightsRequest.objects.count() == 1
    assert other.get(f"/v1/rights/{second}").status_code == 200


def test_a_rotated_key_reads_on_and_so_does_the_old_one_meanwhile(redis):
    key, before = program(redis, "shop")
    _, secret = key_issuing.rotate(redis, key, now=timezone.now())
    after = with_secret(secret)
    old, new = ask(before).json()["request"], ask(after, person="user:ben").json()["request"]

    assert after.get(f"/v1/rights/{old}").status_code == 200
    assert before.get(f"/v1/rights/{new}").status_code == 200


def test_who_may_ask_may_not_fetch_a_copy(copy, redis, shop):
    path, _ = copy
    _, stranger = program(redis, "stranger", "rights:copy")

    assert shop.get(path).status_code == 403
    assert stranger.get(path).status_code == 404
    assert not RecordRead.objects.exists()


def test_r25_a_copy_fetched_by_a_key_stands_on_the_persons_timeline(copy, client):
    path, copier = copy
    owner = subject_of(RightsRequest.objects.get()).person

    assert b"".join(copier.get(path).streaming_content) == b"all of it"

    assert RecordRead.objects.get().reader == "key copier"
    client.force_login(staff_member("carol", "Compliance"))
    page = client.get(reverse("admin:rtts-timeline", args=[owner]), {"kind": "read"})
    text = page.content.decode()
    assert "key copier" in text
    assert "copy of everything" in text


def test_a_key_from_before_may_ask_and_fetches_nothing(copy, redis):
    path, _ = copy
    key, secret = key_issuing.issue(redis, "old", scopes=["rights"])
    key.scopes = ["erasure"]
    key_issuing._project(redis, key)
    old = with_secret(secret)

    assert ask(old, "erasure", "user:ben").status_code == 202
    assert old.get(path).status_code == 403


def test_a_profile_is_erased_with_the_scope_for_rights(redis, shop):
    _, reader = program(redis, "reader", "profiles")

    assert reader.delete("/v1/profiles/user:ann").status_code == 403
    told = shop.delete("/v1/profiles/user:ann").json()
    assert shop.get(f"/v1/rights/{told['request']}").json()["kind"] == "erasure"


@pytest.mark.parametrize(
    ("kind", "more", "pointer"),
    [
        ("objection", {"purposes": ["nowhere"]}, "/purposes"),
        ("objection", {"purposes": ["ads"] * 101}, "/purposes"),
        ("rectification", {"attributes": {f"a{n}": 1 for n in range(101)}}, "/attributes"),
    ],
)
def test_a_request_names_what_there_is_and_not_too_much(shop, kind, more, pointer):
    answer = ask(shop, kind, **more)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert not RightsRequest.objects.exists()


def test_rows_from_before_get_references_of_their_own():
    with connection.cursor() as cursor:
        cursor.execute(
            "select column_default from information_schema.columns"
            " where table_name = 'consent_rightsrequest' and column_name = 'reference'"
        )
        assert cursor.fetchone() == ("gen_random_uuid()",)
