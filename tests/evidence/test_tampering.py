"""The tamper matrix: every file of a bundle and every field in it, changed in every way.

Twice over. Who changes a file and nothing else is found by the manifest, which names the file. Who
can write the manifest anew, without the log's key, is found by what the evidence itself says; only
the page for the expert and its programs have nothing but the manifest. A sample in the default
run; all of it with XROAD_LITE_CHAOS.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.evidence.world import World
from xroad_lite.audit.opening import Bundle
from xroad_lite.audit.report import ESTABLISHED, WRONG, Report
from xroad_lite.audit.verifying import Asked, verify
from xroad_lite.errors import LogError
from xroad_lite.messagelog import Store, tiles
from xroad_lite.messagelog.evidence.containers import Folder, missing
from xroad_lite.messagelog.evidence.manifest import NOTE, PATH, File, Manifest
from xroad_lite.testing import HEALTH

ALL = bool(os.environ.get("XROAD_LITE_CHAOS"))
MANY = 400
"""Changes that are tried of each folder with XROAD_LITE_CHAOS."""
Files = dict[str, bytes]


@dataclass
class Memory:
    """A bundle's files, to be changed."""

    files: Files
    name: str = "memory"

    def read(self, path: str) -> bytes:
        """See ``Container``."""
        if path not in self.files:
            raise missing(path, "No such file")
        return self.files[path]

    def paths(self) -> Iterator[str]:
        """See ``Container``."""
        return iter(sorted(self.files))


def judged(files: Files) -> Report | None:
    """The report; None when the manifest itself cannot be read, which says so by itself."""
    try:
        bundle = Bundle(Path("bundle"), Memory(files))
    except LogError as error:
        if error.code not in ("log.manifest", "log.bundle_file"):
            raise
        return None
    return verify(bundle, Asked(now=time.time()))


def loaded(folder: Path) -> Files:
    """All files of a bundle."""
    found = Folder(folder)
    return {path: found.read(path) for path in found.paths()}


@pytest.fixture(scope="session")
def other(world: World) -> Files:
    """Another log's bundle, of the same day and registry."""
    from xroad_lite.audit.gathering import material_of
    from xroad_lite.node import Settings

    settings = Settings.read(world.two.instance.node_folder(HEALTH), {})
    store = Store(settings.path(settings.log), readonly=True)
    try:
        signer = world.signer(HEALTH)
        made = material_of(store, [signer.verifier()], signer=signer)
    finally:
        store.close()
    log = settings.path(settings.log)
    world.export(world.folder / "other", log=log, material=made, signer=signer)
    return loaded(world.folder / "other")


# ways to change one file


def _bytes(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "truncated", data[:-1]
    yield "halved", data[: len(data) // 2]
    yield "lengthened", data + b"\n"
    for place in sorted({0, len(data) // 3, len(data) // 2, len(data) - 2}):
        if 0 <= place < len(data):
            yield f"byte {place}", data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _lines(data: bytes) -> Iterator[tuple[str, bytes]]:
    lines = data.split(b"\n")
    if not 2 < len(lines) < 40 or b"\0" in data:
        return
    for at in range(len(lines) - 1):
        yield f"line {at} out", b"\n".join(lines[:at] + lines[at + 1 :])
        if at and lines[at] != lines[at - 1]:
            swapped = [*lines[: at - 1], lines[at], lines[at - 1], *lines[at + 1 :]]
            yield f"lines {at - 1} and {at}", b"\n".join(swapped)


def _entries(path: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Entries of a bundle of them taken out, changed, and in another order."""
    if "tile/entries" not in path:
        return
    width = int(path.rpartition("/")[2]) if ".p/" in path else tiles.WIDTH
    leaves = tiles.read_bundle(data, width)
    for at, leaf in enumerate(leaves):
        yield f"entry {at} out", tiles.bundle(leaves[:at] + leaves[at + 1 :])
        if at:
            swapped = [*leaves[: at - 1], leaf, leaves[at - 1], *leaves[at + 1 :]]
            yield f"entries {at - 1} and {at}", tiles.bundle(swapped)
        for what, new in _fields(leaf):
            yield f"entry {at}: {what}", tiles.bundle([*leaves[:at], new, *leaves[at + 1 :]])


def _fields(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each field of JSON taken out, and changed; also inside texts that are JSON."""
    try:
        whole = json.loads(data)
    except ValueError:
        return
    if not isinstance(whole, dict | list):
        return
    for path in _paths(whole):
        for what, change in (("out", _out), ("changed", _changed)):
            copy = json.loads(data)
            change(copy, path)
            yield f"{'.'.join(map(str, path))} {what}", _written(copy, data)


def _written(value: Any, like: bytes) -> bytes:
    compact = b": " not in like
    return json.dumps(
        value, ensure_ascii=False, separators=(",", ":") if compact else None
    ).encode()


def _paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inside:
        yield (*here, key)
        if isinstance(one, dict | list):
            yield from _paths(one, (*here, key))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        value = value[step]
    return value


def _out(value: Any, path: tuple[Any, ...]) -> None:
    del _at(value, path)[path[-1]]


def _changed(value: Any, path: tuple[Any, ...]) -> None:
    holder = _at(value, path)
    one = holder[path[-1]]
    if isinstance(one, bool):
        holder[path[-1]] = not one
    elif isinstance(one, int):
        holder[path[-1]] = one + 1
    elif isinstance(one, str) and one:
        holder[path[-1]] = one[:-1] + ("a" if one[-1] != "a" else "b")
    else:
        holder[path[-1]] = "x"


Change = tuple[str, str, Callable[[], Files]]
"""The file, what is done to it, and the bundle's files after it."""


def changes(path: str, files: Files, others: Files) -> Iterator[Change]:
    """Every way to change one file."""
    if path not in files:
        yield path, "added", lambda: files | {path: b"x"}
        return
    data = files[path]
    for what, new in (*_bytes(data), *_lines(data), *_fields(data), *_entries(path, data)):
        if new != data:
            yield path, what, lambda new=new: files | {path: new}  # type: ignore[misc]
    yield path, "removed", lambda: {name: one for name, one in files.items() if name != path}
    if others.get(path, data) != data:
        yield path, "another bundle's", lambda: files | {path: others[path]}
    beside = [one for one in files if one.rpartition("/")[0] == path.rpartition("/")[0]]
    for one in beside[:3]:
        if files[one] != data:
            yield (
                path,
                f"swapped with {one}",
                lambda one=one: (  # type: ignore[misc]
                    files | {one: data, path: files[one]}
                ),
            )


def some(files: Files, others: Files) -> Iterator[Change]:
    """From every folder one change, another one each day; or hundreds of them, if asked for.

    The registry's metadata has 12,000 fields, which are all protected in the same way.
    """
    chance = random.Random(int(time.time() // 86_400))
    by_folder: dict[str, list[str]] = {}
    for path in (*files, "extra.txt"):
        by_folder.setdefault(path.partition("/")[0], []).append(path)
    for paths in by_folder.values():
        chosen = paths if ALL else [chance.choice(paths)]
        found = [one for path in chosen for one in changes(path, files, others)]
        yield from chance.sample(found, min(MANY if ALL else 1, len(found)))


@pytest.mark.timeout(3600 if ALL else 120)
@pytest.mark.parametrize("which", ["whole", "chosen"])
def test_every_change_is_found_and_named(
    which: str, request: pytest.FixtureRequest, other: Files
) -> None:
    """The manifest's check names the file; a manifest that was changed is no more the log's."""
    files = loaded(request.getfixturevalue(which))
    for path, what, changed in some(files, other):
        report = judged(changed())
        if report is None:
            assert PATH in (path, what.removeprefix("swapped with ")), (path, what)
            continue
        named = [one for check in report.checks for one in check.findings if path in one.place]
        if path in (PATH, NOTE):
            assert report.verdict() != ESTABLISHED, (path, what)
        else:
            assert report.checks[0].verdict == WRONG, (path, what)
            assert named, (path, what)


def listed_anew(files: Files) -> Files:
    """With a manifest that fits; the log's key is not at hand to sign it."""
    bundle = {path: data for path, data in files.items() if path not in (PATH, NOTE)}
    if PATH not in files:
        return files
    made = Manifest.read(files[PATH])
    what = {one.path: one.what for one in made.files}
    listed = tuple(File.of(path, data, what.get(path, "")) for path, data in bundle.items())
    return bundle | {PATH: replace(made, files=listed).to_json()}


ONLY_LISTED = ("README.md", "tools/", PATH, NOTE, "extra.txt")
"""What is not evidence."""
MAY_BE_FEWER = ("checkpoints/", "consistency/", "tokens/", "registry/", "log.vkeys")
"""Of these a bundle may hold fewer: less is said then, and nothing false."""


def _only_witnesses(path: str, before: bytes, after: bytes) -> bool:
    """Whether a checkpoint and the log's own signature are as they were, and witnesses fewer."""
    if not path.startswith("checkpoint") and not path.endswith(".tlog-proof"):
        return False
    text, _, lines = before.rpartition(b"\n\n")
    new_text, _, new_lines = after.rpartition(b"\n\n")
    return text == new_text and lines.split(b"\n")[0] in new_lines.split(b"\n")


@pytest.mark.timeout(3600 if ALL else 120)
@pytest.mark.parametrize("which", ["whole", "chosen"])
def test_a_manifest_written_anew_hides_nothing(
    which: str, request: pytest.FixtureRequest, other: Files
) -> None:
    """Though every file is as listed, what was changed is not established."""
    files = loaded(request.getfixturevalue(which))
    assert judged(listed_anew(files)).verdict(["origin"]) == ESTABLISHED  # type: ignore[union-attr]
    for path, what, changed in some(files, other):
        if path.startswith(ONLY_LISTED) or PATH in what:
            continue
        if what == "removed" and path.startswith(MAY_BE_FEWER):
            continue
        if _only_witnesses(path, files[path], changed().get(path, b"")):
            continue
        report = judged(listed_anew(changed()))
        assert report is not None
        assert report.verdict(["origin"]) != ESTABLISHED, (path, what)
        assert report.verdict() != ESTABLISHED
