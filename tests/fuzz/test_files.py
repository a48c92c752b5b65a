"""Odd files to the import of lists: refused in words, or every row of them accounted for, dry and saved."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import csv_files
from campaigns.models import CsvImport, Item
from tests.fuzz.hostile import typed

pytestmark = pytest.mark.fuzz

CALM = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
CODES = ["utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-32", "utf-16-le"]
CELLS = typed | st.sampled_from(
    ["=1+1", "'=1+1", "@SUM(A1)", "+49 30", "-1", "\t=1", '"', "a\r\nb", "a;b", "a,b", "𝕳", "|"]
)
KEYS = st.sampled_from(["gold", "bronze", "tin", "winter-sale", "tier", ""]) | CELLS


@pytest.fixture(scope="module")
def client(everything):
    user, _ids = everything
    found = Client(raise_request_exception=True)
    found.force_login(user)
    return found


@pytest.mark.parametrize("kind", ["placement", "offer", "attribute"])
@CALM
@given(data=st.data())
def test_every_row_is_saved_or_named(client, kind, data):
    header, rows = _table(kind, data)
    raw = _written(header, rows, data)

    with transaction.atomic():
        try:
            _check(client, kind, header, rows, raw)
        finally:
            transaction.set_rollback(True)
            client.cookies.pop("messages", None)


def _table(kind, data):
    known = list(csv_files.columns_of(kind))
    more = data.draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
    odd = data.draw(st.sampled_from([[], [], [], ["key"], ["no such column"], [""], ["=1+1"]]))
    header = list(dict.fromkeys(["key", "name", *more])) + odd
    draw = lambda name: data.draw(KEYS if name == "key" else CELLS)  # noqa: E731
    rows = [[draw(name) for name in header] for _ in range(data.draw(st.integers(0, 3)))]
    return header, rows


def _written(header, rows, data):
    out = io.StringIO()
    separator = data.draw(st.sampled_from([",", ",", ";", "\t", "|"]))
    writer = csv.writer(out, delimiter=separator)
    writer.writerows([header, *rows])
    raw = out.getvalue().encode(data.draw(st.sampled_from(CODES)), "replace")
    cut = data.draw(st.sampled_from([None, None, None, len(raw) // 2, -1]))
    return raw[:cut] if cut else raw


def _check(client, kind, header, rows, raw):
    answer = client.post(
        reverse("admin:rtts-import", args=[kind]), {"file": SimpleUploadedFile("a.csv", raw)}
    )
    if answer.status_code == 422:
        assert answer.context["trouble"]
        return
    assert answer.status_code == 302
    row = CsvImport.objects.latest("pk")
    page = client.get(answer.url)
    assert page.status_code == 200
    told = row.outcome
    table = csv_files.read_table(row.text, kind)
    # A row is new, changed or the same, or it is wrong and named; none is left out.
    counted = told["new"] + told["changed"] + told["same"] + told["wrong"]
    assert counted >= len(table.rows), (told, rows)
    accepted = client.post(reverse("admin:rtts-import-accept", args=[row.pk]), follow=True)
    assert accepted.status_code == 200
    row.refresh_from_db()
    if told["wrong"]:
        assert row.state == CsvImport.State.READ
        assert told["errors"]
    else:
        for one in table.rows:
            _check_saved(kind, one.cells)


def _check_saved(kind, cells):
    key = cells.get("key", "").strip()
    item = Item.objects.get(kind=kind, key=key)
    newest = item.revisions.order_by("-number").first()
    assert newest.body["key"] == key
    if cells.get("name", "").strip():
        assert newest.body["name"] == cells["name"].strip()


@CALM
@given(raw=st.binary(max_size=300), kind=st.sampled_from(["event_type", "offer"]))
def test_any_bytes_are_taken_or_refused(client, raw, kind):
    with transaction.atomic():
        answer = client.post(
            reverse("admin:rtts-import", args=[kind]), {"file": SimpleUploadedFile("a.csv", raw)}
        )
        transaction.set_rollback(True)

    assert answer.status_code in (302, 422)
