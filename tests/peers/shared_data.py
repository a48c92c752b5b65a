"""Finds the peers' test suites, which are not part of this repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("RTTS_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")


def suite(folder):
    """Return the folder of a suite, or skip the module that asks."""
    path = ROOT / folder
    if not path.is_dir():
        pytest.skip(
            f"{path} is absent: set RTTS_SHARED_DATA to the folder of the peers' suites",
            allow_module_level=True,
        )
    return path
