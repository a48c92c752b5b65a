"""The RFC 9162 Merkle tree: roots, a frontier that grows by leaves, inclusion and consistency proofs. Pure.

Source: RFC 9162 sections 2.1.1 to 2.1.4.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

LEAF_PREFIX, NODE_PREFIX = b"\x00", b"\x01"
EMPTY_ROOT = hashlib.sha256().digest()
HASH_BYTES = 32

Subtree = Callable[[int, int], bytes]
"""Returns the root over the leaves from the first index up to, not with, the second."""


def hash_leaf(data: bytes) -> bytes:
    """Return the hash of a leaf with this content."""
    return hashlib.sha256(LEAF_PREFIX + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def split(size: int) -> int:
    """Return how many leaves the left side of a tree of `size` > 1 leaves has: the largest power of two below it."""
    return 1 << (size - 1).bit_length() - 1


class Frontier:
    """What must be kept of a tree so that it can grow: the roots of its complete parts, the largest first."""

    def __init__(self, size: int = 0, parts: Iterable[bytes] = ()) -> None:
        self.size = size
        self.parts = list(parts)
        if len(self.parts) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete parts")

    def append(self, leaf: bytes) -> list[bytes]:
        """Add the hash of a leaf; return the roots of the parts it completes, from 2 leaves upwards."""
        completed = []
        place, self.size = self.size, self.size + 1
        while place & 1:
            leaf = hash_node(self.parts.pop(), leaf)
            completed.append(leaf)
            place >>= 1
        self.parts.append(leaf)
        return completed

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self.parts:
            return EMPTY_ROOT
        root = self.parts[-1]
        for part in reversed(self.parts[:-1]):
            root = hash_node(part, root)
        return root

    def pack(self) -> bytes:
        """Return the parts, one after the other."""
        return b"".join(self.parts)


def unpack_frontier(size: int, packed: bytes) -> Frontier:
    """Return the frontier of a tree of `size` leaves from what `Frontier.pack` gave.

    Raises:
        ValueError: it is not of that many leaves.
    """
    return Frontier(
        size,
        (packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)),
    )


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    first, last, path = 0, size, []
    while last - first > 1:
        middle = first + split(last - first)
        if index < middle:
            path.append(subtree(middle, last))
            last = middle
        else:
            path.append(subtree(first, middle))
            first = middle
    return path[::-1]


def consistency_path(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the tree of `old` leaves is the beginning of the one of `new` leaves.

    Raises:
        ValueError: not 0 < old <= new.
    """
    if not 0 < old <= new:
        raise ValueError(f"there is no proof from {old} to {new} leaves")
    first, last, path = 0, new, []
    whole = True  # whether the old tree's part of this one is the whole old tree
    while old != last:
        middle = first + split(last - first)
        if old <= middle:
            path.append(subtree(middle, last))
            last = middle
        else:
            path.append(subtree(first, middle))
            first, whole = middle, False
    return ([] if whole else [subtree(first, last)]) + path[::-1]


def is_included(leaf: bytes, index: int, size: int, *, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether the proof shows that the leaf is at `index` of the tree with this root."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for other in path:
        if not last:
            return False
        if at & 1 or at == last:
            found = hash_node(other, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = hash_node(found, other)
        at, last = at >> 1, last >> 1
    return not last and found == root


def is_consistent(
    old: int, new: int, *, path: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Return whether the proof shows that the old tree is the beginning of the new one."""
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new:
        return False
    proof = [old_root, *path] if not old & (old - 1) else list(path)
    return bool(proof) and _grows(old - 1, new - 1, proof, (old_root, new_root))


def _grows(at: int, last: int, proof: Sequence[bytes], roots: tuple[bytes, bytes]) -> bool:
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = proof[0]
    for other in proof[1:]:
        if not last:
            return False
        if at & 1 or at == last:
            before, after = hash_node(other, before), hash_node(other, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = hash_node(after, other)
        at, last = at >> 1, last >> 1
    return not last and (before, after) == roots
