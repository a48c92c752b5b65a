"""The pages of connections: a file on its way in, sources, who may, and what is remembered."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from campaigns import samples
from campaigns.forms.connections import CAST_NAMES, TARGETS, guess
from campaigns.history import history_of
from decisioning.connections import importing, sources
from decisioning.connections.casting import CASTS
from decisioning.connections.mapping import FIELDS, NAMED, SPACES
from decisioning.models import Import, Source
from tests.campaigns.conftest import person
from tests.decisioning.connections.foreign import Foreign

ORDERS = b"customer,at,total,note\nc-1,2026-01-02T03:04:05Z,1999,\n,2026-01-02T03:04:05Z,5,x\n"


@pytest.fixture
def admin(client, db, redis):
    client.force_login(person("ada", "Admin"))
    return client


@pytest.fixture
def foreign(settings):
    settings.RTTS_WEBHOOKS_PRIVATE = True
    system = Foreign()
    yield system
    system.close()


def upload(client, raw=ORDERS, **more):
    sent = {"file": SimpleUploadedFile("orders.csv", raw), **more}
    return client.post(reverse("admin:rtts-import-new"), sent)


def mapping_data(columns, **common):
    """Return the fields of the mapping's forms: column -> (target, name, more)."""
    data = {"call": "track", "event": "Order Completed", "zone": "UTC", **common}
    data |= {"rules-TOTAL_FORMS": len(columns), "rules-INITIAL_FORMS": len(columns)}
    for place, (column, (target, named, *more)) in enumerate(columns.items()):
        fields = {"column": column, "target": target, "named": named, "separator": ","}
        fields |= more[0] if more else {}
        data |= {f"rules-{place}-{name}": value for name, value in fields.items()}
    return data


COLUMNS = {
    "customer": ("user_id", "", {"required": "on"}),
    "at": ("time", ""),
    "total": ("property", "total", {"cast": "number", "unit": "cents_to_units"}),
    "note": ("", ""),
}


def test_a_file_is_tried_started_and_told(admin, redis):
    page = admin.get(upload(admin).url)
    row = Import.objects.get()
    assert page.status_code == 200
    assert b'value="customer"' in page.content

    shown = admin.post(reverse("admin:rtts-import-preview", args=[row.pk]), mapping_data(COLUMNS))
    assert b"1 of 2 rows can be taken" in shown.content
    assert b"19.99" in shown.content
    assert b"This column may not be empty." in shown.content

    started = admin.post(reverse("admin:rtts-events-import", args=[row.pk]), mapping_data(COLUMNS))
    assert started.status_code == 302
    bar = admin.get(reverse("admin:rtts-events-import-progress", args=[row.pk]))
    assert bar.status_code == 200
    importing.work(redis, now=lambda: datetime.now(UTC), spell=timedelta(seconds=5))
    bar = admin.get(reverse("admin:rtts-events-import-progress", args=[row.pk]))
    assert (bar.status_code, bar["HX-Refresh"]) == (286, "true")
    done = admin.get(reverse("admin:rtts-events-import", args=[row.pk]))
    assert b"Refused rows with their reasons" in done.content
    refused = admin.get(reverse("admin:rtts-import-rows-refused", args=[row.pk]))
    assert b"may not be empty" in b"".join(refused.streaming_content)


def test_a_file_that_is_none_is_refused_with_words(admin):
    answer = upload(admin, b"a,a\n1,2\n")

    assert answer.status_code == 422
    assert b"same name" in answer.content


def test_columns_are_guessed_by_their_names():
    taken = set()
    found = {}
    for column in ("customer_id", "email", "billing_email", "created_at", "total"):
        found[column] = guess(column, taken)
        taken.add(found[column])

    assert found == {
        "customer_id": "user_id",
        "email": "id:email",
        "billing_email": "property",
        "created_at": "time",
        "total": "property",
    }


def test_a_form_offers_all_that_a_mapping_knows():
    ids = {f"id:{space}" for space in SPACES}

    assert set(TARGETS) == {"", *FIELDS, *NAMED, *ids}
    assert set(CAST_NAMES) == {"", *CASTS}


def poll_data(foreign, **more):
    said = {
        **{"name": "Shop", "key": "shop", "url": f"{foreign.url}/orders?since={{since}}"},
        **{"every_s": 3600, "per_minute": 60, "rows": "data.items", "paging": "cursor"},
        **{"parameter": "after", "path": "paging.after", "since": "at", "auth": "none"},
    }
    return said | more


def test_a_source_is_made_tried_and_made_active(admin, redis, foreign):
    foreign.rows = [{"customer": "c-1", "at": "2026-01-02T03:04:05Z", "total": 1999}]
    made = admin.post(
        reverse("admin:rtts-source-new", args=["poll"]), poll_data(foreign, header_value="s3cret")
    )
    source = Source.objects.get()
    page = reverse("admin:rtts-source", args=[source.pk])
    assert (made.url, source.is_active) == (page, False)

    step = {name: reverse("admin:rtts-source-step", args=[source.pk, name]) for name in STEPS}
    refused = admin.post(step["resume"], follow=True)
    assert b"Say which column names the person" in refused.content
    admin.post(step["sample"])
    assert [line.cells for line in samples.load(redis, source.pk)] == foreign.rows
    assert b'value="customer"' in admin.get(page).content
    columns = {name: COLUMNS[name] for name in ("customer", "at", "total")}
    preview = admin.post(
        reverse("admin:rtts-source-preview", args=[source.pk]), mapping_data(columns)
    )
    assert b"1 of 1 row can be taken" in preview.content

    saved = admin.post(page, poll_data(foreign) | mapping_data(columns))
    assert saved.status_code == 302
    admin.post(step["resume"])
    source.refresh_from_db()
    assert source.is_active
    assert sources.secrets_of(source) == {"header_value": "s3cret"}
    admin.post(step["run"])
    admin.post(step["pause"])
    told = [entry.what for entry in history_of(source)]
    assert any("made" in words for words in told)
    assert not any("s3cret" in words for words in told)
    assert b"s3cret" not in admin.get(page).content
    admin.post(step["remove"])
    assert not Source.objects.exists()


STEPS = ("resume", "pause", "run", "sample", "remove")


def test_a_hook_shows_its_secret_once(admin, redis):
    said = {"name": "Shop", "key": "shop", "proof": "standard", "encoding": "hex"}
    made = admin.post(reverse("admin:rtts-source-new", args=["hook"]), said)
    source = Source.objects.get()

    secret = re.search(rb"whsec_[\w+/=]+", made.content)[0].decode()

    assert sources.secrets_of(source) == {"signing": secret}
    assert secret.encode() not in admin.get(reverse("admin:rtts-source", args=[source.pk])).content
    pasted = {"body": json.dumps({"customer": "c-1", "total": 5})}
    admin.post(reverse("admin:rtts-source-step", args=[source.pk, "sample"]), pasted)
    assert len(samples.load(redis, source.pk)) == 1


@pytest.mark.parametrize("preset", ["hubspot-contacts", "salesforce-contacts", "shopify-orders"])
def test_known_shapes_fill_the_form(admin, preset):
    page = admin.get(reverse("admin:rtts-source-new", args=["poll"]), {"preset": preset})

    assert page.status_code == 200
    assert f'value="{preset}"'.encode() in page.content


def test_faults_stand_beside_their_fields(admin, foreign):
    answer = admin.post(
        reverse("admin:rtts-source-new", args=["poll"]),
        poll_data(foreign, url="ftp://shop.example", paging="cursor", path=""),
    )

    assert answer.status_code == 422
    assert not Source.objects.exists()


def test_marketers_look_but_do_not_touch(client, db, redis):
    client.force_login(person("mia", "Marketer"))

    assert client.get(reverse("admin:rtts-connections")).status_code == 200
    assert client.get(reverse("admin:rtts-import-new")).status_code == 403
    assert client.get(reverse("admin:rtts-source-new", args=["poll"])).status_code == 403
