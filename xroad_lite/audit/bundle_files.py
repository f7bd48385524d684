"""The checks that only a bundle needs: its files, its manifest, its tiles, its proofs.

Does not raise for what it finds: each finding names the file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from xroad_lite.audit.opening import Bundle
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.messagelog import entries, merkle, notes, tiles
from xroad_lite.messagelog.checkpoints import Checkpoint, Proof
from xroad_lite.messagelog.evidence import layout, manifest, parts
from xroad_lite.messagelog.evidence.manifest import File
from xroad_lite.messagelog.evidence.parts import Finding
from xroad_lite.messagelog.evidence.tally import Tally
from xroad_lite.messagelog.notes import Note, Verifier

_DIGEST = re.compile(r"[0-9a-f]{64}(?=[.])")
CHECKPOINT, CHECKPOINTS = layout.CHECKPOINT, layout.CHECKPOINTS
checkpoint_path = layout.checkpoint


def check(bundle: Bundle, progress: Callable[[int, int], None]) -> list[Finding]:
    """What is missing, changed, or there without being named."""
    found = []
    files = bundle.manifest.files
    names = [one.path for one in files]
    if len(set(names)) != len(names):
        found.append(_file(manifest.PATH, "it names a file twice"))
    for at, one in enumerate(files):
        found += _check_file(bundle, one)
        progress(at + 1, len(files))
    known = {*names, manifest.PATH, manifest.NOTE}
    more = [path for path in bundle.container.paths() if path not in known and path[-1] != "/"]
    found += [_file(path, "the manifest does not name it") for path in more]
    return found[: parts.MAX_FINDINGS]


def _check_file(bundle: Bundle, one: File) -> Iterator[Finding]:
    try:
        data = bundle.container.read(one.path)
    except XRoadError:
        yield _file(one.path, "it is missing, or cannot be read")
        return
    if len(data) != one.length:
        yield _file(one.path, f"it has {len(data)} bytes: the manifest says {one.length}")
    elif hashlib.sha256(data).hexdigest() != one.sha256:
        yield _file(one.path, "its bytes are not those whose SHA-256 the manifest names")


def check_signed(bundle: Bundle, keys: Sequence[Verifier]) -> list[Finding]:
    """Whether a key of the log signed the manifest."""
    try:
        note = bundle.container.read(manifest.NOTE)
    except XRoadError:
        why = "nobody has signed the manifest: who packed the bundle is not known"
        return [Finding(parts.MADE, manifest.NOTE, "log.manifest_unsigned", why, wrong=False)]
    data = bundle.container.read(manifest.PATH)
    problem: XRoadError = LogError("log.note_unsigned", "the bundle names no key of the log")
    for key in keys:
        try:
            if key.name != bundle.manifest.log:
                raise LogError("log.manifest", f"{key} is no key of {bundle.manifest.log}")
            manifest.verify(note, data, key)
        except XRoadError as error:
            problem = error
        else:
            return []
    return [Finding(parts.MADE, manifest.NOTE, problem.code, problem.message)]


def keys(bundle: Bundle) -> list[Verifier]:
    """The log's keys; ``LogError`` if the file holds something else."""
    try:
        return bundle.keys()
    except LogError as error:
        raise LogError(error.code, f"{layout.LOG_KEYS}: {error.message}") from None


def head(bundle: Bundle, note: Note) -> Checkpoint:
    """The head; ``LogError`` if it is not the one that the manifest is about."""
    try:
        found = Checkpoint.read(note)
    except LogError as error:
        raise LogError(error.code, f"{CHECKPOINT}: {error.message}") from None
    if (found.origin, found.size) != (bundle.manifest.log, bundle.manifest.size):
        raise LogError(
            "log.checkpoint",
            f"{CHECKPOINT} is of {found.origin} with {found.size} entries: the manifest says "
            f"{bundle.manifest.log} with {bundle.manifest.size}",
        )
    return found


def consistency(bundle: Bundle, size: int) -> list[bytes]:
    """The hashes of the proof that the head follows the checkpoint of a size."""
    path = layout.consistency(size)
    data = bundle.container.read(path)
    found = [notes.base64(line) for line in data.decode("ascii", "replace").splitlines()]
    if any(len(one) != 32 for one in found) or layout.write_hashes(found) != data:
        raise LogError("log.consistency_proof", f"{path} holds something else than hashes")
    return found


def check_entries(bundle: Bundle, tally: Tally, head: Checkpoint | None) -> list[Finding]:
    """Whether what was read is what the head says: by tiles, or proof by proof."""
    found = list(_check_certificates(bundle))
    if not tally.whole:
        return [*found, *_check_proofs(bundle, head)]
    if head is None:
        return found
    if tally.entries != head.size or tally.root() != head.root:
        found.append(
            Finding(
                parts.ENTRIES,
                "tile/entries",
                "log.root",
                f"the entries are not those of the checkpoint over {head.size} entries",
            )
        )
    return [*found, *_check_tiles(bundle, tally)]


def _check_tiles(bundle: Bundle, tally: Tally) -> Iterator[Finding]:
    """Tiles of level 1 and higher; those of level 0 were held against the entries."""
    rows: dict[int, list[bytes]] = {}
    for tile in tiles.tiles_of(tally.size):
        if tile.level == 0:
            continue
        if tile.level not in rows:
            rows[tile.level] = tally.row(tile.level)
        start = tile.number * tiles.WIDTH
        try:
            data = bundle.container.read(tile.path())
        except XRoadError as error:
            yield Finding(parts.ENTRIES, tile.path(), error.code, error.message)
            continue
        if data != b"".join(rows[tile.level][start : start + tile.width]):
            why = "it is not what the entries below it hash to"
            yield Finding(parts.ENTRIES, tile.path(), "log.tile", why)


def _check_certificates(bundle: Bundle) -> Iterator[Finding]:
    for path in bundle.below(layout.CERTIFICATES):
        try:
            sha256 = hashlib.sha256(bundle.container.read(path)).hexdigest()
        except XRoadError as error:
            yield Finding(parts.ENTRIES, path, error.code, error.message)
            continue
        if layout.certificate(sha256) != path:
            why = "it is not the certificate whose SHA-256 its name says"
            yield Finding(parts.ENTRIES, path, "log.certificate", why)


def check_registry(bundle: Bundle) -> Iterator[Finding]:
    """Whether each file that is named by its SHA-256 is that file."""
    folders = (layout.REGISTRY, layout.TRUSTED, layout.REVOCATION)
    for path in (path for folder in folders for path in bundle.below(folder)):
        named = _DIGEST.match(path.rpartition("/")[2])
        try:
            data = bundle.container.read(path) if named else b""
        except XRoadError as error:
            yield Finding(parts.REGISTRY, path, error.code, error.message)
            continue
        if named and hashlib.sha256(data).hexdigest() != named[0]:
            why = "it is not the file whose SHA-256 its name says"
            yield Finding(parts.REGISTRY, path, "registry.file_changed", why)


def check_tokens(bundle: Bundle, tally: Tally) -> Iterator[Finding]:
    """Whether every time stamp that the entries hold lies in the bundle as a file too."""
    there = set()
    for path in bundle.below(layout.TOKENS):
        with suppress(XRoadError):
            there.add(hashlib.sha256(bundle.container.read(path)).hexdigest())
    for entry, _, sha256 in tally.tokens:
        if sha256 not in there:
            why = f"the time stamp in it is not in {layout.TOKENS}"
            yield Finding(parts.TIME, f"entry {entry}", "log.stamp", why)


def _check_proofs(bundle: Bundle, head: Checkpoint | None) -> Iterator[Finding]:
    for index in bundle.manifest.entries or ():
        try:
            _check_proof(bundle, index, head)
        except XRoadError as error:
            yield Finding(parts.ENTRIES, f"entry {index}", error.code, error.message)


def _check_proof(bundle: Bundle, index: int, head: Checkpoint | None) -> None:
    leaf = bundle.container.read(layout.entry(index))
    path = layout.proof(index)
    try:
        proof = Proof.read(bundle.container.read(path))
        found = Checkpoint.read(proof.checkpoint)
        if proof.index != index or proof.extra:
            raise LogError("log.proof", f"it is about entry {proof.index}: expected {index} alone")
        if head is not None and found != head:
            raise LogError("log.proof", "it is held against another head than the bundle's")
        merkle.verify_inclusion(index, found.size, merkle.leaf_hash(leaf), proof.hashes, found.root)
        _check_note(bundle, proof.checkpoint)
    except LogError as error:
        raise LogError(error.code, f"{path}: {error.message}") from None
    _check_seal(bundle, index, leaf)


def _check_note(bundle: Bundle, note: Note) -> None:
    """A proof's head has the log's own signature, and none that the bundle's head has not."""
    known = bundle.note(CHECKPOINT)
    if not set(note.signatures) <= set(known.signatures):
        raise LogError("log.proof", "its checkpoint has signatures that the bundle's head has not")
    if all(one.name != bundle.manifest.log for one in note.signatures):
        raise LogError("log.proof", "its checkpoint is not signed by the log")


def _check_seal(bundle: Bundle, index: int, leaf: bytes) -> None:
    path = layout.seal(index)
    entry = entries.read(leaf)
    proven = entry.kind == "message" and entry.proven
    if proven is not (path in bundle.paths):
        raise LogError("log.seal_file", f"{path} is missing" if proven else f"{path}: of what?")
    if proven and bundle.container.read(path) != entry.seal(dict(bundle.source.certificates)):
        raise LogError("log.seal_file", f"{path} is not the seal of the entry")


def _file(path: str, message: str) -> Finding:
    return Finding(parts.FILES, path, "log.bundle_file", message)
