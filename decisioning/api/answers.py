"""Turns a decision that was made into the body that channels get."""

from msgspec import UNSET

from consent.people import partition_of
from decisioning.answering import Call, Made
from decisioning.arbitration import reasons
from decisioning.arbitration.claims import accounts_of_offer
from decisioning.explaining import explain_decision
from decisioning.held import Held
from decisioning.holder import Current
from decisioning.messages import (
    Answer,
    AsOf,
    Chosen,
    ConsentOut,
    ExperimentOut,
    OfferOut,
    Placed,
    PlacementOut,
    PolicyOut,
    ReleaseOut,
    ReviewedOut,
)
from decisioning.tokens import DecisionId, Shown, sign_token

TTL_SECONDS = 30


def compose(
    call: Call, made: Made, current: Current, held: Held, *, took_ms: float, tracking_key: bytes
) -> Answer:
    """Return the body of the answer."""
    decision_id = str(DecisionId(partition_of(made.person), made.stream_id, made.nonce))
    writer = _Writer(held, made, decision_id, tracking_key, not call.is_dry)
    policy = current.policy
    explanation = (
        explain_decision(
            made.decision,
            held,
            level=call.options.explain,
            now=call.now.timestamp(),
            show_values=call.show_values,
        )
        if call.options.explain != "none"
        else UNSET
    )
    return Answer(
        decision_id=decision_id,
        release=ReleaseOut(held.version or None, held.digest, held.canary),
        policy=PolicyOut(policy.version if policy else None, policy.digest if policy else ""),
        person_id=made.person,
        as_of=AsOf(
            made.state.position or None,
            made.state.consent.version if made.state.consent.trusted else None,
        ),
        degraded=tuple(made.degraded),
        took_ms=took_ms,
        ttl_s=0
        if call.preview
        else time_to_live(made.decision.placed, held, now=call.now.timestamp()),
        placements=tuple(writer.placement(placed) for placed in made.decision.placed),
        explanation=explanation,
        preview=call.preview or UNSET,
    )


class _Writer:
    def __init__(
        self, held: Held, made: Made, decision_id: str, tracking_key: bytes, tracked: bool
    ) -> None:
        self._held = held
        self._decision_id = decision_id
        self._person = made.person
        self._belongs = made.state.belongs
        self._filled = made.decision.contents
        self._key = tracking_key
        self._tracked = tracked

    def placement(self, placed: Placed) -> PlacementOut:
        offers = tuple(self.offer(placed, chosen) for chosen in placed.chosen)
        return PlacementOut(placed.key, placed.status, placed.reason, offers)

    def offer(self, placed: Placed, chosen: Chosen) -> OfferOut:
        placement = self._held.placements[placed.key]
        if not chosen.offer:
            return OfferOut(None, None, 1, None, placement.fallback, placement.content_type, None)
        variant = self._held.variants[chosen.offer, chosen.variant]
        return OfferOut(
            chosen.offer,
            chosen.variant,
            chosen.rank,
            chosen.score,
            self._held.content(chosen, self._filled),
            variant.content_type,
            self.token(placed, chosen),
            chosen.campaign,
            ExperimentOut(chosen.experiment, chosen.arm, chosen.propensity) if chosen.arm else None,
            self.rests_on(chosen),
        )

    def rests_on(self, chosen: Chosen) -> ConsentOut | None:
        if not chosen.purpose:
            return None
        route = self._held.offers[chosen.offer].review_route
        if route:
            return ReviewedOut(chosen.purpose, chosen.basis, chosen.record, route)
        return ConsentOut(chosen.purpose, chosen.basis, chosen.record)

    def token(self, placed: Placed, chosen: Chosen) -> str | None:
        if not self._tracked:
            return None
        return sign_token(
            Shown(
                self._decision_id,
                self._person,
                placed.key,
                placed.channel,
                chosen.offer,
                chosen.variant,
                chosen.campaign,
                chosen.experiment,
                chosen.arm,
                accounts_of_offer(self._held.offers[chosen.offer], self._belongs),
            ),
            key=self._key,
        )


def time_to_live(placed: tuple[Placed, ...], held: Held, *, now: float) -> int:
    """Return how many seconds a channel may reuse the answer; 0 where consent forbids it."""
    lives = [TTL_SECONDS]
    for one in placed:
        for chosen in one.chosen:
            if chosen.basis == "consent":
                lives.append(held.placements[one.key].cache_seconds)
            if chosen.expires_at is not None:
                lives.append(max(0, int(chosen.expires_at - now)))
    return min(lives)


def unready(call: Call, current: Current) -> Answer:
    """Return the answer of a process that holds no release: nothing to show, and why."""
    policy = current.policy
    return Answer(
        decision_id="",
        release=ReleaseOut(None, ""),
        policy=PolicyOut(policy.version if policy else None, policy.digest if policy else ""),
        person_id=call.ask.person,
        as_of=AsOf(None, None),
        degraded=("release",),
        took_ms=0.0,
        ttl_s=0,
        placements=tuple(
            PlacementOut(one.key, "error", reasons.NO_RELEASE, ()) for one in call.ask.placements
        ),
    )
