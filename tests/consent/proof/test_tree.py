import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.proof.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    hash_leaf,
    hash_node,
    inclusion_path,
    is_consistent,
    is_included,
    root_of,
    unpack_frontier,
)

MOST = 70
# Source: the test vectors of Certificate Transparency's reference tree (RFC 6962, same hashes as RFC 9162).
CONTENTS = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [hash_leaf(b"%d" % number) for number in range(MOST)]


def naive_root(leaves):
    """Return the root as section 2.1.1 defines it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hash_node(naive_root(leaves[:half]), naive_root(leaves[half:]))


def subtree(first, last):
    return naive_root(LEAVES[first:last])


ALL_ROOTS = [naive_root(LEAVES[:size]) for size in range(MOST + 1)]


@pytest.mark.parametrize("size", range(1, 9))
def test_has_the_published_roots(size):
    leaves = [hash_leaf(content) for content in CONTENTS[:size]]

    assert root_of(leaves).hex() == ROOTS[size - 1]
    assert naive_root(leaves).hex() == ROOTS[size - 1]


def test_has_the_published_proofs():
    leaves = [hash_leaf(content) for content in CONTENTS]

    path = inclusion_path(5, 8, lambda first, last: naive_root(leaves[first:last]))

    assert [one.hex() for one in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_a_frontier_has_the_root_of_every_size():
    frontier = Frontier()

    roots = [frontier.root()]
    for leaf in LEAVES:
        frontier.append(leaf)
        roots.append(frontier.root())

    assert roots[0] == EMPTY_ROOT
    assert roots == ALL_ROOTS


def test_a_frontier_goes_on_where_it_was_kept():
    for size in range(MOST):
        grown = Frontier()
        for leaf in LEAVES[:size]:
            grown.append(leaf)

        again = unpack_frontier(size, grown.pack())
        again.append(LEAVES[size])

        assert again.root() == ALL_ROOTS[size + 1]


def test_a_frontier_tells_which_parts_a_leaf_completes():
    frontier = Frontier()

    completed = [frontier.append(leaf) for leaf in LEAVES[:8]]

    assert [len(one) for one in completed] == [0, 1, 0, 2, 0, 1, 0, 3]
    assert completed[7] == [subtree(6, 8), subtree(4, 8), subtree(0, 8)]


def test_refuses_a_frontier_of_another_size():
    with pytest.raises(ValueError, match="3 leaves has 2"):
        unpack_frontier(3, b"\x00" * 32)


def test_every_leaf_of_every_tree_is_proven():
    for size in range(1, MOST):
        for index in range(size):
            path = inclusion_path(index, size, subtree)
            assert is_included(LEAVES[index], index, size, path=path, root=ALL_ROOTS[size])


def test_every_tree_is_proven_to_begin_with_every_smaller_one():
    for new in range(1, MOST):
        for old in range(1, new + 1):
            path = consistency_path(old, new, subtree)
            roots = {"old_root": ALL_ROOTS[old], "new_root": ALL_ROOTS[new]}
            assert is_consistent(old, new, path=path, **roots)


@given(st.data())
def test_no_other_leaf_place_size_path_or_root_is_proven(data):
    size = data.draw(st.integers(2, MOST - 1))
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, subtree)
    other = data.draw(st.integers(0, MOST - 1).filter(lambda one: one != index))
    broken = [hash_leaf(b"?"), *path[1:]] if path else [hash_leaf(b"?")]

    def proves(leaf=LEAVES[index], index=index, path=path, root=ALL_ROOTS[size]):
        return is_included(leaf, index, size, path=path, root=root)

    assert not proves(leaf=LEAVES[other])
    assert not proves(index=other)
    assert not proves(path=broken)
    assert not proves(path=path[:-1])
    assert not proves(path=[*path, LEAVES[0]])
    assert not proves(root=ALL_ROOTS[size - 1])


@given(st.data())
def test_no_other_history_is_proven(data):
    new = data.draw(st.integers(2, MOST - 1))
    old = data.draw(st.integers(1, new - 1))
    path = consistency_path(old, new, subtree)

    def proves(path=path, old_root=ALL_ROOTS[old], new_root=ALL_ROOTS[new]):
        return is_consistent(old, new, path=path, old_root=old_root, new_root=new_root)

    assert not proves(old_root=LEAVES[-1])
    assert not proves(new_root=LEAVES[-1])
    assert not proves(path=path[:-1])
    assert not proves(path=[*path, LEAVES[0]])
    assert not proves(path=[LEAVES[-1], *path[1:]])
    assert not is_consistent(new, old, path=path, old_root=ALL_ROOTS[new], new_root=ALL_ROOTS[old])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_no_leaf(index, size):
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_path(index, size, subtree)
    assert not is_included(LEAVES[0], index, size, path=[], root=ALL_ROOTS[3])


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_there_is_no_proof_of_no_growth(old, new):
    with pytest.raises(ValueError, match="no proof"):
        consistency_path(old, new, subtree)
