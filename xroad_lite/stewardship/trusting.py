"""Writes into a registry's source which other instances it trusts; does not publish it.

What the lead agency signs is the other's root, so that no node needs another way to it.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import yaml

from xroad_lite.errors import RegistryError
from xroad_lite.registry import RegistryClient, Snapshot, State
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.models import Instance
from xroad_lite.registry.source import read_source
from xroad_lite.registry.trusted import FOLDER, MAX_TRUSTED_BYTES, TrustedInstance, read_trusted

_INSTANCE = "instance.yaml"


class Trusted(NamedTuple):
    """One trusted instance as a source has it: its file, what it says, its root's SHA-256."""

    path: str
    document: TrustedInstance
    sha256: str


def listed(documents: Mapping[str, bytes]) -> list[Trusted]:
    """The trusted instances of a source or snapshot, by documents; ``RegistryError`` if faulty."""
    instance = read_document(Instance, _INSTANCE, _file(documents, _INSTANCE))
    files = _files(documents)
    return [
        Trusted(path, one, hashlib.sha256(_file(documents, one.root)).hexdigest())
        for one in read_trusted(files, instance.instance, instance.base).values()
        for path, data in files.items()
        if read_document(TrustedInstance, path, data) == one
    ]


def trust(source: Path, addresses: Sequence[str], root: bytes, *, now: float) -> Trusted:
    """Write down that the instance whose registry begins with ``root`` is trusted.

    Its newest snapshot, from the first of ``addresses`` that has it, says which instance it is.
    """
    documents = read_source(source)
    instance = look(addresses, root, now=now).snapshot.instance
    name = quote(instance.instance.lower(), safe="")
    path, root_path = f"{FOLDER}{name}.yaml", f"{FOLDER}{name}.root.json"
    written = {
        "instance": instance.instance,
        "base": instance.base,
        "title": dict(instance.title),
        "root": root_path,
        "registry": list(addresses),
    }
    text = yaml.safe_dump(written, allow_unicode=True, sort_keys=False, width=100).encode()
    others = {other: data for other, data in _files(documents).items() if other != path}
    own = read_document(Instance, _INSTANCE, _file(documents, _INSTANCE))
    read_trusted(others | {path: text}, own.instance, own.base)
    (source / FOLDER).mkdir(exist_ok=True)
    (source / root_path).write_bytes(root)
    (source / path).write_bytes(text)
    found = TrustedInstance.model_validate(written)
    return Trusted(path, found, hashlib.sha256(root).hexdigest())


def distrust(source: Path, instance: str) -> Trusted:
    """Take a trusted instance out of a source; ``RegistryError`` if it is none."""
    documents = read_source(source)
    there = {one.document.instance: one for one in listed(documents)}
    found = there.get(instance)
    if found is None:
        raise RegistryError(
            "registry.untrusted_instance",
            f"{instance} is not trusted here: {', '.join(sorted(there)) or 'no instance'} is",
            hint="see them with: xroad-lite registry trust list SOURCE",
        )
    (source / found.path).unlink()
    (source / found.document.root).unlink(missing_ok=True)
    return found


def look(addresses: Sequence[str], root: bytes, *, now: float, base: Path = Path()) -> State:
    """The newest state of a registry that is believed from ``root`` on; nothing is kept of it."""
    with tempfile.TemporaryDirectory() as folder:
        client = RegistryClient(addresses, Path(folder), root, base=base, most=MAX_TRUSTED_BYTES)
        return client.update(now, None)


def trusted_snapshots(
    snapshot: Snapshot, *, now: float, base: Path = Path()
) -> tuple[dict[str, Snapshot], dict[str, RegistryError]]:
    """The newest snapshots of the instances that one trusts, and why others cannot be had."""
    found, problems = {}, {}
    for name, one in snapshot.trusted.items():
        try:
            state = look(one.registry, snapshot.file(one.root), now=now, base=base)
            found[name] = state.snapshot
        except RegistryError as error:
            problems[name] = error
    return found, problems


def _files(documents: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        path: data
        for path, data in documents.items()
        if path.startswith(FOLDER) and path.endswith(".yaml")
    }


def _file(documents: Mapping[str, bytes], path: str) -> bytes:
    if path not in documents:
        raise RegistryError("registry.missing_file", f"{path} is not in the registry")
    return documents[path]
