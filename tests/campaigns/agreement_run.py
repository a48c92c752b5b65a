"""Runs inside a running product: asks simulator and endpoint thousands of questions, before and after publishing."""

import json
import random
import time
from collections import Counter
from datetime import UTC, datetime

import httpx
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns import drafts, previews, publishing
from campaigns.candidates import candidate_of
from campaigns.models import Release
from campaigns.models.items import Kind
from campaigns.sampling import load_sample
from campaigns.stages import staged
from decisioning.learning.publishing import Learned, load_learned
from decisioning.messages import PlacementAsk
from rtts_site.foundation.redis_clients import redis_client
from tests.campaigns.agreement import answered, batches, differences, drawn, simulated

PEOPLE = 400
PREVIEWED = 500
QUIET_S = 70  # longer than two rounds of learning
LEARNING_S = 300
OUTCOMES = ("impression", "click", "conversion")


def main(base_url, *, key, triples, author, approver):
    """Return what was compared: how many triples, what differed, which fates were met."""
    asker = Asker(base_url, key)
    client = redis_client()
    users = named_people(client)
    use_caps_up(asker, users)
    wait_until_learned(client)
    half = triples // 2
    live = questions(users, half, seed=1)
    seen = Counter()
    wrong = compare(live, simulated(client, live), asker.all(live), seen)

    change = draft(User.objects.get(username=author))
    drafted = questions(users, triples - half, seed=2)
    said = simulated(client, drafted, under=change)
    token = shown_before(client, change, User.objects.get(username=author))
    some = drafted[:PREVIEWED]
    asker.all(some[:1], preview=token)  # laid out once
    wrong += compare(some, said[:PREVIEWED], asker.all(some, preview=token), seen)
    publish(change, User.objects.get(username=approver))
    asker.wait_for(Release.objects.get(state=Release.State.LIVE).version)
    wrong += compare(drafted, said, asker.all(drafted), seen)
    return {
        "people": len(users),
        "live": len(live),
        "draft": len(drafted),
        "previewed": len(some),
        "wrong": len(wrong),
        "first": [str(one) for one in wrong[:2]],
        "fates": seen,
    }


class Asker:
    """Asks the endpoint over HTTP."""

    def __init__(self, base_url, key):
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=base_url, headers=headers, timeout=60)

    def all(self, triples, **options):
        found = []
        for batch in batches(triples):
            body = {"decisions": [one.request(**options) for one in batch]}
            found += [answered(one) for one in self.post("/v1/decisions/batch", body)["decisions"]]
        return found

    def post(self, path, body):
        while True:
            reply = self.http.post(path, json=body)
            if reply.status_code not in (429, 503):
                reply.raise_for_status()
                return reply.json()
            time.sleep(float(reply.headers.get("Retry-After", "1")))

    def wait_for(self, version):
        end = time.monotonic() + 60
        while self.http.get("/readyz").json()["release"]["version"] != version:
            assert time.monotonic() < end, "the release did not arrive"
            time.sleep(0.2)
        time.sleep(1)


def named_people(client):
    profiles = load_sample(client, most=5 * PEOPLE).profiles.values()
    names = (name for profile in profiles for name in profile.identifiers)
    users = sorted(name.removeprefix("user:") for name in names if name.startswith("user:"))
    return users[:PEOPLE]


def use_caps_up(asker, users):
    """Have a third of the people shown offers for real, and say what came of them."""
    places = [one.key for one in candidate_of(None).spec.placements]
    for user in users[::3]:
        body = {
            "person": {"user_id": user},
            "placements": [{"key": key, "count": 2} for key in places[:6]],
        }
        answer = asker.post("/v1/decisions", body)
        tokens = [
            one["tracking_token"] for placed in answer["placements"] for one in placed["offers"]
        ]
        events = [
            {"type": kind, "tracking_token": token, "message_id": f"{token[:40]}-{kind}"}
            for token in tokens
            if token
            for kind in OUTCOMES[: 1 + hash(token) % 3]
        ]
        if events:
            asker.post("/v1/feedback", {"events": events})


def wait_until_learned(client):
    """Wait until nothing more is learned from what came of the offers: scores would move between two answers."""
    learned, since = None, time.monotonic()
    end = since + LEARNING_S
    while time.monotonic() < since + QUIET_S:
        assert time.monotonic() < end, "the rates go on moving"
        time.sleep(1)
        now = load_learned(client, known=Learned()).rates
        if now != learned:
            learned, since = now, time.monotonic()
    assert learned, "nothing was learned"


def questions(users, count, *, seed):
    spec = candidate_of(None).spec
    context = [one for one in spec.attributes if one.source == "context"]
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    contexts = [
        {one.key: value(one, dice) for one in context if dice.random() < 0.6} for _ in range(40)
    ]
    purposes = sorted({key for one in spec.offers for key in one.purposes})
    places = [PlacementAsk(one.key, count) for one in spec.placements for count in (1, 3)]
    now = datetime.now(UTC).replace(microsecond=0)
    return drawn(
        count,
        users=users,
        placements=places,
        purposes=purposes,
        contexts=[{key: one for key, one in some.items() if one is not None} for some in contexts],
        now=now,
        seed=seed,
    )


def value(spec, dice):
    if spec.type == "number":
        return dice.choice([0, 5, 40, 90, 250])
    if spec.type == "boolean":
        return dice.random() < 0.5
    if spec.type == "text":
        return dice.choice(spec.values or ("DE", "US", "other"))
    return None


def draft(user):
    """Return a change that touches conditions, new counts of events, caps, dates and weights."""
    now = timezone.now()
    change = drafts.open_change(user, now=now, title="Another shop")
    bodies = candidate_of(None).bodies
    offers = sorted(key for kind, key in bodies if kind == Kind.OFFER)
    event = next(key for kind, key in sorted(bodies) if kind == Kind.EVENT_TYPE)
    bought = {"event": event, "count": {"is": "gte", "value": 1}, "within": "47d"}
    for number, key in enumerate(offers):
        body = dict(bodies[Kind.OFFER, key])
        if number % 3 == 0 and body["purposes"]:
            new = bought if number % 2 else {"none": [bought]}
            body["eligibility"] = {"any": [new, *filter(None, [body["eligibility"]])]}
        elif number % 3 == 1:
            body["priority"] = round(0.05 + number % 19 / 20, 2)
        else:
            continue
        one = drafts.Draft(kind=Kind.OFFER, key=key, body=body)
        drafts.save_draft(change, one, author=user, now=now)
    return change


def shown_before(client, change, user):
    asked = previews.Asked(lasts=previews.LONGEST)
    preview = previews.open_preview(change, asked, by=user, now=timezone.now())
    end = time.monotonic() + 120
    while not preview.digest:
        assert time.monotonic() < end, "the preview was not made ready"
        time.sleep(0.5)
        preview.refresh_from_db()
    with staged(client, change) as stage:
        assert stage.held.digest == preview.digest
    return previews.token_of(preview)


def publish(change, approver):
    publishing.submit(change, by=change.created_by, now=timezone.now())
    candidate = publishing.candidate_for(change)
    publishing.approve(change, by=approver, digest=candidate.review_digest, now=timezone.now())
    release = publishing.publish(change, by=approver, now=timezone.now())
    end = time.monotonic() + 180
    while release.state != Release.State.LIVE:
        assert release.state != Release.State.FAILED, release.why
        assert time.monotonic() < end, "the change did not go live"
        time.sleep(0.5)
        release.refresh_from_db()


def compare(triples, one, other, seen):
    seen.update(told["code"] for answer in other for told in answer["why"])
    return differences(triples, one, other)


def run(base_url, key, triples, author, approver):
    """Print the result of `main` as one line of JSON."""
    found = main(base_url, key=key, triples=triples, author=author, approver=approver)
    print("RESULT " + json.dumps(found))
