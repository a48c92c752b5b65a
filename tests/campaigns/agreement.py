"""Asks the simulator and the decision endpoint the same questions and says where the answers differ."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import msgspec
from django.conf import settings

from campaigns.stages import staged
from campaigns.trials import Question, try_out
from consent.people import Identifier, person_id
from decisioning.messages import ConsentAsk, PlacementAsk

BATCH = 100


@dataclass(frozen=True)
class Triple:
    """A person, a placement and a time, with what the request says besides."""

    user_id: str
    placement: PlacementAsk
    now: datetime
    gpc: bool = False
    denied: tuple[str, ...] = ()
    given: tuple[tuple[str, object], ...] = ()  # context of the request

    def request(self, **options):
        """Return the body that asks the endpoint; never reserves or records anything."""
        return {
            "person": {"user_id": self.user_id},
            "placements": [{"key": self.placement.key, "count": self.placement.count}],
            "context": dict(self.given),
            "consent": {"gpc": self.gpc, "denied": list(self.denied)},
            "options": {
                "explain": "trace",
                "dry_run": True,
                "deadline_ms": 10_000,
                "now": self.now.isoformat(),
                **options,
            },
        }

    def question(self):
        identifier = Identifier("user", self.user_id)
        return Question(
            person=person_id(identifier, pepper=settings.RTTS_PEPPER),
            placements=(self.placement,),
            now=self.now,
            given=dict(self.given),
            consent=dict.fromkeys(self.denied, "deny"),
            signals=ConsentAsk(gpc=self.gpc),
        )


def drawn(count, *, users, placements, purposes, contexts, now, seed=7):
    """Return random triples; one in four says something about consent, one in two brings a context."""
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    return [
        Triple(
            dice.choice(users),
            dice.choice(placements),
            now + timedelta(minutes=dice.randint(-20 * 1440, 20 * 1440)),
            gpc=dice.random() < 0.1,
            denied=(dice.choice(purposes),) if dice.random() < 0.15 else (),
            given=tuple(sorted(dice.choice(contexts).items())) if dice.random() < 0.5 else (),
        )
        for _ in range(count)
    ]


def simulated(client, triples, *, under=None):
    """Return what the simulator says to each triple."""
    with staged(client, under) as stage:
        return [said(try_out(client, stage, one.question(), flips=False)) for one in triples]


def said(trial):
    """Return the simulator's answer in the shape of the endpoint's."""
    (placed,) = trial.placements
    offers = [
        {
            "offer": one["offer"].key if one["offer"] else None,
            "variant": one["variant"] or None,
            "rank": one["rank"],
            "score": one["score"],
            "content": one["content"],
        }
        for one in placed.shown
    ]
    told = {
        "key": placed.placed.key,
        "status": placed.placed.status,
        "reason": placed.placed.reason,
    }
    return as_sent({**told, "offers": offers, "why": trial.explained})


def as_sent(value):
    """Return a value as it comes off the wire."""
    return msgspec.json.decode(msgspec.json.encode(value))


def answered(answer):
    """Return what of an endpoint's answer the simulator has to say too."""
    (placed,) = answer["placements"]
    offers = [
        {name: one[name] for name in ("offer", "variant", "rank", "score", "content")}
        for one in placed["offers"]
    ]
    told = {name: placed[name] for name in ("key", "status", "reason")}
    assert answer["degraded"] == [], answer["degraded"]
    return {**told, "offers": offers, "why": answer["explanation"]}


def batches(triples):
    """Yield the triples as many as one request takes."""
    rest = iter(triples)
    while batch := list(islice(rest, BATCH)):
        yield batch


def differences(triples, one, other):
    """Return the triples to which the two answers differ."""
    pairs = zip(triples, one, other, strict=True)
    return [(triple, left, right) for triple, left, right in pairs if left != right]
