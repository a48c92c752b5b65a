"""Odd bodies, headers and queries to the management API: refused in words, or kept as they were sent."""

import json

import pytest
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.mapping import SPECS
from campaigns.models import Item
from tests.fuzz.authoring import API, BODIES, WORDS
from tests.fuzz.hostile import spoilt, texts, typed, values

pytestmark = pytest.mark.fuzz

CALM = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
ANSWERS = {200, 201, 204, 304, 400, 403, 404, 405, 406, 409, 412, 413, 415, 422}
QUERY = st.dictionaries(
    st.sampled_from(
        ["change", "q", "state", "author", "kind", "limit", "cursor", "days", "format"]
    ),
    typed | st.sampled_from(["draft", "live", "json", "MQ", "IjAi"]),
    max_size=3,
)
SEEN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
HEADERS = st.dictionaries(
    st.sampled_from(["If-Match", "If-None-Match", "Idempotency-Key", "Accept", "Accept-Language"]),
    st.sampled_from(["*", '"0:0"', "W/", ",,,", "", "a" * 300, "de", "text/html"]) | SEEN,
    max_size=2,
)
MEDIA = ["application/json"] * 4 + ["text/plain", "application/xml", "", "multipart/form-data"]


@pytest.fixture(scope="module")
def site(everything):
    user, ids = everything
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client, ids


def said(answer, sent):
    """Assert that an answer is no server error, and that a refusal says what is wrong."""
    assert answer.status_code in ANSWERS, (answer.status_code, sent)
    if answer.status_code >= 400 and answer.status_code != 405:
        problem = json.loads(answer.content)
        assert problem.get("detail"), (problem, sent)
        if answer.status_code == 422:
            assert all(one["pointer"] is not None and one["detail"] for one in problem["errors"])


@pytest.mark.parametrize("name", API)
@CALM
@given(data=st.data())
def test_odd_requests_are_answered_in_words(site, name, data):
    client, ids = site
    args, bodies = API[name]
    method = data.draw(st.sampled_from(["get", *bodies, *bodies]))
    path = _path(name, args, ids, data)
    headers = data.draw(HEADERS)

    with transaction.atomic():
        if method == "get":
            sent = data.draw(QUERY)
            answer = client.get(path, sent, headers=headers)
        else:
            sent = data.draw(spoilt(bodies[method]) | values)
            raw = json.dumps(sent).encode() if data.draw(st.booleans()) else data.draw(_bytes(sent))
            media = data.draw(st.sampled_from(MEDIA))
            answer = client.generic(method.upper(), path, raw, media, headers=headers)
        transaction.set_rollback(True)

    said(answer, (path, sent))


def _bytes(sent):
    whole = json.dumps(sent).encode()
    return st.sampled_from(
        [whole, whole[:-1], b"", b"\xff\xfe", b"[" * 5000, b'{"a":1,"a":2}', b"NaN", whole * 2]
    )


def _path(name, args, ids, data):
    words = [
        data.draw(
            st.sampled_from([*WORDS.get(kind, ()), *ids.get(kind, ())])
            | st.sampled_from([0, 2**31, 2**63, 10**30])
            | texts
        )
        for kind in args
    ]
    try:
        return reverse(name, args=words)
    except NoReverseMatch:
        known = [next(iter([*ids.get(kind, ()), *WORDS.get(kind, ())])) for kind in args]
        return reverse(name, args=known)


@pytest.mark.parametrize("plural", BODIES)
@settings(CALM, max_examples=20)
@given(data=st.data())
def test_a_draft_is_kept_as_it_was_sent_or_refused_by_name(site, plural, data):
    client, _ids = site
    body = data.draw(spoilt(BODIES[plural]))
    more = data.draw(
        st.dictionaries(st.sampled_from(["why", "description", "time_zone"]), typed, max_size=1)
    )
    raw = json.dumps({"body": body, **more}).encode()

    with transaction.atomic():
        answer = client.post(reverse("rtts-api-items", args=[plural]), raw, "application/json")
        try:
            said(answer, (body, more))
            if answer.status_code == 201:
                _check_kept(client, answer.json(), body, more)
        finally:
            transaction.set_rollback(True)


def _check_kept(client, told, body, more):
    blank = SPECS[told["kind"]]
    for field, value in body.items():
        kept = told["draft"].get(field, getattr(blank, field, None))
        assert _same(kept, value), (field, value, kept)
    for field in ("description", "time_zone"):
        if field in more:
            assert told["details"].get(field, "") == more[field].strip(), more
    item = Item.objects.get(kind=told["kind"], key=told["key"])
    assert client.get(reverse("admin:rtts-item", args=[item.pk]), follow=True).status_code == 200
    assert client.get(reverse("admin:rtts-calendar")).status_code == 200


def _same(kept, value):
    if isinstance(kept, str) and isinstance(value, str):
        return kept[:10] == value.strip()[:10]  # an instant is written in UTC
    return bool(kept) == bool(value) if isinstance(value, list | dict) else kept == value
