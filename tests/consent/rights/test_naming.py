"""Erasing somebody takes no neighbour's rows whose name only begins the same."""

import gzip
import json

import pytest
from django.utils import timezone

from consent.rights.answers import kept_answers
from consent.rights.naming import namer_of
from consent.rights.stores import Subject
from decisioning.connections import folder as imports
from decisioning.models import Source, SourceRun
from decisioning.rights.in_postgres import refusals
from decisioning.rights.on_disk import imported_files
from rtts_site.foundation.models import IdempotentRequest

NOW = timezone.now()
ANA = Subject("p-ana", ("p-ana",), ("user:c-4é",), ("c-4é",))


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("row 7: c-4 is no number", True),
        ("there is no user:c-4.", True),
        ('"c-4"', True),
        (json.dumps({"why": '"c-4"'}), True),
        ("c-42", False),
        ("abc-4", False),
        ("c-4-a", False),
        (json.dumps("c-4é"), False),
    ],
)
def test_a_name_is_found_only_whole(text, is_there):
    assert namer_of(["c-4"])(text) is is_there


def test_nobody_is_found_anywhere():
    assert not namer_of([])("anything")


def keep(key, body, *, dumps=json.dumps):
    return IdempotentRequest.objects.create(
        caller="shop",
        key=key,
        request_digest="",
        started_at=NOW,
        status=201,
        body=dumps(body).encode(),
    )


def test_neighbours_keep_their_answers(db):
    keep("a", {"person": "user:c-4é"})
    keep("b", {"person": "user:c-4é"}, dumps=lambda one: json.dumps(one, ensure_ascii=False))
    keep("c", {"person_id": "p-ana"})
    keep("d", {"person": "user:c-4éa"})
    keep("e", {"person_id": "p-anaa"})
    store = kept_answers()

    assert store.left(ANA) == store.erase(ANA, now=NOW) == 3
    assert store.left(ANA) == 0
    assert set(IdempotentRequest.objects.values_list("key", flat=True)) == {"d", "e"}


def test_neighbours_keep_the_notes_of_polls(db):
    source = Source.objects.create(
        name="Till", key="till", kind="poll", created_at=NOW, changed_at=NOW
    )
    notes = [{"row": 1, "why": "c-4é: no date"}, {"row": 2, "why": "c-4é2: no date"}]
    run = SourceRun.objects.create(source=source, started_at=NOW, refusals=notes)

    assert refusals().erase(ANA, now=NOW) == 1
    assert refusals().left(ANA) == 0
    run.refresh_from_db()
    assert run.refusals == notes[1:]


def test_a_packed_file_that_breaks_off_goes_for_nobody_can_tell_who_is_in_it(db):
    whole, broken = (imports.folder() / name for name in ("900001", "900002"))
    packed = gzip.compress(b"user,plan\nc-42,gold\n")
    whole.write_bytes(packed)
    broken.write_bytes(packed[:-9])
    store = imported_files()

    store.erase(ANA, now=NOW)

    assert (whole.exists(), broken.exists()) == (True, False)
    assert store.left(ANA) == 0
    whole.unlink()
