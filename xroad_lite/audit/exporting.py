"""Makes a bundle: the log's part, the registry behind it, the page for the expert, the manifest.

Does not decide what goes in: it is told. The same log, head and choice give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from xroad_lite import strict_json
from xroad_lite.audit import expert
from xroad_lite.audit.asice import AsiceSink
from xroad_lite.audit.expert import Example
from xroad_lite.audit.registry_files import RegistryFiles
from xroad_lite.errors import RegistryError, XRoadError
from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.evidence import layout, writing
from xroad_lite.messagelog.evidence.choosing import Choice, choose
from xroad_lite.messagelog.evidence.containers import Sink
from xroad_lite.messagelog.evidence.material import Material
from xroad_lite.messagelog.evidence.writing import Bundle
from xroad_lite.messagelog.notes import Signer
from xroad_lite.registry import RegistryFolder, Snapshot
from xroad_lite.registry.metadata import target_path
from xroad_lite.registry.trusted import instance_of

_NEVER = "registry.never_published"
"""So a message was refused that names a snapshot which nobody can have."""


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
    mirrors: Callable[[str, bytes], RegistryFolder] | None = None
    """Those of the instances that it trusts: by name and root."""


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
        missing = (
            [] if registry is None else _write_registries(bundle, store, size, chosen, registry)
        )
        for named in expert.tools():
            bundle.add(*named)
        made = writing.describe(material, chosen, choice.to_json())
        made = replace(made, files=bundle.files)
        example = next(_examples(store, range(size) if chosen is None else chosen), None)
        framed_at = sink.seal.at if isinstance(sink, AsiceSink) else None
        trusted = _authorities(registry, store, size)
        text = expert.page(made, example, *trusted, framed_at=framed_at)
        bundle.add(layout.README, text.encode(), "how to verify this with tools of others")
        bundle.close(replace(made, files=bundle.files), signer)
    return Exported(
        entries=size if chosen is None else len(chosen),
        files=len(bundle.files),
        bytes=sum(one.length for one in bundle.files),
        signed=signer is not None,
        missing=missing,
    )


@dataclass(slots=True)
class _Named:
    """The snapshots of one registry: those that the log adopted, those that its messages name."""

    adopted: dict[str, None] = field(default_factory=dict)
    named: dict[str, None] = field(default_factory=dict)

    @property
    def wanted(self) -> list[str]:
        """What must be in the bundle whole."""
        return list(dict.fromkeys([*self.named, *list(self.adopted)[-1:]]))


def _write_registries(
    bundle: Bundle, store: Store, size: int, chosen: list[int] | None, registry: Registry
) -> list[str]:
    """Write the files of every registry that the entries rest on; gives what could not be had."""
    lines = _snapshots(store, size, chosen)
    own = RegistryFiles(registry.folder, registry.anchor)
    own.add(lines[""].adopted, lines[""].wanted)
    what = "of the registry in force then"
    for path, data in sorted(own.files.items()):
        bundle.add(layout.REGISTRY + path, data, what)
    missing = own.missing
    for name, one in sorted(lines.items()):
        if name and registry.mirrors is not None:
            root = _root_of(registry.folder, lines[""], name)
            other = RegistryFiles(registry.mirrors(name, root), root)
            other.add(one.adopted, one.wanted)
            for path, data in sorted(other.files.items()):
                place = f"{layout.TRUSTED}{quote(name, safe='')}/{path}"
                bundle.add(place, data, f"of the registry of {name}, which was trusted")
            missing += [f"{name}: {text}" for text in other.missing]
    return missing


def _root_of(folder: RegistryFolder, own: _Named, instance: str) -> bytes:
    """The root from which another instance was believed, as the newest own snapshot says it."""
    for name in reversed(own.adopted):
        snapshot = folder.load(folder.head(name))
        if instance in snapshot.trusted:
            return snapshot.file(snapshot.trusted[instance].root)
    raise RegistryError("registry.not_trusted", f"no snapshot that was adopted trusts {instance}")


def _snapshots(store: Store, size: int, chosen: list[int] | None) -> dict[str, _Named]:
    """The snapshots by registry: "" for the log's own, else by the name of the instance."""
    lines = {"": _Named()}
    picked = None if chosen is None else set(chosen)
    sealed: list[tuple[str, str]] = []
    for index, leaf in store.entries():
        if index >= size:
            break
        if picked is not None and index not in picked:
            continue
        entry = entries.read(leaf)
        if entry.kind == "snapshot":
            line = lines.setdefault(entry.fields.get("instance", ""), _Named())
            line.adopted[entry.fields["registry"]] = None
        elif entry.kind == "message":
            lines[""].named[entry.fields["registry"]] = None
            if entry.proven and _refused_as(entry) != _NEVER:
                said = strict_json.loads(entry.fields["payload"].encode())
                sealed.append((instance_of(said["source"]), said["registry"]))
    for instance, name in dict.fromkeys(sealed):
        lines.get(instance, lines[""]).named[name] = None
    return lines


def _refused_as(entry: entries.Entry) -> str | None:
    """The code of a message that was refused."""
    return (entry.fields.get("verdict") or {}).get("code")


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
    adopted = _snapshots(store, size, None)[""].adopted
    try:
        snapshot = registry.folder.load(registry.folder.head(list(adopted)[-1]))
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
