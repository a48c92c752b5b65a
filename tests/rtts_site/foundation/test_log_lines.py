"""Lines of the log name the route of a request, never its path."""

import logging
from io import StringIO

import pytest
from django.test import Client


@pytest.fixture
def lines(monkeypatch):
    """Return what the product writes to its log meanwhile."""
    (console,) = [one for one in logging.getLogger().handlers if one.filters]
    stream = StringIO()
    monkeypatch.setattr(console, "stream", stream)
    return stream


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/v1/rights/canary", "v1/rights/<"),
        ("/v1/profiles/user:canaryé", "v1/profiles/<"),
        ("/canary/", "an address that there is not"),
    ],
)
def test_a_refused_request_is_written_without_whom_it_names(db, redis, lines, path, named):
    assert Client().get(path).status_code in (401, 404)

    assert "canary" not in lines.getvalue()
    assert named in lines.getvalue()
