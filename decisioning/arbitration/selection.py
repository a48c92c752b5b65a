"""Who wins: ranks the scored offers of each placement and picks without repeats; pure."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from decisioning.arbitration import reasons


class Contender(msgspec.Struct, frozen=True, gc=False):
    """An offer that passed everything and has a score."""

    index: int  # of the candidate it stands for
    offer: str
    campaign: str
    category: str
    score: float


class Loss(msgspec.Struct, frozen=True, gc=False):
    """Why a contender was not picked: a code of `reasons`; `to` is who won instead, or where."""

    index: int
    code: str
    to: str = ""


def select(
    contenders: Iterable[Contender], *, count: int, taken: Mapping[str, str]
) -> tuple[list[Contender], list[Loss]]:
    """Return the winners of a placement, best first, and the losers.

    Ties go by offer, then campaign. `taken` says which earlier placement shows an offer. A placement shows
    at most one offer of a category.
    """
    winners: list[Contender] = []
    losses: list[Loss] = []
    for contender in sorted(contenders, key=lambda one: (-one.score, one.offer, one.campaign)):
        loss = objection(contender, winners, count=count, taken=taken)
        if loss is None:
            winners.append(contender)
        else:
            losses.append(loss)
    return winners, losses


def objection(
    contender: Contender, winners: Sequence[Contender], *, count: int, taken: Mapping[str, str]
) -> Loss | None:
    """Return why a contender cannot follow the winners so far, or None."""
    if contender.offer in taken:
        return Loss(contender.index, reasons.DUPLICATE, f"in {taken[contender.offer]}")
    for winner in winners:
        if winner.offer == contender.offer:
            return Loss(contender.index, reasons.DUPLICATE, f"here, for {winner.campaign}")
        if contender.category and winner.category == contender.category:
            return Loss(contender.index, reasons.CATEGORY, winner.offer)
    if len(winners) >= count:
        return Loss(contender.index, reasons.OUTRANKED, winners[-1].offer if winners else "")
    return None
