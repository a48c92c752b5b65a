"""The only place that remembers earlier states of an edited rule: in the page, signed, for Undo."""

import json
from typing import Any, Final

from django.core import signing

from campaigns.rule_builder.form_tree import Node, freeze, thaw

KEPT: Final = 20  # states that can be gone back to
MAX_CHARACTERS: Final = 200_000  # of the signed field; older states go first
_SALT: Final = "rtts.rule-builder.history"

Frozen = list[Any]


def load_history(signed: str) -> list[Frozen]:
    """Return the states of a signed field, oldest first; none where it is missing or altered."""
    if not signed:
        return []
    try:
        states: list[Frozen] = signing.loads(signed, salt=_SALT)
    except signing.BadSignature:
        return []
    return states


def sign_history(states: list[Frozen]) -> str:
    """Return the signed field for the newest states that fit."""
    kept = states[-KEPT - 1 :]
    while True:
        signed = signing.dumps(kept, salt=_SALT, compress=True)
        if len(signed) <= MAX_CHARACTERS or len(kept) <= 1:
            return signed
        kept = kept[len(kept) // 2 :]


def extend(states: list[Frozen], *, before: Node, after: Node) -> list[Frozen]:
    """Return the states after an edit; what was typed since the last one belongs to `before`."""
    earlier = [*states[:-1], _settled(freeze(before))]
    latest = _settled(freeze(after))
    return earlier if earlier[-1] == latest else [*earlier, latest]


def start(root: Node) -> list[Frozen]:
    """Return the states of a builder that was just opened."""
    return [_settled(freeze(root))]


def step_back(states: list[Frozen], *, now: Node) -> tuple[Node, list[Frozen]]:
    """Return the state before the newest edit; typing since then counts as one."""
    if not states:
        return now, start(now)
    typed = _settled(freeze(now)) != states[-1]
    kept = states if typed or len(states) == 1 else states[:-1]
    return thaw(kept[-1]), kept


def _settled(frozen: Frozen) -> Frozen:
    """Return the state as it comes back from the page, so that states can be compared."""
    settled: Frozen = json.loads(json.dumps(frozen))
    return settled
