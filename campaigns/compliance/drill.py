"""The daily proof that opting out works: somebody made up agrees, opts out, and must be shown nothing for it any more.

Everything goes over HTTP through the front door (RTTS_PUBLIC_URL), as a channel's requests do: what would break an
opt-out in production breaks the drill. The person is always the same, so that the ledger gains two entries a purpose.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx
import redis
from django.conf import settings

from campaigns.candidates import candidate_of
from campaigns.models import OptOutDrill
from decisioning.arbitration import reasons
from decisioning.messages import MAX_PLACEMENTS
from rtts_site.foundation import key_issuing

PERSON: Final = "user:rtts-opt-out-drill"
KEY_NAME: Final = "Opt-out drill"
TIMEOUT_S: Final = 10.0


class StepFailed(Exception):
    """A step of the drill did not give what it must; the message says what came instead."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it went."""

    step: str
    ok: bool
    told: str = ""
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """What the drill rests on: consent-based purposes of live offers, and where those are shown."""

    purposes: tuple[str, ...]
    offers: Mapping[str, tuple[str, ...]]  # offer -> those of its purposes that need consent
    placements: tuple[str, ...]


def course() -> Course:
    """Return the course under the live release and policy; no purposes where nothing rests on consent."""
    candidate = candidate_of(None)
    by_consent = {
        one.key
        for one in candidate.policy.purposes
        if not one.retired and (one.basis == "consent" or one.device_access)
    }
    offers = {
        one.key: tuple(sorted(by_consent.intersection(one.purposes)))
        for one in candidate.spec.offers
        if by_consent.intersection(one.purposes)
    }
    purposes = sorted({purpose for needed in offers.values() for purpose in needed})
    placements = [one.key for one in candidate.spec.placements][:MAX_PLACEMENTS]
    return Course(tuple(purposes), offers, tuple(placements))


def run_drill(client: redis.Redis, *, now: Callable[[], datetime]) -> OptOutDrill:
    """Run the drill and keep how it went; a failed one is kept too, and told on Home."""
    began, clock = now(), time.perf_counter()
    key, secret = key_issuing.issue(client, KEY_NAME, scopes=("consents", "decisions"))
    try:
        headers = {"authorization": f"Bearer {secret}"}
        with httpx.Client(
            base_url=settings.RTTS_PUBLIC_URL, headers=headers, timeout=TIMEOUT_S
        ) as http:
            steps = _Drill(http, course(), now).run()
    finally:
        key_issuing.revoke(client, key, now=now())
    return OptOutDrill.objects.create(
        began_at=began,
        took_ms=(time.perf_counter() - clock) * 1000,
        steps=[asdict(one) for one in steps],
        passed=all(one.ok for one in steps),
    )


@dataclass(slots=True)
class _Drill:
    http: httpx.Client
    course: Course
    now: Callable[[], datetime]
    steps: list[Step] = field(default_factory=list)

    def run(self) -> list[Step]:
        if not self.course.purposes:
            return [Step("nothing rests on consent", True)]
        for name, step in (
            ("agree", lambda: self.say("given")),
            ("consent is honoured", self.is_allowed),
            ("opt out", lambda: self.say("withdrawn")),
            ("nothing is shown for it", self.is_denied),
            ("the record says so", self.is_recorded),
        ):
            if not self.take(name, step):
                break
        return self.steps

    def take(self, name: str, step: Callable[[], str]) -> bool:
        began = time.perf_counter()
        try:
            ok, told = True, step()
        except (StepFailed, httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            ok, told = False, f"{type(error).__name__}: {error}"[:500]
        self.steps.append(Step(name, ok, told, (time.perf_counter() - began) * 1000))
        return ok

    def say(self, status: str) -> str:
        moment = self.now().isoformat()
        body = {
            "person": PERSON,
            "changes": [
                {"purpose": one, "status": status, "event_time": moment}
                for one in self.course.purposes
            ],
            "evidence": {
                "controller": "rtts",
                "collection_method": "opt-out drill",
                "notice_version": "drill",
                "language": "en",
                "jurisdiction": "unknown",
                "source": "drill",
            },
            "actor": {"kind": "subject"},
        }
        answer = self.ask("POST", "/v1/consents", body)
        if not answer["in_force"]:
            raise StepFailed("recorded, but not in force when it was answered")
        return f"version {answer['version']}"

    def is_allowed(self) -> str:
        refused = [one["offer"] for one in self.explained() if one["code"] == reasons.CONSENT]
        if refused:
            raise StepFailed(f"consent was given, and is said to be missing for {_some(refused)}")
        return ""

    def is_denied(self) -> str:
        told = [one for one in self.explained() if one["offer"] in self.course.offers]
        shown = [one["offer"] for one in told if one["outcome"] == "shown"]
        if shown:
            raise StepFailed(f"shown after opting out: {_some(shown)}")
        return f"{len(told)} candidates, none shown"

    def is_recorded(self) -> str:
        answer = self.ask("GET", f"/v1/consents/{PERSON}")
        said = {one["purpose"]: one["allowed"] for one in answer["purposes"]}
        allowed = [one for one in self.course.purposes if said[one]]
        if allowed:
            raise StepFailed(f"still allowed by the record: {_some(allowed)}")
        return ""

    def explained(self) -> list[dict[str, Any]]:
        body = {
            "person": {"user_id": PERSON.removeprefix("user:")},
            "placements": [{"key": one} for one in self.course.placements],
            "options": {"explain": "reasons", "dry_run": True},
        }
        answer = self.ask("POST", "/v1/decisions", body)
        if answer["degraded"]:
            raise StepFailed(f"decided without {_some(answer['degraded'])}")
        explained: list[dict[str, Any]] = answer["explanation"]
        return explained

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        reply = self.http.request(method, path, json=body)
        if reply.status_code >= 300:
            raise StepFailed(f"{path} answered {reply.status_code}: {reply.text[:300]}")
        answer: dict[str, Any] = reply.json()
        return answer


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names))[:10])
