"""Writes the log's part of a bundle: entries, bodies, certificates, checkpoints, stamps, proofs.

Does not know the registry, nor the page for the expert: they come in as further files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from xroad_lite.envelope import certificate_digests
from xroad_lite.errors import LogError
from xroad_lite.keys import thumbprint
from xroad_lite.messagelog import checkpoints, entries, merkle, tiles
from xroad_lite.messagelog.checkpoints import Checkpoint
from xroad_lite.messagelog.evidence import layout, manifest
from xroad_lite.messagelog.evidence.containers import Sink
from xroad_lite.messagelog.evidence.manifest import File, Manifest
from xroad_lite.messagelog.evidence.material import Material
from xroad_lite.messagelog.notes import Note, Signer
from xroad_lite.messagelog.store import Store
from xroad_lite.messagelog.tiles import WIDTH, Tile

Named = tuple[str, bytes, str]
"""A file: its path, its bytes, and what it is."""


class Bundle:
    """A bundle that is being written: every file is noted for the manifest."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._files: dict[str, File] = {}

    @property
    def files(self) -> tuple[File, ...]:
        """What was written so far."""
        return tuple(self._files.values())

    def add(self, path: str, data: bytes, what: str) -> None:
        """Write a file; one that is there already must be the same."""
        made = File.of(path, data, what)
        if path in self._files:
            if self._files[path].sha256 != made.sha256:
                raise LogError("log.bundle", f"two different files would be {path}")
            return
        self._sink.write(path, data)
        self._files[path] = made

    def close(self, made: Manifest, signer: Signer | None) -> None:
        """Write the manifest, and the log's word for it where its key is at hand."""
        self._sink.write(manifest.PATH, made.to_json())
        if signer is not None:
            self._sink.write(manifest.NOTE, str(made.sign(signer)).encode())


def write_log(
    bundle: Bundle,
    store: Store,
    material: Material,
    chosen: list[int] | None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Write all entries that the head covers, or those chosen, and what proves them."""
    size = material.checkpoint.size
    if chosen is None:
        _write_whole(bundle, store, size, progress)
    else:
        for at, index in enumerate(chosen):
            progress(at, len(chosen))
            write_entry(bundle, store, index, material.head)
    _write_checkpoints(bundle, store, material)
    for name, data in material.revocation:
        bundle.add(f"{layout.REVOCATION}{name}", data, "revocations known when stamps were renewed")


def write_entry(bundle: Bundle, store: Store, index: int, head: Note) -> entries.Entry:
    """Write one entry with its proof and, of a message, seal, certificates and body."""
    leaf = store.leaf(index)
    entry = entries.read(leaf)
    bundle.add(layout.entry(index), leaf, f"entry {index}: {entry.kind}")
    proof = checkpoints.prove(index, head, store.read_hash)
    bundle.add(layout.proof(index), str(proof).encode(), f"that entry {index} is in the log")
    if entry.kind == "message" and entry.proven:
        digests = certificate_digests(entry.fields["header"])
        certificates = store.certificates(digests)
        _write_certificates(bundle, certificates.values())
        bundle.add(layout.seal(index), entry.seal(certificates), f"the seal of entry {index}")
    kept = store.body(index)
    if kept is not None:
        bundle.add(layout.body(index), b"".join(kept), f"salt and body of entry {index}")
    return entry


def _write_whole(
    bundle: Bundle, store: Store, size: int, progress: Callable[[int, int], None]
) -> None:
    for tile in tiles.tiles_of(size):
        bundle.add(tile.path(), tiles.hashes(tile, store.read_hash), "hashes of the tree")
    leaves = store.entries()
    for tile in tiles.bundles_of(size):
        row = [next(leaves)[1] for _ in range(tile.width)]
        bundle.add(tile.path("entries"), tiles.bundle(row), "entries of the log")
        _write_bodies(bundle, store, tile)
        progress(tile.number * WIDTH, size)
    _write_certificates(bundle, store.certificates().values())


def _write_bodies(bundle: Bundle, store: Store, tile: Tile) -> None:
    packed = []
    for index in range(tile.number * WIDTH, tile.number * WIDTH + tile.width):
        kept = b"".join(store.body(index) or ())
        if len(kept) > layout.BIG_BODY_BYTES:
            bundle.add(layout.body(index), kept, f"salt and body of entry {index}")
            kept = b""
        packed.append(kept)
    if any(packed):
        bundle.add(layout.pack(tile), layout.write_pack(packed), "salts and bodies")


def _write_certificates(bundle: Bundle, certificates: Iterable[bytes]) -> None:
    for der in sorted(certificates, key=thumbprint):
        path = layout.certificate(hashlib.sha256(der).hexdigest())
        bundle.add(path, der, "a certificate that seals name")


def _write_checkpoints(bundle: Bundle, store: Store, material: Material) -> None:
    bundle.add(layout.CHECKPOINT, str(material.head).encode(), "the log's signed head")
    keys = "".join(f"{one}\n" for one in material.keys)
    bundle.add(layout.LOG_KEYS, keys.encode(), "the log's public keys, for checkpoints")
    head = material.checkpoint
    for note in _needed(material):
        size = Checkpoint.read(note).size
        bundle.add(layout.checkpoint(size), str(note).encode(), "an earlier checkpoint")
        proof = merkle.consistency_proof(size, head.size, store.read_hash)
        lines = layout.write_hashes(proof)
        bundle.add(layout.consistency(size), lines, "that the head follows it")
    write_stamps(bundle, material)


def write_stamps(bundle: Bundle, material: Material) -> None:
    """Write the time stamps, each with what it is over."""
    numbers: dict[int, int] = {}
    for one in sorted(material.stamps, key=lambda one: (one.size, one.token)):
        numbers[one.size] = number = numbers.get(one.size, 0) + 1
        path = layout.token(one.size, number)
        bundle.add(path, one.token, f"a time stamp over the checkpoint of {one.size} entries")
        bundle.add(layout.stamped(path), one.data, "what it is over")


def _needed(material: Material) -> Iterator[Note]:
    """The earlier checkpoints, one of a size; the head is not among them."""
    stamped = [one.note for one in material.stamps]
    found = {Checkpoint.read(one).size: one for one in (*stamped, *material.earlier)}
    head = material.checkpoint.size
    yield from (found[size] for size in sorted(found) if 0 < size < head)


def describe(material: Material, chosen: list[int] | None, asked: dict[str, Any]) -> Manifest:
    """What the bundle says of itself, its files still left out."""
    head = material.checkpoint
    return Manifest(head.origin, head.size, None if chosen is None else tuple(chosen), asked)
