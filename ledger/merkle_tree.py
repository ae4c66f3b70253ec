"""The Merkle tree of the log (RFC 6962 section 2.1, RFC 9162 section 2.1), as functions of hashes.

A tree of any size is made of perfect subtrees. What is asked for is told first as the nodes whose hashes are
needed, so that a caller reads these at once; `fold` then makes hashes of the tree out of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

HASH_LENGTH = 32

EMPTY_ROOT = hashlib.sha256().digest()
"""The root of the tree without leaves."""

_NODE_PREFIX = b"\x01"
"""Leaves and nodes are hashed in domains of their own (RFC 6962 section 2.1)."""


class ProofError(ValueError):
    """A proof does not show what it should; the message says what is wrong with it."""


class Node(NamedTuple):
    """The perfect subtree of the leaves from `index * 2**level` up to `(index + 1) * 2**level`, exclusive."""

    level: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a subtree from the hashes of its two halves (RFC 6962 section 2.1)."""
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """One hash for a range of leaves, from its perfect subtrees, left to right.

    Each is smaller than the one before it. No subtrees are the empty tree.
    """
    if not hashes:
        return EMPTY_ROOT
    *before, folded = hashes
    for left in reversed(before):
        folded = node_hash(left, folded)
    return folded


def root_nodes(size: int) -> tuple[Node, ...]:
    """The perfect subtrees, left to right, that `fold` makes into the root of a tree of `size` leaves.

    Raises:
        ValueError: the size is negative.
    """
    if size < 0:
        raise ValueError(f"a tree cannot have {size} leaves")
    return _perfect_subtrees(0, size)


def inclusion_nodes(index: int, size: int) -> tuple[tuple[Node, ...], ...]:
    """The inclusion proof of a leaf (RFC 9162 section 2.1.3.1): for each hash the nodes that fold into it.

    The hashes are in the proof's order, leaf to root. The only leaf of a tree has an empty proof.

    Raises:
        ValueError: the tree of that size has no leaf of that index.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            proof.append(_perfect_subtrees(middle, end))
            end = middle
        else:
            proof.append(_perfect_subtrees(start, middle))
            start = middle
    return tuple(reversed(proof))


def consistency_nodes(first: int, second: int) -> tuple[tuple[Node, ...], ...]:
    """The consistency proof of two sizes of a tree (RFC 9162 section 2.1.4.1).

    For each hash the nodes that fold into it, in the proof's order. Equal sizes have an empty proof.

    Raises:
        ValueError: not 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ValueError(f"there is no consistency proof from {first} to {second} leaves")
    proof = []
    start, end = 0, second
    while first < end:
        middle = _split(start, end)
        if first <= middle:
            proof.append(_perfect_subtrees(middle, end))
            end = middle
        else:
            proof.append(_perfect_subtrees(start, middle))
            start = middle
    if start > 0:  # otherwise the subtree is the first tree, whose root the verifier has
        proof.append(_perfect_subtrees(start, end))
    return tuple(reversed(proof))


def verify_inclusion(
    leaf_hash: bytes, *, index: int, size: int, hashes: Sequence[bytes], root: bytes
) -> None:
    """Verify that the leaf stands at the index in the tree with that root (RFC 9162 section 2.1.3.2).

    `size` and `root` are to come from one checkpoint: the proof alone does not tell the size from another one
    in which the leaf's path has the same turns.

    Raises:
        ProofError: it is not proved.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}")
    _check_lengths((leaf_hash, root, *hashes))
    fn, sn = index, size - 1
    computed = leaf_hash
    for sibling in hashes:
        if sn == 0:
            raise ProofError("the inclusion proof has too many hashes")
        if fn & 1 or fn == sn:
            computed = node_hash(sibling, computed)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = node_hash(computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise ProofError("the inclusion proof has too few hashes")
    if computed != root:
        raise ProofError("the inclusion proof leads to another root")


def verify_consistency(
    *, first: int, second: int, first_root: bytes, second_root: bytes, hashes: Sequence[bytes]
) -> None:
    """Verify that the second tree begins with the leaves of the first (RFC 9162 section 2.1.4.2).

    Each size is to come from one checkpoint with its root: the proof alone does not tell sizes apart whose
    proofs have the same form. Trees of one size are consistent when their roots are equal and the proof is
    empty.

    Raises:
        ProofError: it is not proved, or not 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ProofError(f"there is no consistency proof from {first} to {second} leaves")
    _check_lengths((first_root, second_root, *hashes))
    if first == second:
        if hashes:
            raise ProofError("the consistency proof of equal sizes has hashes")
        if first_root != second_root:
            raise ProofError("the roots of equal sizes differ")
        return
    if not hashes:
        raise ProofError("the consistency proof has no hashes")
    path = list(hashes)
    if first & (first - 1) == 0:  # the first tree is perfect, and so a node of the second
        path.insert(0, first_root)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first_computed = second_computed = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise ProofError("the consistency proof has too many hashes")
        if fn & 1 or fn == sn:
            first_computed = node_hash(sibling, first_computed)
            second_computed = node_hash(sibling, second_computed)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            second_computed = node_hash(second_computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise ProofError("the consistency proof has too few hashes")
    if first_computed != first_root:
        raise ProofError("the consistency proof leads to another first root")
    if second_computed != second_root:
        raise ProofError("the consistency proof leads to another second root")


class Frontier:
    """The right edge of a growing tree: the hashes of its perfect subtrees, all that appending needs."""

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Take up a tree of `size` leaves; `hashes` are those of `root_nodes(size)`, in that order.

        Raises:
            ValueError: there are too many or too few hashes for the size, or one is not 32 bytes long.
        """
        if size < 0 or len(hashes) != size.bit_count():
            raise ValueError(f"{len(hashes)} perfect subtrees do not make a tree of {size} leaves")
        if any(len(one) != HASH_LENGTH for one in hashes):
            raise ValueError("a hash is not 32 bytes long")
        self._size = size
        self._hashes = list(hashes)

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Those of `root_nodes(size)`, left to right."""
        return tuple(self._hashes)

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        return fold(self._hashes)

    def append(self, leaf_hash: bytes) -> None:
        """Add a leaf at the end. Costs one hash on average, and as many as the tree is high at most.

        Raises:
            ValueError: the hash is not 32 bytes long.
        """
        if len(leaf_hash) != HASH_LENGTH:
            raise ValueError("a hash is not 32 bytes long")
        merged = leaf_hash
        size = self._size
        while size & 1:
            merged = node_hash(self._hashes.pop(), merged)
            size >>= 1
        self._hashes.append(merged)
        self._size += 1


def _split(start: int, end: int) -> int:
    """Where the left half of two leaves or more ends: after the largest power of two below their number."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _perfect_subtrees(start: int, end: int) -> tuple[Node, ...]:
    """Those of a range that one subtree covers (so that `start` is a multiple of the largest of them)."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(Node(level=level, index=start >> level))
        start += 1 << level
    return tuple(nodes)


def _check_lengths(hashes: Sequence[bytes]) -> None:
    """Hashes of other lengths could move the border between the two halves that are hashed together."""
    if any(len(one) != HASH_LENGTH for one in hashes):
        raise ProofError("a hash is not 32 bytes long")
