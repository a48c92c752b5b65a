"""Nobody gets anything from any address without a permission, but for the addresses named here."""

import pytest
from django.contrib.auth.models import User

from tests import routes

SHUT = (302, 401, 403)
FOR_EVERYBODY = {  # the sign-in page, the description of the API, pictures that offers show, the SDK, the demo shop
    "/.well-known/gpc.json",  # that Global Privacy Control is honoured
    "/admin/login/",
    "/api/docs",
    "/api/schema",
    f"/media/{routes.PICTURE}",
    "/sdk/rtts.js",
    "/shop/",
    "/shop/basket/",
    "/shop/checkout/",
    "/shop/offer/",
    "/shop/products/offer/",
    "/shop/visitor",
    "/v1/me/winter",  # people's own page; whose it is is sealed
    "/v1/unsubscribe/winter",  # the link in e-mails; what it holds is sealed
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
ALL = sorted({address for _route, address in routes.routes()})


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
