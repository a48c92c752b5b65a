"""Nobody gets anything from any address without a permission, but for the addresses named here."""

import re
import uuid

import pytest
from django.contrib.auth.models import User
from django.urls import URLPattern, get_resolver

SAMPLES = {"int": "1", "uuid": str(uuid.UUID(int=1)), "slug": "offer", "str": "winter", "path": "1"}
STEP = "submit"
ARGUMENT = re.compile(r"<(?:(\w+):)?(\w+)>")
SHUT = (302, 401, 403)
PICTURE = f"{'0' * 64}/0-320.webp"
FOR_EVERYBODY = {  # the sign-in page, the description of the API, pictures that offers show
    "/admin/login/",
    "/api/docs",
    "/api/schema",
    f"/media/{PICTURE}",
}
FOR_STAFF = {  # what needs no role: one's own account, a frame and a search that show what a role may see
    "/admin/": 200,
    "/admin/jsi18n/": 200,
    "/admin/logout/": 200,
    "/admin/password_change/": 200,
    "/admin/password_change/done/": 200,
    "/admin/search/": 200,
    "/admin/campaigns/": 404,
    "/admin/history/offer/winter/": 404,
    "/admin/no-such-page/": 404,
    "/admin/r/1/1/": 404,
}
BY_REGEX = {
    "(?P<url>.*)$": "no-such-page/",  # the admin's catch-all
    r"^(?P<name>[0-9a-f]{64}/[0-9]{1,3}-[0-9]{1,5})\.(?P<ending>webp|jpg|png)$": PICTURE,
}


def addresses(resolver=None, prefix="/"):
    """Yield every address that Django serves, its arguments filled in."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield prefix + filled(str(pattern.pattern))
        else:
            yield from addresses(pattern, prefix + str(pattern.pattern))


def filled(route):
    if route.startswith("^(?P<app_label>"):
        return "campaigns/"
    if "(?P<" in route:
        return BY_REGEX[route]
    return ARGUMENT.sub(
        lambda found: STEP if found[2] == "step" else SAMPLES[found[1] or "str"], route
    )


ALL = sorted(set(addresses()))


def status_of(client, path):
    answer = client.get(path)
    return client.post(path).status_code if answer.status_code == 405 else answer.status_code


@pytest.mark.parametrize("path", [path for path in ALL if path not in FOR_EVERYBODY])
def test_an_address_is_shut_to_strangers(client, db, path):
    assert status_of(client, path) in SHUT

    client.force_login(User.objects.create(username="cleo", password="!"))
    assert status_of(client, path) in SHUT


@pytest.mark.parametrize("path", [path for path in ALL if path not in FOR_EVERYBODY])
def test_an_address_is_shut_to_staff_without_a_role(client, db, path):
    client.force_login(User.objects.create(username="dora", password="!", is_staff=True))

    status = status_of(client, path)

    assert status == FOR_STAFF[path] if path in FOR_STAFF else status in SHUT


def test_exceptions_are_addresses():
    assert set(FOR_STAFF) | FOR_EVERYBODY <= set(ALL)


def test_home_and_search_show_nothing_to_staff_without_a_role(client, db):
    client.force_login(User.objects.create(username="dora", password="!", is_staff=True))

    board = client.get("/admin/").context["board"]

    assert (board.numbers, board.hours, list(board.warnings)) == ((), [], [])
    assert list(board.waiting) == []
    assert client.get("/admin/search/", {"q": "a"}).context["found"] == []
