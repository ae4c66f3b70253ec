"""The tree agrees with the recursive definitions and published vectors, and its verifiers take nothing else.

Proofs are compared for every size to 300, each index and each pair of sizes, and verifiers accept them all.
Every single change of a proof is refused, tried for all sizes to 40 and for a fixed sample of those to 300.
So are other indices. A changed size is judged twice: with the roots of the changed sizes it is refused; with
the roots as they were it is accepted just where the definitions, read backwards, lead to these roots too,
because the path has the same form.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence

import pytest

from ledger.leaf import leaf_hash
from ledger.merkle_tree import (
    EMPTY_ROOT,
    Frontier,
    Node,
    ProofError,
    consistency_nodes,
    fold,
    inclusion_nodes,
    node_hash,
    root_nodes,
    verify_consistency,
    verify_inclusion,
)
from tests.naive_merkle_tree import NaiveTree, root_by_path, roots_by_proof

SIZES = 300
FULLY = 40
"""Sizes to this one get every change."""

TREE = NaiveTree([hashlib.sha256(b"leaf %d" % index).digest() for index in range(SIZES)])
FOREIGN = hashlib.sha256(b"of no tree").digest()

# The test tree of Certificate Transparency: its leaves, its roots by size, and proofs of it.
PUBLISHED_LEAVES = [
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
PUBLISHED_ROOTS = [
    bytes.fromhex(one)
    for one in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
H_01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
H_03 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
H_1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
H_23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
H_4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
H_45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
H_47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
H_6 = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
H_67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
H_0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def hashes_of(tree: NaiveTree, proof: Sequence[Sequence[Node]]) -> list[bytes]:
    """The proof, from the hashes of its nodes."""
    return [
        fold([tree.mth(node.index << node.level, (node.index + 1) << node.level) for node in nodes])
        for nodes in proof
    ]


def published_tree() -> NaiveTree:
    return NaiveTree([leaf_hash(leaf) for leaf in PUBLISHED_LEAVES])


def sampled(seed: int, count: int) -> list[tuple[int, int]]:
    """Pairs a < b of numbers above the sizes that are changed fully, to 300; the same for the same seed."""
    numbers = random.Random(seed)  # noqa: S311 - a sample, no secret
    return [
        (numbers.randrange(size), size)
        for size in (numbers.randrange(FULLY + 1, SIZES + 1) for _ in range(count))
    ]


def changed(hashes: list[bytes]) -> Iterator[list[bytes]]:
    """Every proof that is one alteration, removal, insertion or exchange away from this one."""
    for place, one in enumerate(hashes):
        flipped = bytes([one[0] ^ 8]) + one[1:]
        for other in (flipped, FOREIGN, one[:-1], one + b"\x00", b""):
            yield [*hashes[:place], other, *hashes[place + 1 :]]
        yield [*hashes[:place], *hashes[place + 1 :]]
        for later in range(place + 1, len(hashes)):
            if hashes[later] != one:
                exchanged = list(hashes)
                exchanged[place], exchanged[later] = hashes[later], one
                yield exchanged
    for place in range(len(hashes) + 1):
        for extra in {FOREIGN, *hashes}:
            yield [*hashes[:place], extra, *hashes[place:]]


def includes(index: int, size: int, hashes: list[bytes], root: bytes, leaf: bytes) -> bool:
    try:
        verify_inclusion(leaf, index=index, size=size, hashes=hashes, root=root)
    except ProofError:
        return False
    return True


def consistent(first: int, second: int, first_root: bytes, second_root: bytes, hashes: list[bytes]) -> bool:
    try:
        verify_consistency(
            first=first, second=second, first_root=first_root, second_root=second_root, hashes=hashes
        )
    except ProofError:
        return False
    return True


def test_the_published_roots() -> None:
    frontier = Frontier()
    assert frontier.root() == PUBLISHED_ROOTS[0] == EMPTY_ROOT == fold([])
    for size, leaf in enumerate(PUBLISHED_LEAVES, start=1):
        frontier.append(leaf_hash(leaf))
        assert frontier.size == size
        assert frontier.root() == PUBLISHED_ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "hashes"),
    [
        (0, 1, []),
        (0, 8, [H_1, H_23, H_47]),
        (5, 8, [H_4, H_67, H_03]),
        (2, 3, [H_01]),
        (1, 5, [H_0, H_23, H_4]),
    ],
)
def test_the_published_inclusion_proofs(index: int, size: int, hashes: list[str]) -> None:
    proof = [bytes.fromhex(one) for one in hashes]

    assert hashes_of(published_tree(), inclusion_nodes(index, size)) == proof
    verify_inclusion(
        leaf_hash(PUBLISHED_LEAVES[index]), index=index, size=size, hashes=proof, root=PUBLISHED_ROOTS[size]
    )


@pytest.mark.parametrize(
    ("first", "second", "hashes"),
    [
        (1, 1, []),
        (1, 8, [H_1, H_23, H_47]),
        (6, 8, [H_45, H_67, H_03]),
        (2, 5, [H_23, H_4]),
        (6, 7, [H_45, H_6, H_03]),
    ],
)
def test_the_published_consistency_proofs(first: int, second: int, hashes: list[str]) -> None:
    proof = [bytes.fromhex(one) for one in hashes]

    assert hashes_of(published_tree(), consistency_nodes(first, second)) == proof
    verify_consistency(
        first=first,
        second=second,
        first_root=PUBLISHED_ROOTS[first],
        second_root=PUBLISHED_ROOTS[second],
        hashes=proof,
    )


def test_every_root_is_the_defined_one() -> None:
    frontier = Frontier()
    for size in range(SIZES + 1):
        assert hashes_of(TREE, [root_nodes(size)]) == [TREE.root(size)]
        assert frontier.root() == TREE.root(size)
        assert list(frontier.hashes) == [hashes_of(TREE, [[node]])[0] for node in root_nodes(size)]
        if size < SIZES:
            frontier.append(TREE.mth(size, size + 1))


def test_a_frontier_is_taken_up_at_every_size() -> None:
    frontier = Frontier()
    for size in range(SIZES):
        taken_up = Frontier(size=size, hashes=frontier.hashes)
        taken_up.append(TREE.mth(size, size + 1))
        frontier.append(TREE.mth(size, size + 1))
        assert (taken_up.size, taken_up.root()) == (size + 1, TREE.root(size + 1))


def test_what_a_frontier_gave_does_not_change_when_it_grows() -> None:
    frontier = Frontier()
    frontier.append(FOREIGN)
    before = frontier.hashes
    frontier.append(FOREIGN)

    assert before == (FOREIGN,)
    assert frontier.hashes == (node_hash(FOREIGN, FOREIGN),)


@pytest.mark.parametrize(
    ("size", "hashes"), [(-1, [FOREIGN]), (0, [FOREIGN]), (2, []), (3, [FOREIGN]), (1, [b"short"])]
)
def test_a_frontier_is_not_taken_up_from_what_is_no_tree(size: int, hashes: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"perfect subtrees|32 bytes"):
        Frontier(size=size, hashes=hashes)


@pytest.mark.parametrize("leaf", [b"", FOREIGN[:-1], FOREIGN + b"\x00"])
def test_a_frontier_takes_hashes_only(leaf: bytes) -> None:
    frontier = Frontier()
    with pytest.raises(ValueError, match="32 bytes"):
        frontier.append(leaf)
    assert frontier.size == 0


def test_every_inclusion_proof_is_the_defined_one_and_accepted() -> None:
    for size in range(1, SIZES + 1):
        for index in range(size):
            hashes = hashes_of(TREE, inclusion_nodes(index, size))
            assert hashes == TREE.inclusion_proof(index, size)
            verify_inclusion(
                TREE.mth(index, index + 1), index=index, size=size, hashes=hashes, root=TREE.root(size)
            )


def test_every_consistency_proof_is_the_defined_one_and_accepted() -> None:
    for second in range(1, SIZES + 1):
        for first in range(1, second + 1):
            hashes = hashes_of(TREE, consistency_nodes(first, second))
            assert hashes == TREE.consistency_proof(first, second)
            verify_consistency(
                first=first,
                second=second,
                first_root=TREE.root(first),
                second_root=TREE.root(second),
                hashes=hashes,
            )


def test_every_changed_inclusion_proof_is_refused() -> None:
    every = [(index, size) for size in range(1, FULLY + 1) for index in range(size)]
    for index, size in every + sampled(1, 400):
        leaf, root = TREE.mth(index, index + 1), TREE.root(size)
        hashes = TREE.inclusion_proof(index, size)
        assert includes(index, size, hashes, root, leaf)
        for other in changed(hashes):
            assert not includes(index, size, other, root, leaf), (index, size, other)
        for other_root in (FOREIGN, EMPTY_ROOT, TREE.root(size - 1), b"", root[:-1]):
            assert not includes(index, size, hashes, other_root, leaf)
        for other_leaf in (FOREIGN, b"", leaf[:-1], leaf + b"\x00"):
            assert not includes(index, size, hashes, root, other_leaf)


def test_an_inclusion_proof_is_refused_at_every_other_index() -> None:
    every = [(index, size) for size in range(1, FULLY + 1) for index in range(size)]
    for index, size in every + sampled(2, 200):
        hashes = TREE.inclusion_proof(index, size)
        for other in range(-2, size + 3):
            accepted = includes(other, size, hashes, TREE.root(size), TREE.mth(index, index + 1))
            assert accepted == (other == index), (index, size, other)


def test_an_inclusion_proof_is_refused_for_every_other_size() -> None:
    same_form = 0
    every = [(index, size) for size in range(1, FULLY + 1) for index in range(size)]
    for index, size in every + sampled(3, 200):
        leaf = TREE.mth(index, index + 1)
        hashes = TREE.inclusion_proof(index, size)
        for other in range(min(size + 24, SIZES + 1)):
            if other == size:
                continue
            assert not includes(index, other, hashes, TREE.root(other), leaf), (index, size, other)
            leads_to = root_by_path(index, other, leaf, hashes) if index < other else None
            accepted = includes(index, other, hashes, TREE.root(size), leaf)
            assert accepted == (leads_to == TREE.root(size)), (index, size, other)
            same_form += accepted
    assert same_form > 0  # as the verifier's description says: the size comes from the checkpoint


def test_every_changed_consistency_proof_is_refused() -> None:
    every = [(first, second) for second in range(1, FULLY + 1) for first in range(1, second + 1)]
    for first, second in every + [(max(first, 1), second) for first, second in sampled(4, 400)]:
        roots = TREE.root(first), TREE.root(second)
        hashes = TREE.consistency_proof(first, second)
        assert consistent(first, second, *roots, hashes)
        for other in changed(hashes):
            assert not consistent(first, second, *roots, other), (first, second, other)
        for other_root in (FOREIGN, EMPTY_ROOT, b""):
            assert not consistent(first, second, other_root, roots[1], hashes)
            assert not consistent(first, second, roots[0], other_root, hashes)
        if first != second:
            assert not consistent(first, second, roots[1], roots[0], hashes)


def test_a_consistency_proof_is_refused_for_every_other_pair_of_sizes() -> None:
    same_form = 0
    every = [(first, second) for second in range(1, FULLY + 1) for first in range(1, second + 1)]
    for first, second in every + [(max(first, 1), second) for first, second in sampled(5, 200)]:
        roots = TREE.root(first), TREE.root(second)
        hashes = TREE.consistency_proof(first, second)
        others = [(other, second) for other in range(-1, second + 3) if other != first]
        others += [(first, other) for other in range(min(second + 24, SIZES + 1)) if other != second]
        for m, n in others:
            defined = 0 < m <= n
            if defined and m != n:
                true_roots = TREE.root(m), TREE.root(n)
                assert not consistent(m, n, *true_roots, hashes), (first, second, m, n)
            leads_to = roots_by_proof(m, n, roots[0], hashes) if defined else None
            accepted = consistent(m, n, *roots, hashes)
            assert accepted == (leads_to == roots), (first, second, m, n)
            same_form += accepted
    assert same_form > 0  # as the verifier's description says: sizes come from checkpoints


def test_there_is_no_proof_from_the_empty_tree_nor_to_a_smaller_one() -> None:
    for first, second in [(0, 0), (0, 5), (-1, 5), (6, 5)]:
        with pytest.raises(ValueError, match="no consistency proof"):
            consistency_nodes(first, second)
        with pytest.raises(ProofError, match="no consistency proof"):
            verify_consistency(
                first=first, second=second, first_root=EMPTY_ROOT, second_root=TREE.root(5), hashes=[]
            )


def test_there_is_no_proof_of_a_leaf_outside_the_tree() -> None:
    for index, size in [(0, 0), (5, 5), (-1, 5), (0, -1)]:
        with pytest.raises(ValueError, match="has no leaf"):
            inclusion_nodes(index, size)
        with pytest.raises(ProofError, match="has no leaf"):
            verify_inclusion(FOREIGN, index=index, size=size, hashes=[], root=FOREIGN)


def test_no_tree_has_a_negative_size() -> None:
    with pytest.raises(ValueError, match="cannot have -1 leaves"):
        root_nodes(-1)


def test_a_tree_as_large_as_can_be_costs_no_more_than_its_height() -> None:
    size = 2**64 - 1
    assert len(root_nodes(size)) == 64
    assert len(inclusion_nodes(0, size)) == 64
    assert len(consistency_nodes(size - 1, size)) == 64


@pytest.mark.parametrize(
    ("hashes", "message"),
    [
        ([], "too few hashes"),
        ([FOREIGN] * 4, "too many hashes"),
        ([FOREIGN] * 3, "another root"),
        ([FOREIGN, FOREIGN, b""], "32 bytes"),
    ],
)
def test_a_refused_inclusion_proof_says_why(hashes: list[bytes], message: str) -> None:
    with pytest.raises(ProofError, match=message):
        verify_inclusion(TREE.mth(0, 1), index=0, size=8, hashes=hashes, root=TREE.root(8))


def test_a_leaf_hash_of_another_length_is_refused_as_such() -> None:
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(b"leaf", index=0, size=8, hashes=TREE.inclusion_proof(0, 8), root=TREE.root(8))


@pytest.mark.parametrize(
    ("hashes", "message"),
    [
        ([], "has no hashes"),
        ([FOREIGN], "too few hashes"),
        ([FOREIGN] * 4, "too many hashes"),
        ([FOREIGN] * 3, "another first root"),
        (
            [*TREE.consistency_proof(6, 7)[:1], FOREIGN, TREE.consistency_proof(6, 7)[2]],
            "another second root",
        ),
        ([FOREIGN, FOREIGN, b""], "32 bytes"),
    ],
)
def test_a_refused_consistency_proof_says_why(hashes: list[bytes], message: str) -> None:
    with pytest.raises(ProofError, match=message):
        verify_consistency(
            first=6, second=7, first_root=TREE.root(6), second_root=TREE.root(7), hashes=hashes
        )


def test_trees_of_one_size_are_consistent_when_they_are_equal() -> None:
    root = TREE.root(5)
    verify_consistency(first=5, second=5, first_root=root, second_root=root, hashes=[])
    with pytest.raises(ProofError, match="equal sizes has hashes"):
        verify_consistency(first=5, second=5, first_root=root, second_root=root, hashes=[FOREIGN])
    with pytest.raises(ProofError, match="equal sizes differ"):
        verify_consistency(first=5, second=5, first_root=root, second_root=FOREIGN, hashes=[])
