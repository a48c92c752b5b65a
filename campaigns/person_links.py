"""Links to a person's page that say nothing about the person: an opaque word, forgotten after a while."""

import re
import secrets
from typing import Any, Final

import redis
from django.urls import reverse

from rtts_site.foundation.redis_clients import Down

KEPT_SECONDS: Final = 15 * 60
PARAMETER: Final = "who"
_WORD: Final = re.compile(r"[0-9a-f]{32}")


def person_link(client: redis.Redis, person: str, *, page: str = "admin:rtts-people") -> str:
    """Return the address of a page about a person; where Redis is away, of the page that asks who. One round trip."""
    word = secrets.token_hex(16)
    try:
        client.set(_key(word), person, ex=KEPT_SECONDS)
    except Down:
        return reverse(page)
    return f"{reverse(page)}?{PARAMETER}={word}"


def person_behind(client: redis.Redis, word: str) -> str:
    """Return the person id that a link stands for, "" once it is forgotten. One round trip.

    Raises:
        redis.RedisError: it cannot be asked.
    """
    found: Any = client.get(_key(word)) if _WORD.fullmatch(word) else None
    return found.decode() if found else ""


def _key(word: str) -> str:
    return f"link:person:{word}"
