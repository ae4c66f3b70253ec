"""The Merkle tree straight from the recursive definitions of RFC 9162 section 2.1; nothing of the product."""

from __future__ import annotations

import hashlib


class NaiveTree:
    """MTH, PATH and PROOF over the hashes of leaves; the hash of each range of leaves is computed once."""

    def __init__(self, leaf_hashes: list[bytes]) -> None:
        self._leaf_hashes = leaf_hashes
        self._known: dict[tuple[int, int], bytes] = {}

    def mth(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]) (section 2.1.1)."""
        if (start, end) not in self._known:
            self._known[start, end] = self._mth(start, end)
        return self._known[start, end]

    def _mth(self, start: int, end: int) -> bytes:
        n = end - start
        if n == 0:
            return hashlib.sha256(b"").digest()
        if n == 1:
            return self._leaf_hashes[start]
        k = half(n)
        return node(self.mth(start, start + k), self.mth(start + k, end))

    def root(self, size: int) -> bytes:
        return self.mth(0, size)

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """PATH(index, D_size) (section 2.1.3.1)."""
        return self._path(index, 0, size)

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """PROOF(first, D_second) (section 2.1.4.1)."""
        return self._subproof(first, 0, second, True)

    def _path(self, m: int, start: int, end: int) -> list[bytes]:
        n = end - start
        if n == 1:
            return []
        k = half(n)
        if m < k:
            return [*self._path(m, start, start + k), self.mth(start + k, end)]
        return [*self._path(m - k, start + k, end), self.mth(start, start + k)]

    def _subproof(self, m: int, start: int, end: int, b: bool) -> list[bytes]:
        n = end - start
        if m == n:
            return [] if b else [self.mth(start, end)]
        k = half(n)
        if m <= k:
            return [*self._subproof(m, start, start + k, b), self.mth(start + k, end)]
        return [*self._subproof(m - k, start + k, end, False), self.mth(start, start + k)]


def half(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_by_path(m: int, n: int, leaf_hash: bytes, path: list[bytes]) -> bytes | None:
    """The root that a path leads to when PATH is read backwards; None when it has another length."""
    if n == 1:
        return None if path else leaf_hash
    if not path:
        return None
    k = half(n)
    *below, sibling = path
    if m < k:
        left = root_by_path(m, k, leaf_hash, below)
        return None if left is None else node(left, sibling)
    right = root_by_path(m - k, n - k, leaf_hash, below)
    return None if right is None else node(sibling, right)


def roots_by_proof(
    m: int, n: int, first_root: bytes, proof: list[bytes], b: bool = True
) -> tuple[bytes, bytes] | None:
    """The two roots that SUBPROOF, read backwards, makes of a proof; None when it has another length."""
    if m == n:
        if b:
            return None if proof else (first_root, first_root)
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    k = half(n)
    *below, sibling = proof
    if m <= k:
        inner = roots_by_proof(m, k, first_root, below, b)
        return None if inner is None else (inner[0], node(inner[1], sibling))
    inner = roots_by_proof(m - k, n - k, first_root, below, False)
    return None if inner is None else (node(sibling, inner[0]), node(sibling, inner[1]))
