"""Files of things: what is written is read back, odd files are told what to mend, no cell is a formula."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from campaigns import cells, csv_files, drafts, importing, publishing, tasks
from campaigns.candidates import candidate_of
from campaigns.csv_files import read_row
from campaigns.mapping import body_of, parse
from campaigns.models import Change, CsvImport, Item, Revision
from campaigns.models.items import Kind
from decisioning.specs import CapSpec, EventTypeSpec, OfferSpec, PlacementSpec, PropertySpec
from rtts_site.foundation.jobs import Job
from tests.campaigns.conftest import GOLD, NOW, go_live, specs, variant
from tests.campaigns.test_lists import signed_in


@pytest.fixture
def mias(live, mia):
    return signed_in(mia)


def upload(client, text, kind="attribute", encoding="utf-8"):
    raw = text if isinstance(text, bytes) else text.encode(encoding)
    file = SimpleUploadedFile("things.csv", raw, content_type="text/csv")
    return client.post(reverse("admin:rtts-import", args=[kind]), {"file": file})


def sent(client, text, **more):
    answer = upload(client, text, **more)
    assert answer.status_code == 302, answer.context["trouble"]
    return CsvImport.objects.get()


HEADER = "key,name,type,purposes"


def test_a_file_is_read_before_anything_is_saved(mias):
    row = sent(
        mias,
        f"{HEADER}\nshoe,Shoe size,number,ads\ntier,Level,text,ads\nspend,Total spend,number,ads\n",
    )

    assert (row.outcome["new"], row.outcome["changed"], row.outcome["same"]) == (1, 1, 1)
    assert not Item.objects.filter(key="shoe").exists()

    mias.post(reverse("admin:rtts-import-accept", args=[row.pk]))
    row.refresh_from_db()
    assert (row.state, row.text) == ("saved", "")
    bodies = candidate_of(row.change).bodies
    assert bodies[Kind.ATTRIBUTE, "shoe"]["type"] == "number"
    # Columns that the file does not have stay as they were.
    assert bodies[Kind.ATTRIBUTE, "tier"]["values"] == ["gold", "silver"]
    assert Revision.objects.filter(change=row.change).count() == 2


@pytest.mark.parametrize(
    ("line", "number", "column"),
    [
        ("shoe,Shoe,colour,ads", 2, "type"),
        ("Shoe Size,Shoe,number,ads", 2, "key"),
        ("shoe,,number,ads", 2, "name"),
        ("shoe,Shoe,number,nothing", 2, "purposes"),
        (",Shoe,number,ads", 2, "key"),
        ("shoe,Shoe,number,ads\nshoe,Shoe,number,ads", 3, "key"),
        ("shoe,Shoe,number,ads,more", 2, ""),
    ],
)
def test_an_error_names_its_row_and_column(mias, line, number, column):
    row = sent(mias, f"{HEADER}\n{line}\n")

    assert row.outcome["errors"][0][:2] == [number, column]
    page = mias.get(reverse("admin:rtts-import-read", args=[row.pk])).content.decode()
    assert "Upload again" in page
    mias.post(reverse("admin:rtts-import-accept", args=[row.pk]))
    assert Change.objects.count() == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_encodings_and_separators_of_spreadsheets_are_read(mias, encoding, separator):
    text = f"{HEADER}\r\ngroesse,Schuhgröße,number,ads\r\n".replace(",", separator)

    row = sent(mias, text, encoding=encoding)

    assert row.outcome["new"] == 1
    assert "Schuhgröße" in row.text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0\0",
        b"key\n",
        b"name,type\na,number\n",
        b"key,colour\na,b\n",
        b"key,key\na,b\n",
        b'key,name\n"a,b\n',
        b"\x81\x8d\x8f",
        b"key,name\n" + b"a,b\n" * (csv_files.ROWS + 1),
        b"key,name\na," + b"x" * 200_000 + b"\n",
        b"," * 500,
        b"x" * (csv_files.BYTES + 1),
    ],
)
def test_what_is_no_table_is_refused_in_words(mias, raw):
    answer = upload(mias, raw)

    if answer.status_code == 302:  # it is a table, with rows to mend
        assert CsvImport.objects.get().outcome["wrong"]
    else:
        assert answer.status_code == 422
        assert answer.context["trouble"]


def test_no_cell_is_a_formula(live, mias, mia):
    change = drafts.open_change(mia, now=NOW)
    drafts.switch_change(mia, change)
    content = {"headline": "=cmd|' /C calc'!A0", "text": "'+1"}
    spec = OfferSpec(key="bad", name="@SUM(1)", purposes=("ads",), variants=(variant(),))
    body = body_of(spec)
    body["variants"][0]["content"] = content
    drafts.save_draft(change, drafts.Draft(kind="offer", key="bad", body=body), author=mia, now=NOW)

    answer = mias.get(reverse("admin:rtts-export", args=["campaigns.offer"]), {"q": "bad"})

    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0]["headline"] == "'=cmd|' /C calc'!A0"
    assert all(
        not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        for row in rows
        for cell in row.values()
    )
    again = sent(mias, answer.content, kind="offer")
    assert (again.outcome["same"], again.outcome["errors"]) == (1, [])


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_guarded_cell_is_read_back(text):
    written = cells.guarded(text)

    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cells.unguarded(written) == text


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
def test_a_list_is_read_back(values):
    assert cells.LIST.read(cells.LIST.write(values)) == values or values == []


RICH = [
    (
        Kind.OFFER,
        OfferSpec(
            key="rich",
            name="Rich, “quoted”",
            purposes=("ads",),
            variants=(variant("a"), variant("b")),
            eligibility=GOLD,
            caps=(CapSpec(scope="person", limit=2), CapSpec(scope="total", limit=9, window_s=None)),
            category="x|y",
            priority=0.25,
        ),
    ),
    (
        Kind.PLACEMENT,
        PlacementSpec(key="p", name="P", channel="web", fallback={"deep": {"a": [1]}}),
    ),
    (
        Kind.EVENT_TYPE,
        EventTypeSpec(
            key="Odd: event",
            name="Odd",
            properties=(PropertySpec(key="a", type="text", values=("b|c",)),),
            purposes=("ads",),
        ),
    ),
]


@pytest.mark.parametrize(
    ("kind", "spec"), [pair for pair in [*specs(), *RICH] if pair[0] in csv_files.IMPORTED]
)
def test_what_is_written_is_read_back(kind, spec):
    body = body_of(spec)
    written = csv_files.write_table(
        list(csv_files.columns_of(kind)),
        [csv_files.cells_of(kind, body, {"description": "=D"}, ["T"])],
    )

    text, _encoding = csv_files.read_text(written)
    said, errors = read_row(kind, csv_files.read_table(text, kind).rows[0], None)

    assert errors == []
    assert body_of(parse(kind, said.body)) == body
    assert (said.details, said.tags) == ({"description": "=D"}, ["T"])


def test_the_whole_catalogue_goes_round(live, mias):
    for kind in csv_files.IMPORTED:
        label = f"campaigns.{kind.replace('_', '')}"
        made = mias.get(reverse("admin:rtts-export", args=[label])).content
        CsvImport.objects.all().delete()
        row = sent(mias, made, kind=kind)
        assert (row.outcome["new"], row.outcome["changed"], row.outcome["errors"]) == (0, 0, [])
        assert row.outcome["same"] >= 1


def test_an_export_follows_filters(live, mias):
    url = reverse("admin:rtts-export", args=["campaigns.attribute"])

    found = mias.get(url, {"q": "tier"}).content.decode("utf-8-sig").splitlines()

    assert len(found) == 2


@pytest.mark.parametrize("label", ["campaigns.change", "campaigns.release", "campaigns.segment"])
def test_every_list_is_exported(live, mias, label):
    answer = mias.get(reverse("admin:rtts-export", args=[label]))

    assert answer.status_code == 200
    assert len(answer.content.splitlines()) >= 2
    assert b"<" not in answer.content


def test_an_export_is_refused_like_its_list(live, mias):
    for label, status in (("auth.user", 403), ("consent.person", 403), ("no.such", 404)):
        assert mias.get(reverse("admin:rtts-export", args=[label])).status_code == status


def test_a_large_file_is_a_job(live, mias, mia, redis):
    lines = "".join(f"fact-{number},Fact {number},number,ads\n" for number in range(600))
    row = sent(mias, f"{HEADER}\n{lines}")
    page = reverse("admin:rtts-import-read", args=[row.pk])
    assert row.state == "reading"
    assert b"<progress" in mias.get(page).content

    tasks.do_jobs()
    row.refresh_from_db()
    assert row.outcome["new"] == 600
    mias.post(reverse("admin:rtts-import-accept", args=[row.pk]))
    tasks.do_jobs()

    row.refresh_from_db()
    assert row.state == "saved"
    assert Revision.objects.filter(change=row.change).count() == 600
    jobs = Job.objects.filter(kind=importing.JOB_KIND)
    assert [job.state for job in jobs] == ["done", "done"]
    assert mias.get(reverse("admin:rtts-import-progress", args=[row.pk])).status_code == 286


def test_a_file_is_its_senders_alone(live, mias, max_):
    row = sent(mias, f"{HEADER}\nshoe,Shoe,number,ads\n")

    for name in ("read", "accept", "progress"):
        url = reverse(f"admin:rtts-import-{name}", args=[row.pk])
        client = signed_in(max_)
        answer = client.post(url) if name == "accept" else client.get(url)
        assert answer.status_code == 404


def test_a_file_is_saved_once(live, mias):
    row = sent(mias, f"{HEADER}\nshoe,Shoe,number,ads\n")
    url = reverse("admin:rtts-import-accept", args=[row.pk])

    mias.post(url)
    mias.post(url)

    assert Revision.objects.filter(item__key="shoe").count() == 1


def test_what_changed_meanwhile_is_read_again(live, mias, mia):
    row = sent(mias, f"{HEADER}\nshoe,Shoe,number,ads\n")
    Item.objects.create(kind=Kind.ATTRIBUTE, key="shoe", name="Theirs", created_at=NOW)

    importing.accept(row, now=NOW)

    row.refresh_from_db()
    assert row.state == "read"
    assert row.outcome["errors"][0][1] == "key"


def test_an_offer_in_plain_columns(live, mias):
    text = (
        "key;name;purposes;placements;headline;link_url;priority;tags\n"
        "may;May sale;ads;web.hero;Twenty off;https://shop.example/may;0.5;Spring | Sale\n"
    )
    row = sent(mias, text, kind="offer")
    assert row.outcome["errors"] == []

    mias.post(reverse("admin:rtts-import-accept", args=[row.pk]))

    row.refresh_from_db()
    body = candidate_of(row.change).bodies[Kind.OFFER, "may"]
    assert body["variants"][0]["content"]["headline"] == "Twenty off"
    assert Item.objects.get(key="may").tags == ["Sale", "Spring"]


def test_unknown_columns_to_be_read_are_passed_by():
    table = csv_files.read_table("key,(state)\na,live\n", "attribute")

    assert table.rows[0].cells == {"key": "a"}


def test_tags_are_compared_with_those_of_now(live, mias):
    row = sent(mias, "key,tags\ntier,\n")  # what is live is kept from here on
    assert row.outcome["tagged"] == 0
    Item.objects.filter(key="tier").update(tags=["Level"])
    CsvImport.objects.all().delete()

    row = sent(mias, "key,tags\ntier,\n")
    assert row.outcome["tagged"] == 1
    mias.post(reverse("admin:rtts-import-accept", args=[row.pk]))

    assert Item.objects.get(key="tier").tags == []


def test_a_file_that_could_not_be_saved_can_be_saved_again(live, mias):
    row = sent(mias, f"{HEADER}\nshoe,Shoe,number,ads\n")
    url = reverse("admin:rtts-import-accept", args=[row.pk])

    CsvImport.objects.filter(pk=row.pk).update(text="key\n")
    mias.post(url)
    assert CsvImport.objects.get().state == "read"

    CsvImport.objects.filter(pk=row.pk).update(text=row.text)
    mias.post(url)
    assert CsvImport.objects.get().state == "saved"


def test_two_workers_save_a_file_once(live, mias, mia):
    row = sent(mias, f"{HEADER}\nshoe,Shoe,number,ads\n")
    CsvImport.objects.filter(pk=row.pk).update(state=CsvImport.State.SAVING)
    seen_by_each = [CsvImport.objects.get(pk=row.pk) for _ in range(2)]

    for one in seen_by_each:
        importing.save(one, now=NOW)

    assert Revision.objects.filter(item__key="shoe").count() == 1


def published_meanwhile(mia, ada, **said):
    change = drafts.open_change(mia, now=NOW)
    body = {**Item.objects.get(key="tier").live_revision.body, **said}
    drafts.save_draft(
        change, drafts.Draft(kind="attribute", key="tier", body=body), author=mia, now=NOW
    )
    publishing.submit(change, by=mia, now=NOW)
    go_live(change, by=ada)


def test_the_dry_run_shows_each_value_before_and_after(live, mias):
    row = sent(mias, f"{HEADER}\ntier,Level,text,ads\nshoe,Shoe,number,ads\n")

    page = mias.get(reverse("admin:rtts-import-read", args=[row.pk])).content.decode()

    assert '<del class="removed">Tier</del>' in page
    assert '<ins class="added">Level</ins>' in page


def test_an_older_file_overwrites_nothing_unseen(live, mias, mia, ada):
    url = reverse("admin:rtts-export", args=["campaigns.attribute"])
    older = mias.get(url).content.decode("utf-8-sig")
    published_meanwhile(mia, ada, name="Level")

    row = sent(mias, older)

    assert [error[1] for error in row.outcome["errors"]] == ["(version)"]
    CsvImport.objects.all().delete()
    newer = mias.get(url).content.decode("utf-8-sig")
    assert sent(mias, newer.replace("Level", "Rank")).outcome["changed"] == 1


@pytest.mark.parametrize("query", ["p=999", "p=x", "nothing__is=1", "state=?", "o=x", "e=1"])
def test_an_export_of_an_odd_query_is_no_trouble(live, mias, query):
    answer = mias.get(reverse("admin:rtts-export", args=["campaigns.offer"]) + f"?{query}")

    assert answer.status_code in (200, 302)


def test_a_list_that_is_too_long_is_not_cut_in_silence(live, mias, monkeypatch):
    monkeypatch.setattr(csv_files, "ROWS", 1)
    url = reverse("admin:rtts-export", args=["campaigns.attribute"])

    told = mias.get(url, {"state": "live"}, follow=True)

    assert told.redirect_chain[0][0].endswith("/attribute/?state=live")
    assert b"at most 1 rows" in told.content
    assert mias.get(url, {"q": "tier"}).status_code == 200
