import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from decisioning.connections import importing
from decisioning.connections.mapping import encode_mapping
from decisioning.models import Import
from rtts_site.foundation.key_issuing import issue
from tests.decisioning.connections.test_importing import ORDERS, as_csv, records

RAW = as_csv([("c-1", "2026-01-02T03:04:05Z", "1999"), ("", "", "5")])


@pytest.fixture
def key(db, redis):
    return make_key(redis, "import")


def make_key(client, *scopes):
    _key, secret = issue(client, "Loader", scopes=scopes)
    return {"Authorization": f"Bearer {secret}"}


def send(client, key, raw=RAW, mapping=None, **more):
    said = json.dumps(encode_mapping(mapping or ORDERS))
    sent = {"file": SimpleUploadedFile("orders.csv", raw), "mapping": said, **more}
    return client.post("/v1/imports", sent, headers=key)


def work(client):
    while importing.work(client, now=lambda: datetime.now(UTC), spell=timedelta(seconds=5)):
        pass


def test_takes_a_file_and_tells_what_became_of_it(client, key, redis):
    sent = send(client, key)

    assert sent.status_code == 202
    assert sent.json()["state"] == "waiting"
    work(redis)
    told = client.get(sent["Location"], headers=key).json()
    assert (told["state"], told["accepted"], told["refused"], told["percent"]) == (
        "done",
        1,
        1,
        100,
    )
    refused = client.get(f"{sent['Location']}/refused", headers=key)
    assert b"may not be empty" in b"".join(refused.streaming_content)
    assert len(records(redis)) == 1


def test_a_dry_run_takes_nothing(client, key, redis):
    told = send(client, key, dry_run="true").json()

    assert told["columns"] == ["customer", "at", "total"]
    assert told["rows"][0]["read"]["total"] == "1999"
    assert told["rows"][0]["understood"]["values"] == {"total": "19.99"}
    assert told["rows"][1]["refused"]["column"] == "customer"
    assert not Import.objects.exists()
    assert records(redis) == []


def test_refuses_what_cannot_be_imported(client, key):
    assert send(client, key, raw=b"").status_code == 422
    answer = client.post("/v1/imports", {"mapping": "{}"}, headers=key)
    assert answer.status_code == 422
    faulty = send(client, key, mapping=type(ORDERS)(event="A"))
    assert faulty.json()["errors"][0]["pointer"] == "/mapping/rules"
    assert not Import.objects.exists()


def test_the_same_file_with_the_same_mapping_is_refused(client, key, redis):
    send(client, key)

    assert send(client, key).status_code == 409


def test_a_key_sees_its_own_imports_only(client, key, redis):
    address = send(client, key)["Location"]
    other = make_key(redis, "import")

    assert client.get(address, headers=other).status_code == 404
    assert client.delete(address, headers=other).status_code == 404
    assert client.get(address, headers=make_key(redis, "events")).status_code == 403
    assert client.delete(address, headers=key).json()["state"] == "cancelled"


def test_the_command_shows_and_leaves_files_to_the_workers(db, redis, tmp_path, capsys):
    file, mapping = tmp_path / "orders.csv", tmp_path / "mapping.json"
    file.write_bytes(RAW)
    mapping.write_text(json.dumps(encode_mapping(ORDERS)))

    call_command("rtts_import_events", str(file), "--mapping", str(mapping), "--dry-run")
    call_command("rtts_import_events", str(file), "--mapping", str(mapping), "--no-wait")
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert shown[0]["values"] == {"total": "19.99"}
    assert shown[1]["column"] == "customer"
    work(redis)
    assert Import.objects.get().accepted == 1
    with pytest.raises(CommandError, match="before"):
        call_command("rtts_import_events", str(file), "--mapping", str(mapping))
