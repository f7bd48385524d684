"""Notes, checkpoints, cosignatures and proofs: C2SP's forms, and what is refused of them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sharing import examples

from xroad_lite.errors import LogError
from xroad_lite.messagelog import checkpoints, merkle, notes
from xroad_lite.messagelog.checkpoints import Checkpoint, Proof
from xroad_lite.messagelog.notes import COSIGNATURE, Signer, Verifier

# The key and note of the documentation of Go's golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SAYING = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)

LOG = Signer("CL/GOV/CIVIL/births", Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
WITNESS = Signer("CL/GOV/HEALTH/clinics", Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))


class Tree:
    """A tree in memory."""

    def __init__(self, size: int, salt: bytes = b"") -> None:
        self.leaves = [salt + b"%d" % one for one in range(size)]
        self.hashes: list[bytes] = []
        for index, leaf in enumerate(self.leaves):
            self.hashes += merkle.Edge.read(index, self.hashes.__getitem__).add(
                merkle.leaf_hash(leaf)
            )

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """The head at a size."""
        size = len(self.leaves) if size is None else size
        return Checkpoint(LOG.name, size, merkle.root(size, self.hashes.__getitem__))


def test_the_published_note_verifies() -> None:
    """Go's own example, key and note, is read, verified and written back byte for byte."""
    note, key = notes.read(SAYING.encode()), Verifier.read(PETER)
    note.verify(key)
    assert (str(note), str(key)) == (SAYING, PETER)


@pytest.mark.parametrize(
    "changed",
    [
        SAYING.replace("problem is", "problem was"),
        SAYING.replace("x08go", "x08gp"),
        SAYING.replace("— PeterNeumann", "— PaulNeumann"),
        SAYING.replace("\n\n", "\n"),
        SAYING.replace("— ", "- "),
        SAYING[:-1],
        SAYING.replace("is.", "is.\t"),
        SAYING.replace("nAM=", "nAN="),
        SAYING + SAYING[SAYING.index("—") :].replace("ZJku", "ZJkv"),
        "",
        "\n\n",
        SAYING + "x" * notes.MAX_NOTE_BYTES,
    ],
)
def test_a_changed_note_is_refused(changed: str) -> None:
    """Text, signature, name, form, stray bits, a second wrong line of the same key."""
    with pytest.raises(LogError):
        notes.read(changed.encode()).verify(Verifier.read(PETER))


@pytest.mark.parametrize(
    "text", ["", "a+b", PETER[:-1], PETER.replace("c74f", "c74e"), PETER.replace("+A", "+B")]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    """A vkey is checked against the hash that it carries."""
    with pytest.raises(LogError):
        Verifier.read(text)


def test_a_checkpoint_is_read_as_it_was_signed() -> None:
    """Origin, size and root come back; another log's key, or name, does not open it."""
    head = Tree(5).checkpoint()
    data = str(head.sign(LOG)).encode()
    assert Checkpoint.open(data, LOG.verifier()) == head
    with pytest.raises(LogError, match="not signed by"):
        Checkpoint.open(data, WITNESS.verifier())
    foreign = str(notes.sign(str(head), WITNESS)).encode()
    with pytest.raises(LogError, match="expected one of"):
        Checkpoint.open(foreign, WITNESS.verifier())


@pytest.mark.parametrize(
    "text",
    ["a\n1\n", "a\n01\nAA==\n", "a\n-1\n" + "A" * 43 + "=\n", "a\n1\n" + "A" * 43 + "=\nmore\n",
     "\n1\n" + "A" * 43 + "=\n", "a\n1\n" + "A" * 44 + "\n"],
)  # fmt: skip
def test_another_text_is_no_checkpoint(text: str) -> None:
    """Three lines and no more: sizes without zeroes in front, roots of 32 bytes."""
    with pytest.raises(LogError):
        Checkpoint.read(notes.sign(text, LOG))


def test_a_witness_cosigns_at_a_time() -> None:
    """Its line verifies by its key for cosignatures, not by that for notes, nor elsewhere."""
    note = Tree(5).checkpoint().sign(LOG)
    line = checkpoints.cosign(note, WITNESS, 1_679_315_147)
    both = notes.read(str(note.with_signatures([line, line])).encode())
    assert len(both.signatures) == 2
    both.verify(LOG.verifier())
    assert checkpoints.cosigned_at(both, WITNESS.verifier(COSIGNATURE)) == 1_679_315_147
    with pytest.raises(LogError, match="has not cosigned"):
        checkpoints.cosigned_at(note, WITNESS.verifier(COSIGNATURE))
    with pytest.raises(LogError, match="not signed by"):
        both.verify(WITNESS.verifier())
    other = Tree(6).checkpoint().sign(LOG).with_signatures([line])
    with pytest.raises(LogError, match="is wrong"):
        checkpoints.cosigned_at(other, WITNESS.verifier(COSIGNATURE))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 70), st.data())
def test_a_proof_stands_alone(size: int, data: st.DataObject) -> None:
    """For every entry: written, read, verified; another entry, index or root does not verify."""
    tree, index = Tree(size), data.draw(st.integers(0, size - 1))
    note = tree.checkpoint().sign(LOG)
    extra = data.draw(st.binary(max_size=40))
    proof = checkpoints.prove(index, note, tree.hashes.__getitem__, extra=extra)
    again = Proof.read(str(proof).encode())
    assert again == proof
    assert again.verify(tree.leaves[index], LOG.verifier()).size == size
    with pytest.raises(LogError):
        again.verify(tree.leaves[index] + b"!", LOG.verifier())
    with pytest.raises(LogError):
        Proof(index + 1, again.hashes, note).verify(tree.leaves[index], LOG.verifier())


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_hostile_proofs_raise_our_errors_only(data: st.DataObject) -> None:
    """A proof with a few bytes changed never verifies and never fails otherwise."""
    tree = Tree(9)
    good = checkpoints.prove(4, tree.checkpoint().sign(LOG), tree.hashes.__getitem__, extra=b"x")
    changed = bytearray(str(good).encode())
    for place in data.draw(st.lists(st.integers(0, len(changed) - 1), min_size=1, max_size=3)):
        changed[place] = data.draw(st.integers(0, 255))
    try:
        found = Proof.read(bytes(changed))
        found.verify(tree.leaves[4], LOG.verifier())
    except LogError:
        return
    assert (found.index, found.hashes, found.checkpoint.text) == (
        4,
        good.hashes,
        good.checkpoint.text,
    )


def test_going_back_and_two_views_are_told_apart() -> None:
    """A shorter log, two roots for one size, a log that was written anew, another log."""
    tree = Tree(20)
    read = tree.hashes.__getitem__
    early, late = tree.checkpoint(7), tree.checkpoint(20)
    proof = merkle.consistency_proof(7, 20, read)
    checkpoints.check_follows(early, late, proof)
    cases = [
        ("log.set_back", late, early, proof),
        ("log.split_view", late, Tree(20, b"other").checkpoint(), []),
        ("log.consistency_proof", early, Tree(21, b"other").checkpoint(), proof),
        ("log.checkpoint", early, Checkpoint("elsewhere", 20, late.root), proof),
    ]
    for code, first, second, hashes in cases:
        with pytest.raises(LogError) as refused:
            checkpoints.check_follows(first, second, hashes)
        assert refused.value.code == code
