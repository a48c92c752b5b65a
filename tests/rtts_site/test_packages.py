import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
RUNTIME = [*PROJECT["dependencies"], *EXTRAS["demo"]]


def pinned(path):
    lines = [line for line in path.read_text().splitlines() if "==" in line]
    pairs = (line.split(";")[0].rstrip(" \\").split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        (ROOT / "requirements.lock", RUNTIME),
        (ROOT / "tests/requirements.lock", [*RUNTIME, *EXTRAS["test"]]),
    ],
)
def test_every_package_is_pinned_as_asked(lock, wanted):
    versions = pinned(lock)

    for requirement in map(Requirement, wanted):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name}: run `make lock`"
        assert version in requirement.specifier, f"{requirement}: run `make lock`"


def test_both_locks_pin_the_same():
    run, test = pinned(ROOT / "requirements.lock"), pinned(ROOT / "tests/requirements.lock")

    assert {name: test[name] for name in run} == run


@pytest.mark.parametrize("lock", ["requirements.lock", "tests/requirements.lock"])
def test_locks_name_no_index_and_hash_everything(lock):
    text = (ROOT / lock).read_text()

    assert "://" not in text
    assert "--index" not in text
    assert all("--hash" in block for block in text.split("\n\n") if "==" in block)
