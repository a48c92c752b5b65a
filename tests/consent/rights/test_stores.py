"""Every table, Redis key and folder is answered for by a store, or is exempt with a reason."""

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from consent.rights.stores import Store, covered, registered
from tests.consent.rights.folders import HANDED_ON, constants_in, folders_in

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

# Which names mean the folder of the installation, where it is handed on as a whole to be read elsewhere.
ROOTS = {
    "rtts_site/settings.py": ("RTTS_VAR",),  # to embedded
    "rtts_site/stack.py": ("RTTS_VAR",),  # to embedded and to processes
    "rtts_site/embedded.py": ("root",),
}
NO_FOLDERS_OF_PEOPLE = {
    "demo.json": "the demo's keys",
    "up.pid": "a process",
    "run": "sockets and locks",
    ".lock": "a lock",
    "secret_key": "a key",
    "postgres": "its tables are answered for one by one",
    "redis": "its keys are answered for one by one",
}


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
    known = {label.removeprefix("folder:") for label in covered() if label.startswith("folder:")}

    found = set(named_folders())

    assert found - NO_FOLDERS_OF_PEOPLE.keys() == known


def named_folders():
    """Yield what each module names under RTTS_VAR; whatever cannot be read is ``?`` and where it is."""
    for path in modules():
        where, text = str(path.relative_to(ROOT)), path.read_text()
        roots = ROOTS.get(where, ("RTTS_VAR",))
        if any(root in text for root in roots):
            tree = ast.parse(text)
            for name in folders_in(tree, constants=texts_known_in(tree), roots=roots):
                if name != HANDED_ON:
                    yield name
                elif where not in ROOTS:
                    yield f"{HANDED_ON} in {where}"


def texts_known_in(tree):
    """Return the constants of a module and of those that it imports names from."""
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    paths = [ROOT / f"{(module or '').replace('.', '/')}.py" for module in imported]
    trees = [ast.parse(path.read_text()) for path in paths if path.exists()]
    return dict(pair for one in (*trees, tree) for pair in constants_in(one))


@pytest.mark.parametrize(
    "written",
    [
        "settings.RTTS_VAR / 'faces'",
        "RTTS_VAR / 'faces' / str(number)",
        "Path(settings.RTTS_VAR) / FACES",
        "settings.RTTS_VAR / names.FACES",
        "Path(settings.RTTS_VAR, 'faces')",
        "settings.RTTS_VAR.joinpath('faces', 'more')",
        "os.path.join(str(settings.RTTS_VAR), 'faces/more')",
    ],
)
def test_a_folder_is_noticed_however_it_is_named(written):
    assert list(folders_in(ast.parse(written), constants={"FACES": "faces"})) == ["faces"]


@pytest.mark.parametrize(
    "written",
    [
        "root = settings.RTTS_VAR",
        "f'{settings.RTTS_VAR}/faces'",
        "settings.RTTS_VAR / kind",
        "keep(settings.RTTS_VAR)",
    ],
)
def test_a_folder_that_cannot_be_read_is_noticed_as_such(written):
    assert list(folders_in(ast.parse(written), constants={})) == [HANDED_ON]


def test_every_exemption_has_a_reason():
    assert all(len(reason) > 5 for reason in covered().values())


def test_every_store_has_a_name_of_its_own():
    names = [store.name for store in registered()]

    assert len(names) == len(set(names))
    assert all(isinstance(store, Store) for store in registered())
