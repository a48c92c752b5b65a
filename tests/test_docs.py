"""What the README and its pages say exists: commands, settings, limits, addresses, fields, codes, links."""

import re
from pathlib import Path

import msgspec
import pytest
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from campaigns import limits as authoring
from campaigns.demo.sign_ins import ROLES, sign_in
from decisioning.api import app, http  # noqa: F401 - the app registers every route
from decisioning.arbitration import reasons
from decisioning.ingestion import log, refusals, times, wire
from decisioning.messages import Answer
from decisioning.rules import limits as rules
from rtts_site.foundation import limits as rates
from rtts_site.foundation.api_keys import SCOPES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = "\n".join([README, *(path.read_text() for path in sorted(ROOT.glob("docs/*.md")))])
RECEIPT = "01890000-0000-7000-8000-000000000000"
OPEN_PATHS = {"/healthz", "/readyz", "/metrics"}


def code_spans():
    return set(re.findall(r"`([^`\n]+)`", PAGES))


def settings_in_code():
    sources = [*ROOT.glob("rtts_site/**/*.py"), ROOT / "manage.py"]
    text = "\n".join(path.read_text() for path in sources)
    read = re.findall(r'(?:env\.\w+|environ\.get)\(\s*"((?:RTTS_|DATABASE|REDIS)\w+)"', text)
    return set(read)


def test_every_setting_is_in_the_table():
    assert {name for name in settings_in_code() if name not in README} == set()


def test_no_setting_is_made_up():
    named = set(re.findall(r"\b(?:RTTS_[A-Z_]+|DATABASE_URL|REDIS_URL)\b", PAGES))

    assert named - settings_in_code() == set()


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text()

    for target in set(re.findall(r"\bmake ([a-z]+)`", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_management_command_exists():
    named = set(re.findall(r"manage\.py (\w+)", PAGES))

    assert named <= set(get_commands())
    assert {"rtts_key", "rtts_demo", "rtts_check", "up", "down"} <= set(get_commands())


@pytest.mark.parametrize(
    "words",
    [
        f"{rules.MAX_LEAVES} conditions, {rules.MAX_DEPTH} groups deep, {rules.MAX_INLINED_LEAVES:,}",
        f"{rules.MAX_LIST_VALUES} values, {rules.MAX_TEXT:,} characters",
        f"1 minute to {rules.MAX_WINDOW_S // 86_400} days",
        f"| {http.MAX_PLACEMENTS}, {http.MAX_COUNT} |",
        f"events sent with a decision request | {http.MAX_REQUEST_EVENTS} |",
        f"people in a decision batch | {http.MAX_BATCH_PEOPLE} |",
        f"{http.DECISION_BODY_BYTES // 1024} KB, {http.DECISION_BATCH_BODY_BYTES // 1024:,} KB",
        f"{wire.MAX_EVENT_BYTES // 1024} KB; {http.EVENT_BATCH_BODY_BYTES // 1024} KB "
        f"and {wire.MAX_BATCH_EVENTS:,} events",
        f"| {refusals.MAX_ID} characters |",
        f"| {log.DEDUPE_MS // 86_400_000} days |",
        f"| {times.FUTURE_MS // 60_000} minutes ahead |",
        f"reports of one feedback request | {http.MAX_FEEDBACK} |",
        f"{authoring.VARIANTS}, {authoring.CAPS}; {authoring.CONTENT_BYTES:,} bytes",
        f"{rates.DECISIONS.quota:,} decisions; {rates.EVENTS.quota:,} event requests; "
        f"{rates.CONSENTS.quota:,} consents; {rates.MANAGEMENT.quota:,} management; "
        f"{rates.BATCH.quota:,} decision batches; {rates.BROWSER.quota:,} of a browser key",
    ],
)
def test_every_limit_is_the_one_in_the_code(words):
    assert words in README


def test_every_reason_has_its_line():
    codes = {*reasons.WORDS, reasons.WON, reasons.NO_CANDIDATES}
    codes |= {reasons.UNKNOWN_PLACEMENT, reasons.NO_RELEASE}
    table = README.partition("| code | why |")[2].partition("\n\n")[0]
    in_table = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", table))

    assert codes <= in_table
    assert in_table - codes == set()


def test_every_field_of_an_answer_is_named():
    fields = {field.name for field in msgspec.structs.fields(Answer)}

    assert {name for name in fields if f"`{name}`" not in README} == set()


def test_every_scope_named_exists():
    rows = re.findall(r"^\| .*`/?.*\| `([a-z:]+)` \|$", README, re.MULTILINE)

    assert rows
    assert set(rows) <= set(SCOPES)


def test_every_address_is_served():
    spans = " ".join(code_spans())
    named = set(
        re.findall(r"((?<!\w)/(?:v1|ofrep|api)/[\w/{}:.-]+|/healthz|/readyz|/metrics)", spans)
    )

    assert len(named) > 20
    for path in named:
        sample = re.sub(
            r"\{\w+\}", "offers", path.replace("{id}", "1").replace("{receipt}", RECEIPT)
        ).rstrip("/")
        known = http.methods_of(sample) or sample in OPEN_PATHS or _is_djangos(sample)
        assert known, path


def _is_djangos(path):
    candidates = [path, path.replace("/offers", "/user:x"), f"{path}/x"]
    for one in candidates:
        try:
            resolve(one)
        except Resolver404:
            continue
        return True
    return False


def test_every_demo_sign_in_is_printed():
    for role in ROLES:
        person = sign_in(role)
        assert f"| `{person['user']}` | `{person['password']}` |" in README


def test_every_file_named_exists():
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        for path in re.findall(r"\]\(((?!http)[^)#]+)\)", page.read_text()):
            assert (page.parent / path).exists(), f"{page.name}: {path}"
    for path in re.findall(r"`(docs/[\w./-]+|\.ci/\w+)`", README):
        assert (ROOT / path).exists(), path


def test_the_pictures_are_there():
    for name in ("segment-builder", "decision-explanation"):
        assert (ROOT / f"docs/pictures/{name}.png").stat().st_size > 10_000
