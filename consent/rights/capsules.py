"""The only door to proof kept under legal hold: sealed, opened by two people, destroyed on its day."""

import base64
from datetime import datetime
from typing import Any, Final

import msgspec
from django.db import transaction

from consent.models import CapsuleOpening, ConsentEvent, LegalHold, PersonKey, RightsRequest
from consent.proof.facts import CAPSULE_OPENED, record_fact
from consent.rights.asking import NotPossible
from consent.rights.stores import Subject, registered
from rtts_site.foundation.sealing import seal, unseal

PURPOSE: Final = "legal hold"
# What proves that people agreed, and nothing else of them. Source: EDPB 05/2020 paragraph 107.
KEPT: Final = frozenset({"consent history", "receipts", "proofs of receipts"})


def place_hold(request: RightsRequest, subject: Subject, *, now: datetime) -> int:
    """Seal the proof of somebody's consents until the day that was agreed; return how many entries; once."""
    held = request.holds.first()
    if held is not None:
        return 0
    found = [
        {"section": one.name, "row": msgspec.to_builtins(one.row)}
        for store in registered()
        for one in store.export(subject)
        if one.name in KEPT
    ]
    bodies = ConsentEvent.objects.filter(
        key_id__in=PersonKey.objects.filter(person__in=subject.people).values("key_id")
    )
    leaves = [
        {"event": str(row.event_id), "leaf": base64.b64encode(bytes(row.leaf_hash)).decode()}
        for row in bodies
    ]
    LegalHold.objects.create(
        request=request,
        sealed=seal(msgspec.json.encode({"rows": found, "leaves": leaves}), purpose=PURPOSE),
        why=request.hold_why,
        placed_by=request.hold_asked_by,
        agreed_by=request.hold_agreed_by,
        placed_at=now,
        destroy_on=request.hold_until or now.date(),
    )
    return len(found)


def ask_to_open(hold: LegalHold, *, why: str, by: str, now: datetime) -> CapsuleOpening:
    """Ask for a capsule to be opened; somebody else has to agree.

    Raises:
        NotPossible: it was destroyed, or no reason is given.
    """
    if hold.sealed is None:
        raise NotPossible("This proof was destroyed on its day.")
    if not why.strip():
        raise NotPossible("Say what the proof is needed for.")
    return CapsuleOpening.objects.create(
        hold=hold, why=why.strip()[:500], asked_by=by, asked_at=now
    )


def agree_to_open(opening: CapsuleOpening, *, by: str, now: datetime) -> None:
    """Agree that who asked reads a capsule, once.

    Raises:
        NotPossible: who asked cannot agree, or somebody has.
    """
    if by == opening.asked_by:
        raise NotPossible("Somebody else has to agree to what you asked for yourself.")
    if opening.agreed_at is not None:
        raise NotPossible("Somebody has agreed already.")
    opening.agreed_by, opening.agreed_at = by, now
    opening.save(update_fields=["agreed_by", "agreed_at"])


def read_capsule(opening: CapsuleOpening, *, by: str, now: datetime) -> dict[str, Any]:
    """Return the proof, once for each opening, and put that it was read into the ledger.

    Raises:
        NotPossible: nobody has agreed, it was read before, or it is another who asked.
    """
    with transaction.atomic():
        row = CapsuleOpening.objects.select_for_update().select_related("hold").get(pk=opening.pk)
        if row.agreed_at is None or row.asked_by != by:
            raise NotPossible("Who asked reads it, once somebody else has agreed.")
        if row.read_at is not None or row.hold.sealed is None:
            raise NotPossible("It was read; ask again with a reason.")
        row.read_at = now
        row.save(update_fields=["read_at"])
        fields: dict[str, str | int] = {"capsule": row.hold.pk, "agreed_by": row.agreed_by}
        record_fact(CAPSULE_OPENED, fields, now=now, actor=by)
        found: dict[str, Any] = msgspec.json.decode(unseal(bytes(row.hold.sealed), purpose=PURPOSE))
        return found


def destroy_due(*, now: datetime) -> int:
    """Destroy the capsules whose day has come; return how many."""
    due = LegalHold.objects.filter(destroy_on__lte=now.date(), destroyed_at=None)
    return due.update(sealed=None, destroyed_at=now)
