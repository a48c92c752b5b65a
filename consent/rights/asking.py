"""The only place that takes requests about rights in, and that says what they are about: that is sealed, and gone when done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from consent import policy_store
from consent.forms import parse_person
from consent.identities import identity_digest
from consent.models import RightsRequest
from consent.rights import clocks
from consent.rights.stores import Subject, find_subject
from rtts_site.foundation.sealing import seal, unseal

Kind, State = RightsRequest.Kind, RightsRequest.State
PURPOSE = "rights request"
# Opting out needs no proof of who it is; a copy, an erasure or the end of a restriction does.
UNVERIFIED = frozenset({Kind.OBJECTION.value, Kind.RESTRICTION.value})


class NotPossible(Exception):
    """What was asked cannot be done now; the message says what to do first."""


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a request is about."""

    named: str  # as they said it: "user:c-42"
    person: str
    details: dict[str, Any] = {}  # rectification: {"attributes": {…}}; objection: {"purposes": […]}
    people: tuple[str, ...] = ()  # an erasure's, from when it was planned
    identifiers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Proof to be kept after an erasure."""

    why: str
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """How a request came."""

    by: str  # user name, or "key <name>"
    through: str = "staff"  # "web", "post", "phone", "api"
    jurisdiction: str = "*"
    received_at: datetime | None = None  # None: now
    program: str = ""  # the first key of the program that asked


def take_in(
    kind: str,
    named: str,
    *,
    intake: Intake,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    hold: Hold | None = None,
) -> RightsRequest:
    """Record a request with its clocks; an open one of the same kind and person is returned instead.

    Raises:
        ValueError: the person is named in no known way; the message says how.
    """
    who = parse_person(named)
    digest = identity_digest(who.identifier) if who.identifier is not None else who.id
    received = min(intake.received_at or now, now)
    live = policy_store.live_policy()
    due = clocks.due(
        intake.jurisdiction,
        received_at=received,
        policy=live.jurisdictions if live is not None else (),
    )
    with transaction.atomic():
        same = RightsRequest.objects.select_for_update().filter(
            kind=kind, named=digest, state__in=RightsRequest.OPEN
        )
        found = next((one for one in same if asked(one).details == dict(details or {})), None)
        if found is not None:
            _let_see(found, intake.program)
            return found
        return RightsRequest.objects.create(
            kind=kind,
            named=digest,
            intake=intake.through,
            jurisdiction=intake.jurisdiction,
            subject=sealed(Asked(named, who.id, dict(details or {}))),
            received_at=received,
            acknowledge_by=due.acknowledge_by,
            due_at=due.answer_by,
            asked_by=intake.by,
            programs=[intake.program] if intake.program else [],
            hold_why=hold.why if hold else "",
            hold_until=hold.until if hold else None,
            hold_asked_by=intake.by if hold else "",
        )


def _let_see(request: RightsRequest, program: str) -> None:
    if program and program not in request.programs:
        request.programs.append(program)
        request.save(update_fields=["programs"])


def acknowledge(request: RightsRequest, *, now: datetime) -> None:
    """Note that the person was told that the request came."""
    if request.acknowledged_at is None:
        request.acknowledged_at = now
        request.save(update_fields=["acknowledged_at"])


def verify(request: RightsRequest, *, how: str, by: str, now: datetime) -> None:
    """Note how it was made sure that the request is the person's own.

    `by` is the user who did; "" where the program that asked vouches.

    Raises:
        NotPossible: it has begun, or nothing is said.
    """
    if request.state != State.RECEIVED:
        raise NotPossible("This request has been verified already.")
    if not how.strip():
        raise NotPossible("Say how you made sure who it is.")
    request.verified_how, request.state = how.strip()[:200], State.VERIFIED
    request.verified_by = by
    request.acknowledged_at = request.acknowledged_at or now
    request.save(update_fields=["verified_how", "verified_by", "state", "acknowledged_at"])


def agree_to_hold(request: RightsRequest, *, by: str) -> None:
    """Agree that proof is kept under legal hold.

    Raises:
        NotPossible: none was asked for, or by the same person.
    """
    if not request.hold_why or request.state == State.DONE:
        raise NotPossible("No proof was asked to be kept.")
    if by == request.hold_asked_by:
        raise NotPossible("Somebody else has to agree to what you asked for yourself.")
    request.hold_agreed_by = by
    request.save(update_fields=["hold_agreed_by"])


def deny(request: RightsRequest, *, why: str, by: str, now: datetime) -> None:
    """End a request without doing what it asks; `why` is the basis that the person is told.

    Raises:
        NotPossible: it has begun or ended, or there is no reason.
    """
    if request.state not in (State.RECEIVED, State.VERIFIED):
        raise NotPossible("This request is on its way or has ended; it cannot be denied any more.")
    if not why.strip():
        raise NotPossible("Say on what basis it is denied; the person has a right to know.")
    request.state, request.denial, request.done_at = State.DENIED, why.strip()[:500], now
    request.run_by, request.subject = by, b""
    request.save()


def extend(request: RightsRequest, *, why: str) -> None:
    """Take the longer time that the law allows for a complex request, once.

    Raises:
        NotPossible: it was extended before, has ended, or there is no reason.
    """
    if request.extended_why or not request.is_open:
        raise NotPossible("A request can be extended once, while it is open.")
    if not why.strip():
        raise NotPossible(
            "Say why it takes longer; the person has to be told within the first term."
        )
    days = clocks.clock_of(request.jurisdiction).extension_days
    request.due_at += timedelta(days=days)
    request.extended_why = why.strip()[:500]
    request.save(update_fields=["due_at", "extended_why"])


def start(request: RightsRequest, *, by: str) -> None:
    """Have workers carry a request out.

    Raises:
        NotPossible: it is not verified, a hold is not agreed to, or it is an erasure that `by` verified.
    """
    if request.state == State.RECEIVED and _needs_proof(request):
        raise NotPossible("First say how you made sure who it is.")
    if request.state not in (State.RECEIVED, State.VERIFIED, State.FAILED):
        raise NotPossible("This request is on its way or has ended.")
    if request.hold_why and not request.hold_agreed_by:
        raise NotPossible("Somebody else has to agree first that proof is kept under legal hold.")
    if verified_an_erasure(request, by):
        raise NotPossible(
            _(
                "You made sure yourself who this is, so you cannot start the erasure too. Ask somebody else"
                " who handles requests to open this page and carry it out."
            )
        )
    request.state, request.run_by, request.held_until, request.trouble = State.RUNNING, by, None, ""
    request.save(update_fields=["state", "run_by", "held_until", "trouble"])


def verified_an_erasure(request: RightsRequest, by: str) -> bool:
    """Return whether this user verified an erasure: nobody removes a person alone."""
    return request.kind == Kind.ERASURE and request.verified_by == by


def _needs_proof(request: RightsRequest) -> bool:
    return request.kind not in UNVERIFIED or bool(asked(request).details.get("lift"))


def asked(request: RightsRequest) -> Asked:
    """Return what a request is about.

    Raises:
        NotPossible: it has ended, and nobody knows any more.
    """
    if not request.subject:
        raise NotPossible("This request has ended; what it was about is no longer kept.")
    return msgspec.json.decode(unseal(bytes(request.subject), purpose=PURPOSE), type=Asked)


def sealed(what: Asked) -> bytes:
    """Return what a request is about as it is stored."""
    return seal(msgspec.json.encode(what), purpose=PURPOSE)


def subject_of(request: RightsRequest) -> Subject:
    """Return the person of a request: as it was planned, else as they are known now."""
    what = asked(request)
    if what.people:
        return Subject(what.person, what.people, what.identifiers, what.texts)
    found = find_subject(what.person)
    named = what.named.partition(":")[2]
    return Subject(
        found.person,
        found.people,
        tuple(sorted({*found.identifiers, *([what.named] if named else [])})),
        tuple(sorted({*found.texts, *([named] if len(named) > 3 else [])})),
    )
