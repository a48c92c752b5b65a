import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from standardwebhooks import Webhook

from consent.proof import anchoring
from consent.proof.proving import latest_checkpoint
from consent.proof.tables import Anchoring
from tests.consent.builders import NOW
from tests.consent.proof.builders import append_many, seal
from tests.receiver import receiver

LATER = NOW + timedelta(minutes=5)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def folder(db, tmp_path, settings):
    """Let the ledger of a test anchor into a folder of its own."""
    settings.RTTS_LEDGER_ANCHOR_FOLDER = str(tmp_path / "anchors")
    append_many(3)
    seal()
    return tmp_path / "anchors"


def troubles(*, now=NOW):
    return [one.trouble for one in anchoring.anchor(now=now)]


def test_a_folder_gets_each_checkpoint_once(folder):
    first = latest_checkpoint()
    assert troubles() == [""]
    assert troubles() == []  # it has this one
    append_many(1)
    seal()
    assert troubles() == [""]

    files = sorted(folder.iterdir())
    assert [path.read_text() for path in files] == [first.note, latest_checkpoint().note]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o400}
    assert [note for _, note in anchoring.anchored_notes()] == [path.read_text() for path in files]


def test_a_folder_never_takes_another_checkpoint_of_the_same_size(folder):
    troubles()
    (path,) = folder.iterdir()
    path.chmod(0o600)
    path.write_text("another")
    Anchoring.objects.all().delete()

    (trouble,) = troubles()

    assert "another checkpoint of that size" in trouble
    assert path.read_text() == "another"


def test_a_folder_is_asked_itself_whatever_the_database_notes(folder):
    size = latest_checkpoint().size
    Anchoring.objects.create(size=size, place="folder", trouble="", tried_at=NOW)

    assert troubles() == [""]
    assert [path.read_text() for path in folder.iterdir()] == [latest_checkpoint().note]


def test_a_webhook_gets_it_signed(folder, settings):
    settings.RTTS_LEDGER_ANCHOR_FOLDER = ""
    settings.RTTS_WEBHOOKS_PRIVATE = True
    settings.RTTS_LEDGER_ANCHOR_SECRET = SECRET
    with receiver(status=[500, 204]) as (url, got):
        settings.RTTS_LEDGER_ANCHOR_WEBHOOK = url
        now = datetime.now(UTC)
        assert troubles(now=now) == ["The webhook answered 500."]
        assert troubles(now=now) == [""]

    headers, body = got[1]
    told = Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})
    assert told["data"]["checkpoint"] == latest_checkpoint().note
    assert json.loads(body)["type"] == "ledger.checkpoint"


def test_the_auditor_gets_it_by_mail(folder, settings, mailoutbox):
    settings.RTTS_LEDGER_ANCHOR_FOLDER = ""
    settings.RTTS_LEDGER_ANCHOR_EMAIL = "auditor@example.com"

    assert troubles() == [""]

    assert mailoutbox[0].to == ["auditor@example.com"]
    assert mailoutbox[0].body == latest_checkpoint().note


def run(*arguments):
    out = StringIO()
    try:
        call_command("rtts_verify_ledger", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as ended:
        return ended.code, out.getvalue()
    return 0, out.getvalue()


def test_the_command_says_check_by_check_what_it_found(folder, tmp_path):
    troubles()
    kept = tmp_path / "kept"
    kept.write_text(latest_checkpoint().note)

    code, said = run("--checkpoint", str(kept))
    as_json, told = run("--json")

    assert code == as_json == 0, said
    assert "anchored checkpoints are the beginning of the ledger" in said
    assert {one["check"] for one in json.loads(told) if one["ok"]} == {
        one["check"] for one in json.loads(told)
    }


def test_the_command_fails_where_something_is_wrong(folder, tmp_path):
    stranger = tmp_path / "stranger"
    stranger.write_text(latest_checkpoint().note.replace("signed 20", "signed 19"))

    code, said = run("--checkpoint", str(stranger))

    assert code == 1
    assert "FAIL  anchored checkpoints are the beginning of the ledger" in said
    assert str(stranger) in said
