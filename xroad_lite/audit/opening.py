"""What there is to verify, from a path: a node's log, a bundle in a folder or a zip, or one proof.

Does not verify. Bundles are read by whatever lies in them; a log by its store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from xroad_lite.audit.registry_files import ANCHOR
from xroad_lite.errors import LogError, RegistryError
from xroad_lite.messagelog import Store, notes
from xroad_lite.messagelog.checkpoint_table import CheckpointTable
from xroad_lite.messagelog.checkpoints import Proof
from xroad_lite.messagelog.evidence import layout, manifest
from xroad_lite.messagelog.evidence.containers import Container, container
from xroad_lite.messagelog.evidence.manifest import Manifest
from xroad_lite.messagelog.evidence.parts import Source
from xroad_lite.messagelog.evidence.sources import BundleSource, ChosenSource, LogSource
from xroad_lite.messagelog.notes import Note, Verifier
from xroad_lite.registry.folder import check_bytes
from xroad_lite.registry.metadata import Read

_SQLITE = b"SQLite format 3\0"
PROOF_ENDING = ".tlog-proof"


@dataclass(frozen=True, slots=True)
class Registry:
    """Where a registry's files are read, and the root that is taken for its own."""

    anchor: bytes
    read: Read


@dataclass(slots=True)
class Log:
    """A node's own log; ``keys`` and ``registry`` are known when its node is."""

    path: Path
    store: Store
    keys: tuple[Verifier, ...] = ()
    registry: Registry | None = None
    trusted: dict[str, Registry] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        """Its entries."""
        return LogSource(self.store)

    @property
    def tokens(self) -> list[int]:
        """The entries that hold time stamps."""
        start = b'"kind":"token"'
        return [index for index, leaf in self.store.entries() if start in leaf[:40]]

    def checkpoints(self) -> list[Note]:
        """The checkpoints that it keeps, the smallest first."""
        return [one.note for one in CheckpointTable(self.store).all()]


class Bundle:
    """A bundle: its manifest is read at once, all else when it is asked for."""

    def __init__(self, path: Path, opened: Container | None = None) -> None:
        self.path = path
        self.container: Container = opened or container(path)
        self.manifest = Manifest.read(self.container.read(manifest.PATH))

    @cached_property
    def source(self) -> Source:
        """Its entries."""
        chosen = self.manifest.entries is not None
        kind = ChosenSource if chosen else BundleSource
        return kind(self.container, self.manifest)

    @cached_property
    def paths(self) -> list[str]:
        """The files that the manifest names."""
        return sorted(one.path for one in self.manifest.files)

    def below(self, folder: str) -> list[str]:
        """Those of a folder."""
        return [path for path in self.paths if path.startswith(folder)]

    def keys(self) -> list[Verifier]:
        """The log's keys, as the bundle says them."""
        data = self.container.read(layout.LOG_KEYS)
        found = [Verifier.read(line) for line in data.decode("utf-8", "replace").splitlines()]
        if "".join(f"{one}\n" for one in found).encode() != data:
            raise LogError("log.note_key", "expected one key a line, and nothing else")
        return found

    def note(self, path: str) -> Note:
        """A signed note."""
        try:
            return notes.read(self.container.read(path))
        except LogError as error:
            raise LogError(error.code, f"{path}: {error.message}") from None

    @property
    def registry(self) -> Registry | None:
        """The registry's files, None if there are none."""
        return self._registry(layout.REGISTRY)

    @property
    def trusted(self) -> dict[str, Registry]:
        """Those of other instances, by name."""
        names = {path.split("/")[1] for path in self.below(layout.TRUSTED)}
        found = {unquote(name): self._registry(f"{layout.TRUSTED}{name}/") for name in names}
        return {name: one for name, one in sorted(found.items()) if one is not None}

    def _registry(self, folder: str) -> Registry | None:
        if folder + ANCHOR not in self.paths:
            return None

        def read(path: str, limit: int, sha256: str | None = None) -> bytes:
            try:
                data = self.container.read(folder + path)
            except LogError as error:
                raise RegistryError("registry.out_of_reach", error.message) from None
            check_bytes(path, data, limit, sha256)
            return data

        return Registry(self.container.read(folder + ANCHOR), read)


@dataclass(frozen=True, slots=True)
class LoneProof:
    """One entry's proof in one file: the entry is the proof's extra data."""

    path: Path
    proof: Proof
    leaf: bytes = field(repr=False)


Evidence = Log | Bundle | LoneProof


def open_evidence(path: Path) -> Evidence:
    """What lies at a path; ``LogError`` if it is nothing that can be verified."""
    if path.is_dir():
        if not (path / manifest.PATH).is_file():
            raise _no_bundle(path)
        return Bundle(path)
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise _nothing(path, error.strerror or str(error)) from None
    if start.startswith(_SQLITE):
        return Log(path, Store(path, readonly=True))
    if start.startswith(b"c2sp.org/tlog-proof@"):
        proof = Proof.read(path.read_bytes())
        if not proof.extra:
            raise _nothing(path, "the proof does not hold its entry: verify the folder it is in")
        return LoneProof(path, proof, proof.extra)
    return Bundle(path)


def whole_evidence(path: Path) -> Log | Bundle:
    """A log or a bundle; ``LogError`` of what is neither, as the proof of one entry."""
    if not path.exists():
        raise LogError(
            "log.missing",
            f"there is no log or bundle at {path}",
            hint="name one that is there, or start the node once",
        )
    found = open_evidence(path)
    if isinstance(found, LoneProof):
        raise LogError(
            "log.no_evidence",
            f"{path} is the proof of one entry: expected a log or a bundle",
            hint="make a bundle with: xroad-lite log export --id ID OUT",
        )
    return found


def _no_bundle(folder: Path) -> LogError:
    found = _nothing(folder, f"the folder has no {manifest.PATH}")
    logs = sorted(folder.glob("*.sqlite3"))
    if (folder / "node.yaml").is_file() and logs:
        found.hint = f"it is a node's: its log is a file in it, {logs[0]}"
    return found


def _nothing(path: Path, why: str) -> LogError:
    return LogError(
        "log.no_evidence",
        f"{path} is no log, bundle or proof: {why}",
        hint="make a bundle with: xroad-lite log export --all OUT",
    )
