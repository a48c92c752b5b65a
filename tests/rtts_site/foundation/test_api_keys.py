import asyncio
import base64
from datetime import UTC, datetime, timedelta
from io import StringIO
from time import time

import pytest
import redis.asyncio
from django.conf import settings
from django.core.management import CommandError, call_command

from rtts_site.foundation import api_keys, key_issuing
from rtts_site.foundation.api_keys import (
    KeyRing,
    KeysUnavailableError,
    ProofError,
    presented_secret,
    sign_proof,
)
from rtts_site.foundation.key_issuing import Reach
from rtts_site.foundation.models import ApiKey

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECRET = "rtts_sk_x"


class Clock:
    def __init__(self, seconds=1000.0):
        self.seconds = seconds

    def __call__(self):
        return self.seconds


def make_ring():
    clock, wall = Clock(), Clock(NOW.timestamp())
    return KeyRing(clock=clock, wall=wall), clock, wall


@pytest.fixture
def away():
    return redis.Redis(unix_socket_path="/nonexistent/redis.sock", retry=None)


def basic(user):
    return "Basic " + base64.b64encode(f"{user}:".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "write_key", "secret"),
    [
        ({"authorization": f"Bearer {SECRET}"}, None, SECRET),
        ({"authorization": f"bearer  {SECRET} "}, None, SECRET),
        ({"authorization": basic(SECRET)}, None, SECRET),
        ({"x-api-key": SECRET}, None, SECRET),
        ({}, SECRET, SECRET),
        ({"authorization": "Bearer"}, None, None),
        ({"authorization": "Basic !!"}, None, None),
        ({"authorization": "Basic " + base64.b64encode(b"\xff:").decode()}, None, None),
        ({}, None, None),
    ],
)
def test_finds_the_secret_wherever_clients_put_it(headers, write_key, secret):
    assert presented_secret(headers, write_key=write_key) == secret


def test_a_new_key_is_found_and_no_store_has_its_secret(db, redis):
    key, secret = key_issuing.issue(redis, "shop", scopes=["decisions", "events"])

    found, *_ = make_ring()
    record = found.find_sync(redis, secret)

    assert record.id == str(key.id)
    assert record.allows("events")
    assert not record.allows("management")
    row = ApiKey.objects.get(id=key.id)
    assert secret not in str(row.__dict__)
    assert secret.encode() not in b"".join(redis.hgetall(api_keys.KEYS).values())
    assert found.find_sync(redis, secret + "x") is None


def test_a_revoked_key_is_refused_within_five_seconds(db, redis):
    key, secret = key_issuing.issue(redis, "shop", scopes=["decisions"])
    ring, clock, _ = make_ring()
    ring.find_sync(redis, secret)

    key_issuing.revoke(redis, key, now=NOW)
    clock.seconds += 4.9
    cached = ring.find_sync(redis, secret)
    clock.seconds += 0.1

    assert cached is not None
    assert ring.find_sync(redis, secret) is None


def test_rotation_lets_both_keys_work_for_the_overlap(db, redis):
    key, old = key_issuing.issue(redis, "shop", scopes=["decisions"])
    successor, new = key_issuing.rotate(redis, key, now=NOW, overlap=timedelta(hours=1))
    ring, clock, wall = make_ring()

    both = [ring.find_sync(redis, secret) for secret in (old, new)]
    wall.seconds += 3600

    assert None not in both
    assert ring.find_sync(redis, old) is None
    assert ring.find_sync(redis, new).id == str(successor.id)
    assert key.successor_id == successor.id


def test_a_known_key_works_on_while_redis_is_away(db, redis, away):
    _, secret = key_issuing.issue(redis, "shop", scopes=["decisions"])
    ring, clock, _ = make_ring()
    ring.find_sync(redis, secret)
    clock.seconds += 60

    assert ring.find_sync(away, secret) is not None
    with pytest.raises(KeysUnavailableError):
        ring.find_sync(away, "rtts_sk_stranger")


def test_last_use_is_noted_once_a_minute(db, redis):
    key, secret = key_issuing.issue(redis, "shop", scopes=["decisions"])
    ring, clock, wall = make_ring()

    for _ in range(3):
        ring.find_sync(redis, secret)
        clock.seconds, wall.seconds = clock.seconds + 6, wall.seconds + 6

    assert key_issuing.last_uses(redis) == {str(key.id): int(NOW.timestamp())}


def test_keys_can_be_written_to_an_empty_redis_again(db, redis):
    key, secret = key_issuing.issue(redis, "shop", scopes=["decisions"])
    gone, other = key_issuing.issue(redis, "old", scopes=["decisions"])
    key_issuing.revoke(redis, gone, now=NOW)
    redis.flushall()

    key_issuing.project_keys(redis)

    ring, *_ = make_ring()
    assert ring.find_sync(redis, secret).id == str(key.id)
    assert ring.find_sync(redis, other) is None


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"scopes": []}, "scope"),
        ({"scopes": ["all"]}, "all"),
        ({"kind": "browser"}, "origin"),
        ({"kind": "browser", "reach": Reach(["shop.example"])}, "not an origin"),
        ({"kind": "browser", "reach": Reach(["https://a.b/c"])}, "not an origin"),
        ({"kind": "browser", "reach": Reach(["https://a.b"]), "scopes": ["profiles"]}, "only"),
    ],
)
def test_a_key_that_would_be_unsafe_is_refused_in_words(db, redis, more, word):
    with pytest.raises(key_issuing.KeyIssueError, match=word):
        key_issuing.issue(redis, "k", **({"scopes": ["decisions"]} | more))


def test_a_browser_key_is_bound_to_origins_and_placements(db, redis):
    _, secret = key_issuing.issue(
        redis,
        "site",
        scopes=["decisions"],
        kind="browser",
        reach=Reach(["https://shop.example"], ["web.home.hero"]),
    )
    ring, *_ = make_ring()

    record = ring.find_sync(redis, secret)

    assert secret.startswith("rtts_bk_")
    assert record.allows_origin("https://shop.example")
    assert not record.allows_origin("https://evil.example")
    assert not record.allows_origin(None)
    assert record.allows_placement("web.home.hero")
    assert not record.allows_placement("app.home")


def test_the_command_prints_the_key_alone(db, redis):
    out = StringIO()

    call_command("rtts_key", "shop", scopes=["decisions", "events"], stdout=out)

    secret = out.getvalue().strip()
    assert secret.startswith("rtts_sk_")
    assert out.getvalue() == secret + "\n"
    with pytest.raises(CommandError, match="Unknown scope"):
        call_command("rtts_key", "shop", stdout=out)


def verify(secret_used, proof, user_id, *, wall=None):
    async def run():
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        try:
            await KeyRing(wall=wall or time).verify_proof(client, proof, user_id=user_id)
        finally:
            await client.aclose()

    asyncio.run(run())


def test_a_proof_stands_for_its_user_only_and_not_for_long(db, request):
    stores = request.getfixturevalue("redis")
    key, secret = key_issuing.issue(stores, "server", scopes=["decisions"])
    wall = Clock(NOW.timestamp())
    proof = sign_proof(secret, key_id=str(key.id), user_id="c-42", expires_at=NOW.timestamp() + 600)

    verify(secret, proof, "c-42", wall=wall)

    with pytest.raises(ProofError, match="another user"):
        verify(secret, proof, "c-43", wall=wall)
    with pytest.raises(ProofError, match="signature"):
        verify(secret, proof[:-4] + "AAAA", "c-42", wall=wall)
    with pytest.raises(ProofError, match="expired"):
        verify(secret, proof, "c-42", wall=Clock(NOW.timestamp() + 600))
    long = sign_proof(secret, key_id=str(key.id), user_id="c-42", expires_at=NOW.timestamp() + 901)
    with pytest.raises(ProofError, match="15 minutes"):
        verify(secret, long, "c-42", wall=wall)
    key_issuing.revoke(stores, key, now=NOW)
    with pytest.raises(ProofError, match="live secret key"):
        verify(secret, proof, "c-42", wall=wall)


@pytest.mark.parametrize("proof", ["", "a", "a.b.c", "e30.e30.", "....", "\ud800.a.b", "é.é.é"])
def test_a_malformed_proof_is_refused(proof):
    with pytest.raises(ProofError):
        api_keys.proof_key_id(proof)
