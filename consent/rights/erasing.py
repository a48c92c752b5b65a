"""The steps of an erasure: fence, seal, stop, remove from every store, destroy keys, look again, certify. Each may be repeated."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import redis

from consent import state
from consent.models import PersonKey, RightsRequest
from consent.parting import is_being_parted
from consent.projection import put_in_force
from consent.proof.erasing import seal_first
from consent.proof.tables import LedgerCheckpoint
from consent.receipts import sign_receipt
from consent.rights import anchor, closing
from consent.rights.asking import asked, sealed, subject_of
from consent.rights.capsules import place_hold
from consent.rights.copies import wait_for_copies
from consent.rights.replaying import unreplayed
from consent.rights.stores import NotYet, Subject, find_subject, registered
from rtts_site.foundation.redis_clients import redis_client

REST: Final = timedelta(
    seconds=8
)  # what was read before the fence is written by then, and found again

Stopper = Callable[[Subject, str, datetime], None]  # raises NotYet until nothing new can come
Teller = Callable[[str, str, dict[str, Any], datetime], int]  # (kind, person, what, now) -> told
_stoppers: list[Stopper] = []
_tellers: list[Teller] = []
_replayers: list[Stopper] = []


def on_erasing(stop: Stopper) -> None:
    """Have `stop` keep what comes late away; it raises NotYet until all that came before is through."""
    _stoppers.append(stop)


def on_replaying(stop: Stopper) -> None:
    """Have `stop` do the same where no worker runs: after a restore, before the service opens."""
    _replayers.append(stop)


def on_telling(tell: Teller) -> None:
    """Have `tell` tell those who got a person's data; returns how many they are."""
    _tellers.append(tell)


def tell_recipients(kind: str, person: str, what: dict[str, Any], *, now: datetime) -> int:
    """Tell whoever got a person's data of an erasure, rectification or restriction; return how many they are.

    Source: GDPR article 19.
    """
    return sum(tell(kind, person, what, now) for tell in _tellers)


def plan(request: RightsRequest, now: datetime) -> int:
    """Settle who it is, so that all later steps mean the same people.

    Raises:
        NotYet: they are being parted from somebody.
    """
    what = asked(request)
    if not what.people:
        found = subject_of(request)
        if any(is_being_parted(one) for one in found.people):
            raise NotYet("They are being parted from somebody; that is finished first.")
        what = msgspec.structs.replace(
            what, people=found.people, identifiers=found.identifiers, texts=found.texts
        )
        request.subject = sealed(what)
        request.save(update_fields=["subject"])
    return len(what.people)


def wait_for_exports(request: RightsRequest, now: datetime) -> int:
    """Let a copy that the person asked for be made and fetched first."""
    wait_for_copies(subject_of(request), now=now)
    return 0


def fence(request: RightsRequest, now: datetime) -> int:
    """Deny everything from here on, and remember outside the database that this person is to be erased."""
    subject, client = subject_of(request), redis_client()
    for one in subject.people:
        state.add_fence(client, one, _token(request), now_ms=int(now.timestamp() * 1000))
    keys = PersonKey.objects.filter(person__in=subject.people).values_list("key_id", flat=True)
    anchor.note(subject.people, keys, now=now)
    closing.close(subject.people, now=now)
    return len(subject.people)


def seal(request: RightsRequest, now: datetime) -> int:
    """Have all that they ever said sealed, so that a copy and a capsule have its proof, and it may go.

    Raises:
        NotYet: another process is sealing it.
    """
    keys = PersonKey.objects.filter(person__in=subject_of(request).people)
    if waiting := seal_first(keys.values_list("key_id", flat=True), now=now):
        raise NotYet(f"{waiting} entries are being sealed into the ledger.")
    return 0


def hold(request: RightsRequest, now: datetime) -> int:
    """Keep the proof that was asked for under hold."""
    return place_hold(request, subject_of(request), now=now) if request.hold_why else 0


def tell(request: RightsRequest, now: datetime) -> int:
    """Tell recipients; before what was sent to whom is erased too."""
    subject = subject_of(request)
    return sum(tell_recipients("person.erased", one, {}, now=now) for one in subject.people)


def stop(request: RightsRequest, now: datetime) -> int:
    """Have whatever comes late turned away."""
    subject = subject_of(request)
    for stopper in _stoppers:
        stopper(subject, f"erase:{request.pk}", now)
    return len(_stoppers)


def look_again(request: RightsRequest, now: datetime) -> int:
    """Remove what slipped in while the others were at work.

    Raises:
        NotYet: something was left, or what was at work may still write.
    """
    done = {one["name"]: one for one in request.steps if "name" in one}
    removed_at = datetime.fromisoformat(done["remove"]["done_at"])
    if now < removed_at + REST:
        raise NotYet("What was at work when it began is waited for.")
    found = left(subject_of(request))
    if not found:
        return 0
    remove_all(request, subject_of(request), now=now)
    still = left(subject_of(request))
    if still:
        raise NotYet(f"Something came back: {', '.join(sorted(still))}.")
    return sum(found.values())


def left(subject: Subject) -> dict[str, int]:
    """Return the stores that hold something still, with how many things."""
    counts = {store.name: store.left(subject) for store in registered()}
    return {name: count for name, count in counts.items() if count}


def remove(request: RightsRequest, now: datetime) -> int:
    """Remove the person from every store, one after the other; each counts in the certificate."""
    return remove_all(request, subject_of(request), now=now)


def remove_all(request: RightsRequest, subject: Subject, *, now: datetime) -> int:
    """Remove somebody from every store and add up what was removed from each in the request."""
    total = 0
    for store in registered():
        count = store.erase(subject, now=now)
        _count(request, store.name, count)
        total += count
    return total


def _count(request: RightsRequest, store: str, count: int) -> None:
    rows = [one for one in request.steps if one.get("store") == store]
    if rows:
        rows[0]["count"] += count
    else:
        request.steps.append({"store": store, "count": count})
    request.save(update_fields=["steps"])


def certify(request: RightsRequest, now: datetime) -> int:
    """Sign what was done, lower the fence, and forget who it was."""
    subject, client = subject_of(request), redis_client()
    checkpoint = LedgerCheckpoint.objects.order_by("-size").first()
    request.certificate = sign_receipt(
        {
            "type": "erasure certificate",
            "request": str(request.reference),
            "named": request.named,
            "received_at": request.received_at.isoformat(),
            "erased_at": now.isoformat(),
            "ids": len(subject.people),
            "stores": {one["store"]: one["count"] for one in request.steps if "store" in one},
            "recipients_told": _count_of(request, "tell"),
            "held": request.holds.count(),
            "ledger": {"size": checkpoint.size, "root": bytes(checkpoint.root).hex()}
            if checkpoint is not None
            else {},
        }
    )
    request.outcome = "erased"
    request.save(update_fields=["certificate", "outcome"])
    for one in subject.people:
        put_in_force(client, one, tokens=[_token(request)])
    _have_log_rewritten(client)
    return len(subject.people)


def _have_log_rewritten(client: redis.Redis) -> None:
    """Have Redis write its own log anew, which holds what was removed until then."""
    with suppress(redis.ResponseError):  # a hosted one does not say, and does it by itself
        kept: Any = client.config_get("appendonly")
        if kept.get("appendonly") == "yes":
            client.bgrewriteaof()


def _count_of(request: RightsRequest, name: str) -> int:
    return sum(one["count"] for one in request.steps if one.get("name") == name)


def _token(request: RightsRequest) -> str:
    return f"rights:{request.pk}"


STEPS: Final = (
    ("plan", plan),
    ("export first", wait_for_exports),
    ("fence", fence),
    ("seal", seal),
    ("hold", hold),
    ("tell", tell),
    ("stop", stop),
    ("remove", remove),
    ("look again", look_again),
    ("certify", certify),
)


def replay(*, now: datetime) -> dict[str, int]:
    """Erase again whoever a restored copy brought back; return what was removed from each store.

    Run it before anything opens: nothing else may be at work. Again removes nothing.
    """
    removed: dict[str, int] = {}
    for missing in unreplayed():
        erased = missing.erased
        found = find_subject(erased.people[0]) if erased.people else None
        names = (found.identifiers, found.texts) if found is not None else ((), ())
        subject = Subject(erased.people[0], erased.people, *names)
        closing.close(erased.people, now=erased.at)
        for stopper in _replayers:
            stopper(subject, f"replay:{erased.at.timestamp():.0f}", erased.at)
        for store in registered():
            removed[store.name] = removed.get(store.name, 0) + store.erase(subject, now=now)
    return removed
