"""Every table, Redis key and folder is answered for by a store, or is exempt with a reason."""

import ast
import re
from pathlib import Path

from django.apps import apps
from django.conf import settings

from consent.rights.stores import Store, covered, registered

ROOT = Path(settings.BASE_DIR)
ROOMS = ("consent", "decisioning", "campaigns", "rtts_site")
KEY = re.compile(r"(\{\}|[a-z_]+):[a-z_:{}]+")
# What looks like a key and is none: names of messages, jobs, facts, scopes and pages.
NO_KEYS = re.compile(
    r"(admin|user|event|attribute|offer|campaign|placement|segment|source|import|change|release|picture|id|trait"
    r"|property|denied|decisions|hook|outcome|caps|back|geofence|expired|part|open|agg|backfill|sent|events"
    r"|anonymous|item|table|folder|redis|rights|erase|replay|api|identity|about|account|b|a|preview|unsubscribe"
    r"|job|purpose|notice|jurisdiction|guardian|email|phone|sms|crm|device|eu_gdpr|dpv|house|import_)(:.*)?"
)


def keys_in(path):
    """Yield what a module writes as ``{}:caps:{}`` for each part that varies."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.FunctionDef)
            and node.name.endswith("_key")
            or isinstance(node, ast.Assign)
            and any(isinstance(one, ast.Name) and one.id.isupper() for one in node.targets)
        ):
            yield from texts_of(node)
        elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "").isupper():
            yield from texts_of(node.value or node)


def texts_of(node):
    parts = {
        id(part) for one in ast.walk(node) if isinstance(one, ast.JoinedStr) for part in one.values
    }
    for one in ast.walk(node):
        if id(one) in parts:
            continue
        if isinstance(one, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else "{}" for part in one.values
            )
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def modules():
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" not in path.parts and "demo" not in path.parts:
                yield path


def test_every_table_is_answered_for():
    known = covered()

    missing = [
        model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if f"table:{model._meta.label}" not in known and not model.__module__.startswith("tests.")
    ]

    assert missing == []


def test_every_redis_key_is_answered_for():
    known = covered()

    missing = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in modules()
        for text in map(plainly, keys_in(path))
        if KEY.fullmatch(text) and not NO_KEYS.fullmatch(text) and f"redis:{text}" not in known
    }

    assert missing == set()


def plainly(text):
    return text.replace("{{{}}}", "{}").replace("{{", "").replace("}}", "")


def test_every_folder_is_answered_for():
    known = covered()
    named = re.compile(r"RTTS_VAR\)? / \"([a-z_.]+)\"")

    found = {f"folder:{name}" for path in modules() for name in named.findall(path.read_text())}

    assert found - {"folder:demo.json", "folder:up.pid"} <= known.keys()


def test_every_exemption_has_a_reason():
    assert all(len(reason) > 5 for reason in covered().values())


def test_every_store_has_a_name_of_its_own():
    names = [store.name for store in registered()]

    assert len(names) == len(set(names))
    assert all(isinstance(store, Store) for store in registered())
