"""The German catalogue is whole, and who speaks which language."""

import re
import shutil
import subprocess
from pathlib import Path

import polib
import pytest
from django.contrib.auth.models import User
from django.utils import translation
from django.utils.translation import templatize

from decisioning.arbitration import reasons
from decisioning.content.fitting import context_detail, context_words, fit_words
from decisioning.rules.phrases import ENGLISH, Filled, anew
from decisioning.specs import FitSpec
from rtts_site.foundation.jobs import Job, gave_up
from rtts_site.foundation.language import ACTIVE

ROOT = Path(__file__).parents[2]
MESSAGES = ROOT / "rtts_site" / "locale" / "de" / "LC_MESSAGES"
APPS = ("campaigns", "consent", "decisioning", "rtts_site")
KEYWORDS = (
    "gettext_noop", "gettext_lazy", "ngettext_lazy:1,2", "pgettext:1c,2", "npgettext:1c,2,3", "pgettext_lazy:1c,2",
    "npgettext_lazy:1c,2,3", "_",
)  # fmt: skip
PLACES = re.compile(r"%\(\w+\)[sd]|\{\w*(?:[:!][^}]*)?\}|%[sd]")


@pytest.fixture(scope="module")
def german():
    return polib.pofile(str(MESSAGES / "django.po"))


def texts_of(entry):
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_every_message_is_translated(german):
    assert [entry.msgid for entry in german if not all(texts_of(entry)) or entry.fuzzy] == []
    assert german.obsolete_entries() == []


def test_translations_fill_the_same_places(german):
    wrong = []
    for entry in german:
        wanted = set(PLACES.findall(entry.msgid_plural or entry.msgid))
        singular, *others = texts_of(entry)
        # One of something need not say the number.
        fits = set(PLACES.findall(singular)) <= wanted if others else True
        if not fits or any(set(PLACES.findall(text)) != wanted for text in others or [singular]):
            wrong.append((entry.msgid, texts_of(entry)))
    assert wrong == []


def test_the_compiled_catalogue_is_that_of_the_source(german):
    compiled = polib.mofile(str(MESSAGES / "django.mo"))

    def said(entries):
        return {(one.msgctxt, one.msgid, one.msgid_plural): texts_of(one) for one in entries}

    assert said(compiled) == said(german)


@pytest.mark.skipif(
    not shutil.which("xgettext"), reason="xgettext finds the messages; it is not here"
)
def test_every_message_of_the_code_is_in_the_catalogue(german, tmp_path):
    known = {(entry.msgctxt, entry.msgid) for entry in german}

    assert sorted(one for one in extracted(tmp_path) if one not in known) == []


def extracted(directory):
    """Return context and id of every message that the code and the templates mark."""
    sources = []
    for path in (*(ROOT / "templates").rglob("*.html"), *python_files()):
        text = path.read_text()
        copy = directory / "_".join(path.relative_to(ROOT).parts)
        copy.write_text(templatize(text, origin=str(path)) if path.suffix == ".html" else text)
        sources.append(str(copy))
    found = directory / "all.pot"
    subprocess.run(
        ["xgettext", "--language=Python", "--from-code=UTF-8", f"--output={found}"]
        + [f"--keyword={one}" for one in KEYWORDS]
        + sources,
        check=True,
        capture_output=True,
    )
    return {(entry.msgctxt, entry.msgid) for entry in polib.pofile(str(found))}


def python_files():
    return [path for app in APPS for path in (ROOT / app).rglob("*.py")]


def test_pages_speak_what_was_chosen_and_nothing_else(client, db):
    client.force_login(User.objects.create(username="dora", password="!", is_staff=True))
    preferring = {"HTTP_ACCEPT_LANGUAGE": "de"}

    assert 'lang="en"' in client.get("/admin/", **preferring).content.decode()
    answer = client.post("/language", {"language": "de", "next": "/admin/"})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    page = client.get("/admin/")
    assert 'lang="de"' in page.content.decode()
    assert page["Content-Language"] == "de"
    assert "Abmelden" in page.content.decode()
    assert ">English</button>" in page.content.decode()  # each in its own words
    assert client.get("/api/schema")["Content-Language"] == "en"


def test_a_language_that_is_not_offered_is_not_spoken(client, db):
    client.cookies["rtts_language"] = "fr"

    assert 'lang="en"' in client.get("/admin/login/").content.decode()


@pytest.mark.parametrize(
    ("value", "english", "german_words"),
    [(1234567, "1,234,567", "1.234.567"), (0.5, "0.5", "0,5"), (-1234.5, "-1,234.5", "-1.234,5")],
)
def test_numbers_are_written_as_the_language_does(value, english, german_words):
    assert ENGLISH.number(value) == english
    with translation.override("en"):
        assert ACTIVE.number(value) == english
    with translation.override("de"):
        assert ACTIVE.number(value) == german_words


def test_a_job_is_told_in_the_language_of_the_reader(db):
    job = Job(kind="a", message="Compiling the rules", attempts=9)
    with translation.override("de"):
        assert job.words == "Die Regeln werden übersetzt"

    job.tell(Filled("Release {version} is live", version=3))
    assert job.message == "Release 3 is live"
    job.tell(Filled("This version cannot read {release}: publish it again.", release="Release 3"))
    job.tell(gave_up(job, 8))
    job.save()
    job = Job.objects.get(pk=job.pk)

    english = "Tried 8 times: This version cannot read Release 3: publish it again."
    assert (job.message, job.words) == (english, english)
    with translation.override("de"):
        assert job.words.startswith("8-mal versucht: Diese Version kann Release 3 nicht lesen")


def test_braces_of_others_are_no_places():
    job = Job(kind="a")
    job.tell('unreadable: {"a": 1}')

    assert job.words == 'unreadable: {"a": 1}'


def test_contexts_of_variants_are_said_in_the_language_of_the_reader():
    detail = context_detail(
        {"language": "de-AT,de;q=0.9, en", "device_class": "tv", "save_data": False}
    )

    assert (
        context_words(detail, ENGLISH) == "language de-AT,de;q=0.9, en, device tv, not saving data"
    )
    assert context_words(context_detail({}), ENGLISH) == "nothing said of it"
    with translation.override("de"):
        said = reasons.words(reasons.NO_VARIANT, detail, ACTIVE)
        assert "Sprache de-AT,de;q=0.9, en, Gerät tv, ohne Datensparen" in said
        fit = FitSpec(languages=("de", "fr"), save_data=True)
        assert fit_words(fit, ACTIVE) == "de oder fr, mit Datensparen"


def test_an_english_text_is_said_anew():
    fault = Filled("use at most {most} values; put longer lists into an attribute", most=500)

    assert fault == "use at most 500 values; put longer lists into an attribute"
    with translation.override("de"):
        assert anew(fault, ACTIVE).startswith("verwenden Sie höchstens 500 Werte")
        assert anew("write a number", ACTIVE) == "schreiben Sie eine Zahl"
        assert anew("no words for this", ACTIVE) == "no words for this"
