"""Odd input to every authoring address: never a server error, a refusal says something, nothing goes unsaid."""

from urllib.parse import urlencode

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.authoring import ADDRESSES, WORDS
from tests.fuzz.hostile import spoilt_fields, texts

pytestmark = pytest.mark.fuzz

CALM = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
ANSWERS = {200, 286, 301, 302, 400, 403, 404, 405, 409, 413, 415, 422}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def site(everything):
    user, ids = everything
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client, ids


@pytest.mark.parametrize("name", ADDRESSES)
@CALM
@given(data=st.data())
def test_odd_input_is_answered_in_words(site, name, data):
    client, ids = site
    odd = ADDRESSES[name]
    path = _path(name, odd, ids, data)
    query = data.draw(spoilt_fields(odd.query)) if odd.query else {}
    method = (
        data.draw(st.sampled_from(["get", "post", "post"])) if odd.fields is not None else "get"
    )
    body = data.draw(spoilt_fields(odd.fields)) if method == "post" else {}
    files = _files(odd, data) if method == "post" else {}
    headers = data.draw(st.sampled_from([{}, {"HX-Request": "true"}]))

    with transaction.atomic():
        answer = _send(
            client, method, f"{path}?{urlencode(query, doseq=True)}", body, files, headers
        )
        told = [str(one) for one in get_messages(answer.wsgi_request)]
        transaction.set_rollback(True)
    client.cookies.pop("messages", None)

    assert answer.status_code in ANSWERS, (path, answer.status_code)
    if answer.status_code == 405:
        assert answer.headers["Allow"], path
    elif answer.status_code >= 400:
        assert answer.content.strip(), path
    elif method == "post" and answer.status_code == 302 and not odd.quiet:
        assert told, (path, body)


def _path(name, odd, ids, data):
    args = [
        data.draw(
            st.sampled_from([*WORDS.get(kind, ()), *ids.get(kind, ())])
            | st.sampled_from([0, 2**31, 2**63, 10**30])
            | texts
        )
        for kind in odd.args
    ]
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        known = [next(iter([*ids.get(kind, ()), *WORDS.get(kind, ())])) for kind in odd.args]
        return reverse(name, args=known)


def _files(odd, data):
    return {
        name: SimpleUploadedFile(
            data.draw(st.sampled_from(["a.csv", "a.png", "=1+1.csv", "a" * 300])),
            data.draw(st.binary(max_size=200) | texts.map(str.encode)),
        )
        for name in odd.files
        if data.draw(st.integers(0, 5))
    }


def _send(client, method, path, body, files, headers):
    if method == "get":
        return client.get(path, headers=headers)
    if files:
        return client.post(path, {**body, **files}, headers=headers)
    return client.post(path, urlencode(body, doseq=True), FORM, headers=headers)
