"""After an erasure on the whole running product a canary from every field is found nowhere, and nothing brings it back."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from uuid import uuid4

import pytest
import redis

from consent import people
from rtts_site import embedded
from tests import product
from tests.consent.rights.finding import found_in_redis

pytestmark = pytest.mark.faults
PATIENCE_S = 120
SCOPES = ("decisions", "events", "consents", "profiles", "rights", "rights:copy")


class Client:
    def __init__(self, running):
        self.running = running
        self.key = running.key(*SCOPES)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(  # noqa: S310  # of this test's own product
            self.running.base_url + path,
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                "Idempotency-Key": uuid4().hex,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def fetch(self, path):
        request = urllib.request.Request(  # noqa: S310  # of this test's own product
            self.running.base_url + path, headers={"Authorization": f"Bearer {self.key}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.read()

    def until(self, path, is_there):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            status, told = self.ask("GET", path)
            if is_there(status, told):
                return told
            time.sleep(0.5)
        raise AssertionError(f"{path}: {status} {told}")


def dumped(running):
    """Return the whole database as text, and bytes as hex."""
    program = (
        embedded.postgres_program("pg_dump") if hasattr(embedded, "postgres_program") else None
    )
    if program is None:
        return running.python(
            "from tests.consent.rights.finding import all_rows\n"
            "import sys\n[sys.stdout.write(row + chr(10)) for row in all_rows()]"
        )
    done = subprocess.run(
        [program, running.database_url], capture_output=True, text=True, check=True
    )
    return done.stdout


def says(text, canary):
    return canary in text or canary.encode().hex() in text


def logs(running):
    return "".join(path.read_text(errors="replace") for path in running.var.rglob("*.log"))


@pytest.fixture(scope="module")
def running():
    with product.running(demo=True) as one:
        yield one


def live(client, canary):
    """Do everything that leaves something of a person; return who it is and what a retry would send."""
    user, device = f"{canary}-u", f"{canary}-d"
    messages = [
        {
            "type": "identify",
            "userId": user,
            "anonymousId": device,
            "messageId": f"{canary}-m0",
            "traits": {"email": f"{canary}@example.com", "city": canary, "nested": {"a": [canary]}},
            "context": {
                "userAgent": f"Mozilla {canary}",
                "ip": "203.0.113.7",
                "page": {"url": f"https://s/{canary}"},
            },
        },
        {
            "type": "track",
            "event": "Order Completed",
            "userId": user,
            "messageId": f"{canary}-m1",
            "properties": {"category": canary, "products": [{"name": canary}]},
        },
        {
            "type": "page",
            "anonymousId": device,
            "messageId": f"{canary}-m2",
            "properties": {"title": canary},
        },
        {
            "type": "group",
            "userId": user,
            "groupId": f"{canary}-g",
            "messageId": f"{canary}-m3",
            "traits": {"name": "Company"},
        },
    ]
    assert client.ask("POST", "/v1/batch", {"batch": messages})[0] == 200
    client.until(f"/v1/profiles/user:{user}", lambda status, _: status == 200)
    consent = {
        "person": f"user:{user}",
        "changes": [
            {"purpose": "personalised_ads", "status": "given", "event_time": "2026-01-01T00:00:00Z"}
        ],
        "evidence": {
            "controller": f"{canary} Ltd",
            "collection_method": canary,
            "notice_version": "privacy@1",
            "language": "en",
            "jurisdiction": "DE",
        },
        "actor": {"kind": "subject", "id": canary},
    }
    client.ask("POST", "/v1/consents", consent)
    request = json.loads((client.running.var / "demo.json").read_text())["request"]
    request["person"] = {"user_id": user, "anonymous_id": device}
    for _ in range(3):
        status, decided = client.ask("POST", "/v1/decisions", request)
        assert status == 200, decided
    tokens = [
        offer.get("tracking_token") for one in decided["placements"] for offer in one["offers"]
    ]
    events = [
        {"type": "impression", "tracking_token": token, "message_id": f"{canary}-{number}"}
        for number, token in enumerate(filter(None, tokens))
    ]
    if events:
        client.ask("POST", "/v1/feedback", {"events": events})
    return user, messages


def fetched_copy(client, user):
    """Have a copy made and fetch it; return its address."""
    wanted = {"kind": "access", "person": f"user:{user}", "verified_how": "letter"}
    status, asked = client.ask("POST", "/v1/rights", wanted)
    assert status == 202
    path = f"/v1/rights/{asked['request']}"
    client.until(path, lambda _, told: told["state"] == "done")
    assert client.fetch(f"{path}/file")[:2] == b"PK"
    return f"{path}/file"


def test_must_hold_5_a_canary_is_found_nowhere_after_an_erasure(running):
    client, canary = Client(running), f"canary{uuid4().hex[:12]}"
    store = redis.Redis.from_url(running.redis_url)
    user, messages = live(client, canary)
    time.sleep(5)  # what came is archived
    assert says(dumped(running), canary)
    assert found_in_redis(store, canary)

    copy = fetched_copy(client, user)

    status, asked = client.ask("DELETE", f"/v1/profiles/user:{user}")
    assert status == 202
    done = client.until(f"/v1/rights/{asked['request']}", lambda _, told: told["state"] == "done")

    assert done["certificate"]
    assert list((running.var / "rights").iterdir()) == []  # what is packed hides a canary
    assert client.ask("GET", copy)[0] == 404
    assert not says(dumped(running), canary)
    assert found_in_redis(store, canary) == []
    assert canary not in logs(running)
    left = [
        str(path)
        for path in running.var.rglob("*")
        if path.is_file()
        and path.relative_to(running.var).parts[0] not in ("postgres", "redis", "broker", "run")
        and canary.encode() in path.read_bytes()
    ]
    assert left == []

    client.ask("POST", "/v1/batch", {"batch": messages})
    again = [{**one, "messageId": f"{one['messageId']}-late"} for one in messages]
    client.ask("POST", "/v1/batch", {"batch": again})
    time.sleep(5)
    owner = client.ask("GET", f"/v1/profiles/user:{user}")
    assert owner[0] == 404
    assert not says(dumped(running), canary)
    assert [key for key in found_in_redis(store, canary) if b":seen:" not in key] == []
    assert people.NOBODY  # who stands for everybody erased


def test_must_hold_5_the_ledger_verifies_and_a_restored_copy_is_told(running):
    client, canary = Client(running), f"canary{uuid4().hex[:12]}"
    user, _ = live(client, canary)
    time.sleep(3)
    copy = running.python(
        "from consent.rights.models import Suppression; print(Suppression.objects.count())"
    )
    assert copy.strip().isdigit()
    _, asked = client.ask("DELETE", f"/v1/profiles/user:{user}")
    client.until(f"/v1/rights/{asked['request']}", lambda _, told: told["state"] == "done")

    commands = running.manage("help", "--commands")
    if "rtts_verify_ledger" in commands:
        running.manage("rtts_verify_ledger")
    assert "0 missing here" in running.manage("rtts_replay_erasures", "--check")
    running.python(
        "from consent.rights.models import Suppression; Suppression.objects.all().delete()"
    )
    assert "missing here" in running.manage("rtts_replay_erasures")
    assert "0 missing here" in running.manage("rtts_replay_erasures", "--check")
