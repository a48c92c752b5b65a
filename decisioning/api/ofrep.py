"""OpenFeature remote evaluation: a placement or an experiment is a flag; nothing is reserved, logged or reported.

Source: OpenFeature Remote Evaluation Protocol 0.3.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.conf import settings
from msgspec import Struct

from consent.people import Identifier, person_id
from decisioning.answering import Call, Sitting
from decisioning.api.decisions import signalled
from decisioning.api.http import DECISION_BODY_BYTES, Request, Response, route
from decisioning.api.process import this_process
from decisioning.arbitration.experiments import assign_arm, is_held_out
from decisioning.content import fitting
from decisioning.held import Held
from decisioning.messages import Ask, Options, PlacementAsk
from decisioning.person_state import Found
from decisioning.rules.conditions import conform
from decisioning.specs import ExperimentSpec
from rtts_site.foundation.api_keys import KeyRecord

FLAGS = "/ofrep/v1/evaluate/flags"
ANONYMOUS = "anonymous:"  # a targetingKey with this prefix is an anonymous_id


class Evaluation(Struct, frozen=True):
    """The body of both calls."""

    context: dict[str, Any] = {}


class FlagError(Exception):
    """What makes an evaluation impossible, in the protocol's words."""

    def __init__(self, status: int, code: str, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.code = code
        self.details = details

    def answer(self, key: str = "") -> Response:
        body = {"errorCode": self.code, "errorDetails": self.details}
        return Response(self.status, encoder.encode({"key": key, **body} if key else body))


decoder = msgspec.json.Decoder(Evaluation)
encoder = msgspec.json.Encoder()


@route("POST", FLAGS + "/*", scope="decisions", limit=DECISION_BODY_BYTES)
async def post_flag(request: Request) -> Response:
    """Evaluate one flag."""
    key = request.path[len(FLAGS) + 1 :]
    try:
        session = await begin(request)
        return Response(200, encoder.encode(session.evaluate(key)))
    except FlagError as error:
        return error.answer(key)


@route("POST", FLAGS, scope="decisions", limit=DECISION_BODY_BYTES)
async def post_flags(request: Request) -> Response:
    """Evaluate every flag that the key may ask for; 304 where the client has the same answer."""
    try:
        session = await begin(request)
    except FlagError as error:
        return error.answer()
    flags = [session.evaluate(key) for key in session.keys(request.key)]
    body = encoder.encode({"flags": flags})
    # Evaluated first: dates, lapsed consents and spent caps change an answer that nobody edited.
    tag = session.tag(body)
    headers = ((b"etag", tag.encode()), (b"cache-control", b"private, no-cache"))
    if request.headers.get("if-none-match") == tag:
        return Response(304, b"", headers)
    return Response(200, body, headers)


async def begin(request: Request) -> "Session":
    """Return a session for the person that a request names.

    Raises:
        FlagError: the body, the targeting key or the context is wrong, or no release is loaded.
    """
    try:
        context = decoder.decode(request.body).context
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FlagError(400, "PARSE_ERROR", str(error)) from error
    target = context.get("targetingKey")
    if not isinstance(target, str) or not 0 < len(target) <= 200:
        raise FlagError(
            400, "TARGETING_KEY_MISSING", "Send context.targetingKey, 1 to 200 characters."
        )
    process = this_process()
    held = process.holder.current.held
    if held is None:
        raise FlagError(503, "GENERAL", "No release is loaded.")
    person = person_id(identifier_of(target, request.key), pepper=settings.RTTS_PEPPER)
    now = datetime.now(UTC)
    call = Call(
        ask=Ask(person, (), signalled(request.headers)),
        given=given_facts(context, held),
        options=Options(),
        now=now.replace(microsecond=now.microsecond // 1000 * 1000),
        reserve=False,
    )
    sitting = Sitting(
        call, process.holder.current, held, budget=process.budget(), spool=process.spool
    )
    return Session(sitting, await sitting.find(person), request.key)


def identifier_of(target: str, key: KeyRecord) -> Identifier:
    """Return who a targeting key is: for a browser always an anonymous one, else a user unless prefixed."""
    if key.kind == "browser" or target.startswith(ANONYMOUS):
        return Identifier("anonymous", target.removeprefix(ANONYMOUS))
    return Identifier("user", target)


def given_facts(context: dict[str, Any], held: Held) -> dict[str, Any]:
    """Return the facts in an evaluation context; what the catalogue does not know is left out.

    Raises:
        FlagError: a value is of another type than the catalogue's.
    """
    facts: dict[str, Any] = {}
    for key, value in context.items():
        spec = held.attributes.get(key)
        if spec is None:
            fact = fitting.context_fact(key, value)
            facts |= {} if fact is None else {key: fact}
        elif spec.source == "context":
            fact = conform(value, spec.type)
            if fact is None:
                raise FlagError(400, "INVALID_CONTEXT", f"{key} must be a {spec.type}.")
            facts[key] = fact
    return facts


class Session:
    """One person read, any number of flags evaluated; each by itself."""

    def __init__(self, sitting: Sitting, found: Found, key: KeyRecord) -> None:
        self._sitting = sitting
        self._found = found
        self._key = key
        self._held = sitting.held
        self._experiments = {one.key: one for one in sitting.held.release.experiments}

    def keys(self, key: KeyRecord) -> Iterable[str]:
        """Return the flags that a key may ask for."""
        allowed = (one for one in self._held.placements if key.allows_placement(one))
        return (*allowed, *(() if key.placements else self._experiments))

    def tag(self, body: bytes) -> str:
        """Return the entity tag of an answer: release, policy, person, consent, and all that was evaluated."""
        policy = self._sitting.current.policy
        parts = (
            self._held.digest,
            policy.digest if policy else "",
            self._found.person,
            self._found.consent.version,
            body,
        )
        return '"' + hashlib.sha256(repr(parts).encode()).hexdigest()[:32] + '"'

    def evaluate(self, key: str) -> dict[str, Any]:
        """Return one flag's evaluation.

        Raises:
            FlagError: there is no such flag, or not for this key.
        """
        if key in self._held.placements and self._key.allows_placement(key):
            return self._placement(key)
        experiment = self._experiments.get(key)
        if experiment is None or self._key.placements:
            raise FlagError(404, "FLAG_NOT_FOUND", f"There is no placement or experiment {key}.")
        return self._experiment(experiment)

    def _placement(self, key: str) -> dict[str, Any]:
        made = self._sitting.decide(self._found, placements=(PlacementAsk(key),))
        (placed,) = made.decision.placed
        chosen = placed.chosen[0]
        if chosen.offer:
            content = self._held.content(chosen, made.decision.contents)
        else:
            content = self._held.placements[key].fallback
        won = placed.status == "offers"
        return {
            "key": key,
            "value": content,
            "variant": f"{chosen.offer}/{chosen.variant}" if chosen.offer else "fallback",
            "reason": ("SPLIT" if chosen.arm else "TARGETING_MATCH") if won else "DEFAULT",
            "metadata": {
                "status": placed.status,
                "because": placed.reason,
                "campaign": chosen.campaign,
                "release": self._held.version,
            },
        }

    def _experiment(self, experiment: ExperimentSpec) -> dict[str, Any]:
        person = self._found.person
        arm = assign_arm(experiment, person, sticky=self._found.arms)
        release = self._held.release
        if is_held_out(release.holdout_salt, person, share=release.holdout_share):
            arm = None
        return {
            "key": experiment.key,
            "value": arm.arm if arm else "none",
            "variant": arm.arm if arm else "none",
            "reason": "SPLIT" if arm else "DEFAULT",
            "metadata": {"campaign": experiment.campaign, "release": self._held.version},
        }
