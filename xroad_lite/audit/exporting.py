"""Makes a bundle: the log's part, the registry behind it, the page for the expert, the manifest.

Does not decide what goes in: it is told. The same log, head and choice give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from xroad_lite import strict_json
from xroad_lite.audit import expert
from xroad_lite.audit.expert import Example
from xroad_lite.audit.registry_files import RegistryFiles
from xroad_lite.errors import XRoadError
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.evidence import layout, writing
from xroad_lite.messagelog.evidence.choosing import Choice, choose
from xroad_lite.messagelog.evidence.containers import Sink
from xroad_lite.messagelog.evidence.material import Material
from xroad_lite.messagelog.evidence.writing import Bundle
from xroad_lite.messagelog.notes import Signer
from xroad_lite.registry import RegistryFolder, Snapshot
from xroad_lite.registry.metadata import target_path


@dataclass(slots=True)
class Exported:
    """What was written."""

    entries: int
    files: int
    bytes: int
    signed: bool
    missing: list[str] = field(default_factory=list)
    """What should be in it, and could not be had."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A node's mirror of the registry, and the root that the node trusts."""

    folder: RegistryFolder
    anchor: bytes


def export(
    sink: Sink,
    store: Store,
    material: Material,
    choice: Choice,
    *,
    signer: Signer | None,
    registry: Registry | None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Exported:
    """Write a bundle into ``sink``; ``LogError`` when nothing is chosen."""
    size = material.checkpoint.size
    chosen = None if choice.everything else choose(store, size, choice)
    with sink:
        bundle = Bundle(sink)
        writing.write_log(bundle, store, material, chosen, progress)
        found = None
        if registry is not None:
            found = RegistryFiles(registry.folder, registry.anchor)
            found.add(*_snapshots(store, size, chosen))
            for path, data in sorted(found.files.items()):
                bundle.add(layout.REGISTRY + path, data, "of the registry in force then")
        for named in expert.tools():
            bundle.add(*named)
        made = writing.describe(material, chosen, choice.to_json())
        made = replace(made, files=bundle.files)
        example = next(_examples(store, range(size) if chosen is None else chosen), None)
        text = expert.page(made, example, *_authorities(registry, store, size))
        bundle.add(layout.README, text.encode(), "how to verify this with tools of others")
        bundle.close(replace(made, files=bundle.files), signer)
    return Exported(
        entries=size if chosen is None else len(chosen),
        files=len(bundle.files),
        bytes=sum(one.length for one in bundle.files),
        signed=signer is not None,
        missing=[] if found is None else found.missing,
    )


def _snapshots(store: Store, size: int, chosen: list[int] | None) -> tuple[list[str], list[str]]:
    """The snapshots that the log adopted, and those that the entries name."""
    adopted: dict[str, None] = {}
    named: dict[str, None] = {}
    picked = None if chosen is None else set(chosen)
    for index, leaf in store.entries():
        if index >= size:
            break
        if picked is not None and index not in picked:
            continue
        entry = entries.read(leaf)
        if entry.kind == "snapshot":
            adopted[entry.fields["registry"]] = None
        elif entry.kind == "message":
            named[entry.fields["registry"]] = None
            if entry.proven:
                named[strict_json.loads(entry.fields["payload"].encode())["registry"]] = None
    last = list(adopted)[-1:]
    return list(adopted), [*named, *last]


def example_of(store: Store, index: int) -> Example | None:
    """The entry as an example for the expert; None if it holds no seal."""
    entry = store.entry(index)
    if entry.kind != "message" or not entry.proven:
        return None
    header = strict_json.loads(entry.fields["header"].encode())
    return Example(index, header["alg"], header["iat"], store.body(index) is None)


def _examples(store: Store, indexes: Iterable[int]) -> Iterator[Example]:
    for index in indexes:
        found = example_of(store, index)
        if found is not None:
            yield found


def _authorities(registry: Registry | None, store: Store, size: int) -> tuple[list[str], list[str]]:
    """Where, in the bundle, the certificates of trusted and of stamping authorities lie."""
    if registry is None:
        return [], []
    adopted = _snapshots(store, size, None)[0]
    try:
        snapshot = registry.folder.load(registry.folder.head(adopted[-1]))
    except (XRoadError, IndexError):
        return [], []
    stamping = [one.certificate for one in snapshot.instance.timestamping]
    return _places(snapshot, snapshot.instance.authorities), _places(snapshot, stamping)


def _places(snapshot: Snapshot, paths: Iterable[str]) -> list[str]:
    import hashlib

    return [
        layout.REGISTRY + target_path(path, hashlib.sha256(snapshot.file(path)).hexdigest())
        for path in dict.fromkeys(paths)
    ]
