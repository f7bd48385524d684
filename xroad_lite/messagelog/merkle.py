"""The Merkle tree of RFC 6962: hashes, roots, proofs and their verification; stores nothing itself.

Hashes of complete subtrees are numbered in the order in which appending completes them, so a store
only ever appends: after the leaf with index ``e`` come its ancestors that ``e`` completes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from xroad_lite.errors import LogError

EMPTY_ROOT = sha256(b"").digest()

Read = Callable[[int], bytes]
"""Gives the stored hash at a position."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one entry (RFC 6962, section 2.1)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees (RFC 6962, section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def stored_count(size: int) -> int:
    """How many hashes a store holds for a tree of ``size`` leaves."""
    return 2 * size - size.bit_count()


def position(level: int, number: int) -> int:
    """Where the complete subtree over leaves ``number·2^level`` up to the next one is stored."""
    last_leaf = ((number + 1) << level) - 1
    return stored_count(last_leaf) + level


def completing(position: int) -> tuple[int, int]:
    """Which leaf completes the subtree that is stored at a position, and the subtree's level."""
    leaf = position // 2
    while stored_count(leaf + 1) <= position:
        leaf += 1
    return leaf, position - stored_count(leaf)


class Edge:
    """The right edge of a tree that grows: the roots of the complete subtrees it consists of."""

    __slots__ = ("_roots", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._roots: list[bytes] = []
        """By level; only those count whose bit is set in the size."""

    @classmethod
    def read(cls, size: int, read: Read) -> Edge:
        """The edge of a stored tree with ``size`` leaves."""
        edge = cls()
        edge._size = size
        edge._roots = [
            read(position(level, (size >> level) - 1)) if size >> level & 1 else b""
            for level in range(size.bit_length())
        ]
        return edge

    def completed(self, leaf: bytes) -> list[bytes]:
        """A leaf's hash, and the roots of the subtrees that it would complete."""
        hashes, ones = [leaf], self._size
        for root in self._roots:
            if not ones & 1:
                break
            leaf = sha256(b"\x01" + root + leaf).digest()
            hashes.append(leaf)
            ones >>= 1
        return hashes

    def add(self, leaf: bytes) -> list[bytes]:
        """Add a leaf by its hash; gives what it completes."""
        hashes = self.completed(leaf)
        self.take(hashes)
        return hashes

    def take(self, hashes: list[bytes]) -> None:
        """Add a leaf with what it completes, as a store says."""
        self._roots[len(hashes) - 1 : len(hashes)] = hashes[-1:]
        self._size += 1

    def root(self) -> bytes:
        """The tree's head hash."""
        found: bytes | None = None
        for level in range(self._size.bit_length()):
            if self._size >> level & 1:
                one = self._roots[level]
                found = one if found is None else node_hash(one, found)
        return EMPTY_ROOT if found is None else found


def root(size: int, read: Read) -> bytes:
    """The tree's head hash over the first ``size`` leaves."""
    return _range_root(0, size, read) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, read: Read) -> list[bytes]:
    """The audit path of leaf ``index`` in the tree of ``size`` leaves (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range_root(middle, high, read))
            high = middle
        else:
            proof.append(_range_root(low, middle, read))
            low = middle
    return proof[::-1]


def consistency_proof(size1: int, size2: int, read: Read) -> list[bytes]:
    """That the tree of ``size2`` leaves begins with the tree of ``size1`` (RFC 6962, 2.1.2)."""
    if not 0 <= size1 <= size2:
        raise ValueError(f"no consistency from {size1} to {size2} leaves")
    if size1 in (0, size2):
        return []
    proof: list[bytes] = []
    low, high = 0, size2
    while size1 != high:
        middle = low + _split(high - low)
        if size1 <= middle:
            proof.append(_range_root(middle, high, read))
            high = middle
        else:
            proof.append(_range_root(low, middle, read))
            low = middle
    if low > 0:
        proof.append(_range_root(low, high, read))
    return proof[::-1]


def verify_inclusion(
    index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ``LogError`` unless the proof leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    _check_hashes("log.inclusion_proof", leaf_hash, root, *proof)
    if not 0 <= index < size:
        raise LogError("log.inclusion_proof", f"there is no leaf {index} in a tree of {size}")
    first, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            raise LogError("log.inclusion_proof", f"the proof has {len(proof)} hashes: too many")
        if first & 1 or first == last:
            found = node_hash(sibling, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        first, last = first >> 1, last >> 1
    if last or found != root:
        raise LogError(
            "log.inclusion_proof",
            f"the proof of leaf {index} does not lead to the root of {size} leaves",
        )


def verify_consistency(
    size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """Raise ``LogError`` unless tree 2 begins with all of tree 1 (RFC 9162, 2.1.4.2)."""
    _check_hashes("log.consistency_proof", root1, root2, *proof)
    if not 0 <= size1 <= size2:
        raise LogError("log.consistency_proof", f"a log cannot go from {size1} to {size2} leaves")
    if size1 in (0, size2):
        expected = EMPTY_ROOT if size1 == 0 else root2
        if proof or root1 != expected or (size2 == 0 and root2 != EMPTY_ROOT):
            raise LogError("log.consistency_proof", "expected no hashes and the very same root")
        return
    path = list(proof)
    if size1 & (size1 - 1) == 0:  # tree 1 is one complete subtree, which the proof leaves out
        path.insert(0, root1)
    if not path:
        raise LogError("log.consistency_proof", "the proof is empty")
    first, last = size1 - 1, size2 - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    found1 = found2 = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise LogError("log.consistency_proof", "the proof has too many hashes")
        if first & 1 or first == last:
            found1, found2 = node_hash(sibling, found1), node_hash(sibling, found2)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found2 = node_hash(found2, sibling)
        first, last = first >> 1, last >> 1
    if last or found1 != root1 or found2 != root2:
        raise LogError(
            "log.consistency_proof",
            f"the log of {size2} leaves does not begin with the one of {size1}",
        )


def _check_hashes(code: str, *hashes: bytes) -> None:
    for one in hashes:
        if not isinstance(one, bytes) or len(one) != 32:
            raise LogError(code, "expected hashes of 32 bytes")


def _split(count: int) -> int:
    """The largest power of two smaller than ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(low: int, high: int, read: Read) -> bytes:
    count = high - low
    if count & (count - 1) == 0 and low % count == 0:
        level = count.bit_length() - 1
        return read(position(level, low >> level))
    middle = low + _split(count)
    return node_hash(_range_root(low, middle, read), _range_root(middle, high, read))
