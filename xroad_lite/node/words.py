"""The vocabularies of a snapshot, read from tables that this node wrote when it read the Turtle.

Does not decide what they mean. The cache is believed: it lies where only this node writes.
"""

from __future__ import annotations

from pathlib import Path

from xroad_lite.errors import SemanticsError
from xroad_lite.registry import Snapshot
from xroad_lite.semantics import Vocabulary, load_vocabulary
from xroad_lite.semantics.cache import frozen, thawed
from xroad_lite.semantics.vocabulary import digest_of


def read_vocabulary(snapshot: Snapshot, folder: Path) -> Vocabulary:
    """The snapshot's vocabulary, from ``folder`` if it is there, else from Turtle and into it."""
    files = snapshot.vocabulary_files
    digest = digest_of(files)
    file = folder / f"{digest}.json"
    try:
        return thawed(file.read_bytes(), digest)
    except (OSError, SemanticsError):
        vocabulary = load_vocabulary(files)
        _keep(file, frozen(vocabulary))
        return vocabulary


def _keep(file: Path, data: bytes) -> None:
    """Replace what the folder holds; a cache that cannot be written is only slower."""
    temporary = file.with_name(".new")  # one process per node: what a crash left is replaced
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.write_bytes(data)
        for earlier in file.parent.glob("*.json"):
            earlier.unlink(missing_ok=True)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
