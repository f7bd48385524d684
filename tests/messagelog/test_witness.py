"""A witness over any history: it never holds two logs for one, nor accuses an honest one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from xroad_lite.messagelog import Store, merkle
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.notes import Note, Signer
from xroad_lite.messagelog.seen import Seen, SeenTable
from xroad_lite.messagelog.witness import Earlier, hear, judge

LOG = Signer("CL/GOV/CIVIL/births", Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
SIZE = 40


class View:
    """One view of a log: the entries that two views share, then its own."""

    def __init__(self, shared: int, name: bytes) -> None:
        leaves = [b"%d" % one for one in range(shared)]
        leaves += [name + b"%d" % one for one in range(shared, SIZE)]
        self.hashes: list[bytes] = []
        for index, leaf in enumerate(leaves):
            self.hashes += merkle.Edge.read(index, self.hashes.__getitem__).add(
                merkle.leaf_hash(leaf)
            )

    def head(self, size: int) -> Checkpoint:
        """What it says of itself at a size."""
        return Checkpoint(LOG.name, size, merkle.root(size, self.hashes.__getitem__))

    def note(self, size: int) -> Note:
        """Signed."""
        return self.head(size).sign(LOG)

    def proofs(self, sizes: set[int], size: int) -> dict[int, Earlier]:
        """All that it can prove of earlier sizes."""
        return {
            one: Earlier(
                self.note(one), merkle.consistency_proof(one, size, self.hashes.__getitem__)
            )
            for one in sizes
            if one < size
        }


steps = st.lists(
    st.tuples(st.sampled_from(["A", "B"]), st.integers(1, SIZE), st.booleans()), max_size=12
)


def witnessed(
    table: SeenTable, views: dict[str, View], history: list[tuple[str, int, bool]]
) -> bool:
    """Whether a split view was found; what is asked for is proved, as far as a view can."""
    for at, (name, size, told) in enumerate(history):
        view = views[name]
        if told:
            hear(table, Seen(float(at), "told", view.note(size)))
            continue
        shown = Seen(float(at), "shown", view.note(size))
        asked = judge(table, shown, {})
        sizes = {Checkpoint.read(one).size for one in asked.known}
        found = judge(table, shown, view.proofs(sizes, size)) if sizes else asked
        assert not (found.follows and found.split)
    return bool(table.views())


def store_in(folder: str) -> SeenTable:
    """A table of its own."""
    table = SeenTable(Store(Path(folder) / "log.sqlite3"))
    table.create()
    return table


@settings(max_examples=25)
@given(history=steps)
def test_an_honest_log_is_never_accused(history: list[tuple[str, int, bool]]) -> None:
    """In whatever order its checkpoints arrive, and whoever tells of them."""
    view = View(SIZE, b"")
    with tempfile.TemporaryDirectory() as folder:
        table = store_in(folder)
        assert not witnessed(table, {"A": view, "B": view}, history)
        whole = Seen(99.0, "shown", view.note(SIZE))
        asked = {Checkpoint.read(one).size for one in judge(table, whole, {}).known}
        assert judge(table, whole, view.proofs(asked, SIZE)).follows


@settings(max_examples=40)
@given(shared=st.integers(0, 20), history=steps)
def test_two_views_are_never_both_held(shared: int, history: list[tuple[str, int, bool]]) -> None:
    """All that is held is of one log; a split view is two signed notes of one size."""
    views = {"A": View(shared, b"A"), "B": View(shared, b"B")}
    with tempfile.TemporaryDirectory() as folder:
        table = store_in(folder)
        witnessed(table, views, history)
        held = [one.checkpoint for one in table.held(LOG.name)]
        assert any(all(view.head(one.size) == one for one in held) for view in views.values())
        for split in table.views():
            one, other = Checkpoint.read(split.one), Checkpoint.read(split.other)
            for note in (split.one, split.other):
                note.verify(LOG.verifier())
            assert (one.origin, one.size) == (other.origin, other.size)
            assert one.root != other.root


@given(shared=st.integers(0, 20), first=st.integers(21, SIZE - 1), told=st.booleans())
@settings(max_examples=25)
def test_who_saw_one_view_finds_the_other(shared: int, first: int, told: bool) -> None:
    """Held or told, the view that comes later cannot prove that it grew from the other."""
    views = {"A": View(shared, b"A"), "B": View(shared, b"B")}
    with tempfile.TemporaryDirectory() as folder:
        table = store_in(folder)
        assert witnessed(table, views, [("A", first, told), ("B", SIZE, False)])
