"""Every order in which processes can take their steps, and which of these nobody can tell apart."""

from itertools import combinations

READS, WRITES, REDIS = 1, 2, 4  # what a step touched: PostgreSQL to read or to write; Redis
RESTART = 9  # in an order: Redis is exchanged


def orders(one, other):
    """Yield every merge of two sequences of steps, e.g. ``bytes([0, 1, 1, 0])``."""
    total = one + other
    for places in combinations(range(total), one):
        yield bytes(0 if place in places else 1 for place in range(total))


def broken_off(lengths, living=()):
    """Yield (order, killed) of a pair: nothing breaks, or one is killed after any of its steps."""
    for order in orders(*lengths):
        yield order, None
    for which in {0, 1} - {*living}:
        for after in range(1, lengths[which]):
            shorter = [*lengths]
            shorter[which] = after + 1
            yield from ((order, (which, after)) for order in orders(*shorter))


def restarted(lengths):
    """Yield (order, None) of a pair: Redis restarts between any two steps of any order."""
    for order in orders(*lengths):
        for at in range(1, len(order)):
            yield bytes([*order[:at], RESTART, *order[at:]]), None


def same(order, touched):
    """Return every order that differs only in the turns of neighbours which touched nothing that the other wrote.

    Each step does the same in all of them, and finds the same.
    """
    found, waiting = {order}, [(order, bytes(touched))]
    while waiting:
        known, marks = waiting.pop()
        for at in range(len(known) - 1):
            if known[at] == known[at + 1] or meet(marks[at], marks[at + 1]):
                continue
            turned = _turn(known, at)
            if turned not in found:
                found.add(turned)
                waiting.append((turned, _turn(marks, at)))
    return found


def meet(one, other):
    """Return whether two steps touch a store that either writes; Redis is taken for written by whoever asks it."""
    in_postgres = (one | other) & WRITES and one & (READS | WRITES) and other & (READS | WRITES)
    return bool(one & other & REDIS or in_postgres)


def _turn(row, at):
    return row[:at] + bytes([row[at + 1], row[at]]) + row[at + 2 :]
