"""The tree's laws, against a definition written straight from RFC 6962."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroad_lite.errors import LogError
from xroad_lite.messagelog import merkle


def reference_root(leaves):
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    left, right = reference_root(leaves[:k]), reference_root(leaves[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def grown(count):
    """Leaves, and the stored hashes of the tree over them."""
    leaves = [b"entry %d" % number for number in range(count)]
    stored = []
    for size, leaf in enumerate(leaves):
        stored += merkle.Edge.read(size, stored.__getitem__).add(merkle.leaf_hash(leaf))
    return leaves, stored


LEAVES, STORED = grown(70)
READ = STORED.__getitem__


def test_root_equals_the_definition_for_every_size():
    """The head over each prefix is the RFC's."""
    for size in range(len(LEAVES) + 1):
        assert merkle.root(size, READ) == reference_root(LEAVES[:size])


def test_published_vectors():
    """The roots that certificate transparency's own implementations publish for their test data."""
    leaves = [
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
    stored = []
    for size, leaf in enumerate(leaves):
        stored += merkle.Edge.read(size, stored.__getitem__).add(merkle.leaf_hash(leaf))
    assert merkle.root(1, stored.__getitem__).hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert merkle.root(8, stored.__getitem__).hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


def test_every_inclusion_proof_verifies_and_no_other():
    """Each leaf of each prefix proves itself, and not its neighbour's place."""
    for size in range(1, len(LEAVES) + 1):
        root = merkle.root(size, READ)
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, READ)
            leaf = merkle.leaf_hash(LEAVES[index])
            merkle.verify_inclusion(index, size, leaf, proof, root)
            if size > 1:
                with pytest.raises(LogError):
                    merkle.verify_inclusion((index + 1) % size, size, leaf, proof, root)


def test_every_consistency_proof_verifies():
    """Each prefix is proved to begin each longer log."""
    for size2 in range(len(LEAVES) + 1):
        for size1 in range(size2 + 1):
            proof = merkle.consistency_proof(size1, size2, READ)
            roots = merkle.root(size1, READ), merkle.root(size2, READ)
            merkle.verify_consistency(size1, size2, proof, *roots)


@given(st.data())
def test_no_changed_proof_verifies(data):
    """Flip a bit, drop, repeat or swap a hash, or shift the numbers: refused."""
    size2 = data.draw(st.integers(3, 70))
    size1 = data.draw(st.integers(1, size2 - 1))
    index = data.draw(st.integers(0, size2 - 1))
    root1, root2 = merkle.root(size1, READ), merkle.root(size2, READ)
    inclusion = merkle.inclusion_proof(index, size2, READ)
    consistency = merkle.consistency_proof(size1, size2, READ)
    for proof, verify in (
        (
            inclusion,
            lambda p: merkle.verify_inclusion(
                index, size2, merkle.leaf_hash(LEAVES[index]), p, root2
            ),
        ),
        (consistency, lambda p: merkle.verify_consistency(size1, size2, p, root1, root2)),
    ):
        verify(proof)
        bad = changed(data, proof)
        if bad != proof:
            with pytest.raises(LogError):
                verify(bad)


def changed(data, proof):
    """One change of a proof, drawn."""
    bad = list(proof)
    kind = data.draw(st.sampled_from(("flip", "drop", "repeat", "add", "swap")))
    if kind == "add" or not bad:
        bad.insert(
            data.draw(st.integers(0, len(bad))), data.draw(st.binary(min_size=32, max_size=32))
        )
        return bad
    place = data.draw(st.integers(0, len(bad) - 1))
    if kind == "flip":
        flipped = bytearray(bad[place])
        flipped[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        bad[place] = bytes(flipped)
    elif kind == "drop":
        del bad[place]
    elif kind == "repeat":
        bad.insert(place, bad[place])
    else:
        bad.reverse()
    return bad


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (5, 2)])
def test_places_outside_the_tree_are_refused(index, size):
    """An index that the tree does not have proves nothing."""
    with pytest.raises(LogError, match="no leaf"):
        merkle.verify_inclusion(index, size, bytes(32), [], bytes(32))


def test_hashes_of_another_length_are_refused():
    """Only 32-byte hashes are hashes."""
    with pytest.raises(LogError, match="32 bytes"):
        merkle.verify_inclusion(0, 1, b"short", [], b"short")


def test_the_edge_of_a_tree_knows_its_root():
    """It has the same root as the stored hashes at every size, grown or read in the middle."""
    edge = merkle.Edge()
    for size, leaf in enumerate(LEAVES):
        assert edge.root() == merkle.Edge.read(size, READ).root() == reference_root(LEAVES[:size])
        hashes = edge.completed(merkle.leaf_hash(leaf))
        assert edge.add(merkle.leaf_hash(leaf)) == hashes
        assert all(merkle.completing(STORED.index(one))[0] == size for one in hashes)
