"""What the demo leaves for the person who starts the product: sign-ins, a key, a first request. One private file."""

import http.client
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from campaigns.demo.identifiers import user_id
from campaigns.demo.sign_ins import ROLES, sign_in
from rtts_site.foundation import key_issuing

FILE = "demo.json"
KEY_NAME = "demo"
SCOPES = ("decisions", "decisions:trace", "decisions:now", "events", "profiles", "consents")
TIMEOUT_S = 3.0
TRIES = 10
FIRST_PLACEMENT = "web.home.hero"
SHOP_KEY_NAME = "demo shop"
SHOP_SCOPES = ("consents", "decisions", "events")
SHOP_PLACEMENTS = ("web.shop.basket", "web.shop.hero")


def request_for(household: int) -> dict[str, Any]:
    """Return a body of ``POST /v1/decisions`` about a household."""
    return {
        "person": {"user_id": user_id(household)},
        "placements": [{"key": FIRST_PLACEMENT}],
        "context": {"device_class": "mobile", "country": "US"},
        "options": {"explain": "reasons"},
    }


def write_welcome(client: redis.Redis, households: Iterable[int]) -> Path:
    """Write the file, unless it is there; of the households the first that sees an offer now is in it."""
    path = Path(settings.RTTS_VAR) / FILE
    body = json.loads(path.read_text()) if path.exists() else _first_lines(client, households)
    if "browser_key" in body:
        return path
    body["browser_key"] = shop_key(client)
    partial = path.with_suffix(".part")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(body, indent=1))
    os.replace(partial, path)
    return path


def _first_lines(client: redis.Redis, households: Iterable[int]) -> dict[str, Any]:
    _, secret = key_issuing.issue(client, KEY_NAME, scopes=SCOPES)
    return {
        "sign_ins": [sign_in(role) for role in ROLES],
        "key": secret,
        "request": request_for(first_to_see_an_offer(households, secret=secret)),
    }


def shop_key(client: redis.Redis) -> str:
    """Return a new browser key for the demo shop, good on the addresses where this machine serves it."""
    hosts = {settings.RTTS_HOST, "127.0.0.1", "localhost"}
    origins = [f"http://{host}:{settings.RTTS_PORT}" for host in sorted(hosts)]
    reach = key_issuing.Reach([*origins, *settings.CSRF_TRUSTED_ORIGINS], SHOP_PLACEMENTS)
    _, secret = key_issuing.issue(
        client, SHOP_KEY_NAME, scopes=SHOP_SCOPES, kind="browser", reach=reach
    )
    return secret


def first_to_see_an_offer(households: Iterable[int], *, secret: str) -> int:
    """Return the first household that is shown an offer on top of the home page, else the first of all.

    It asks the running product; where none answers there is nothing to choose by.
    """
    asked = list(households)
    for household in asked:
        answer = _steady_answer(request_for(household), secret=secret)
        if answer is None:
            break
        if answer["placements"][0]["status"] == "offers":
            return household
    return asked[0]


def _steady_answer(request: dict[str, Any], *, secret: str) -> dict[str, Any] | None:
    """Return an answer that rests on all that is known; a machine that is still starting may need a few tries."""
    for _ in range(TRIES):
        answer = _decide(request, secret=secret)
        if answer is None or not answer["degraded"]:
            return answer
        time.sleep(0.3)
    return answer


def _decide(request: dict[str, Any], *, secret: str) -> dict[str, Any] | None:
    host = "127.0.0.1" if settings.RTTS_HOST == "0.0.0.0" else settings.RTTS_HOST  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.RTTS_PORT, timeout=TIMEOUT_S)
    body = json.dumps({**request, "options": {"dry_run": True}})
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/v1/decisions", body, headers)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            return None
        decided: dict[str, Any] = json.load(answer)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return decided
