"""A drop folder, here or on an SFTP server: its files are published row by row, each row once.

Received messages become files. README.md says what a file goes through.
"""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial
from typing import Any

from xroad_lite import (
    Columns,
    Message,
    Node,
    Progress,
    XRoadError,
    open_folder,
    read_rows,
    run_adapter,
    write_faults,
)

UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", "~")


@dataclass(frozen=True)
class Drop:
    """A folder of files with rows of one message type."""

    type: str
    folder: str
    files: str = "*"
    form: str | None = None
    encoding: str = "utf-8"
    separator: str = ","
    element: str | None = None
    columns: dict[str, Any] | None = None
    constants: dict[str, Any] | None = None
    subject: str | None = None
    quiet: float = 2.0
    patience: float = 60.0
    reads: str | None = None
    sftp: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Configuration:
    """What adapter.yaml says; README.md explains it."""

    node: str
    every: float = 2.0
    publish: list[Drop] = field(default_factory=list)
    receive: list[Drop] = field(default_factory=list)


class FilesAdapter:
    """The node and the folders, joined as the configuration says."""

    def __init__(self, node: Node, configuration: Configuration) -> None:
        self.node, self.drops = node, configuration.publish
        self.columns = {id(one): Columns.of(one.columns, one.constants) for one in self.drops}
        self.folders: dict[str, Any] = {}
        self.seen: dict[int, dict[str, Any]] = {}
        for one in configuration.receive:
            node.subscribe(one.type, reads=one.reads)(partial(self.receive, one))

    def folder(self, one: Drop) -> Any:
        """Its folder, opened once for as long as it is well."""
        if one.folder not in self.folders:
            self.folders[one.folder] = open_folder(one.folder, **one.sftp)
        return self.folders[one.folder]

    def poll(self) -> int:
        """Take what is complete, publish what was taken; gives how many rows."""
        try:
            return sum(self.take(one, self.folder(one)) for one in self.drops)
        except Exception:
            self.folders.clear()  # whatever it was, the next round connects again
            raise

    def take(self, one: Drop, folder: Any) -> int:
        """One round in one folder: a file is in ``working`` under a name of its own."""
        for name in ("working", "done", "bad"):
            folder.make(name)
        for name in self.complete(one, folder):
            folder.move(name, f"working/{time.strftime('%Y%m%dT%H%M%S')}-{time.time_ns()}-{name}")
        names = sorted(name for name in folder.files("working") if fnmatch(name, f"*-{one.files}"))
        return sum(self.publish(one, folder, name) for name in names)

    def complete(self, one: Drop, folder: Any) -> Iterator[str]:
        """Files that nobody writes any more: unchanged for a while, longer if they look cut off."""
        known, now = self.seen.get(id(one), {}), time.monotonic()
        found = {name: state for name, state in folder.files().items() if fnmatch(name, one.files)}
        self.seen[id(one)] = {}
        for name, state in sorted(found.items()):
            before, since = known.get(name, (state, now))
            since = since if before == state else now
            self.seen[id(one)][name] = state, since
            hidden = name.startswith(".") or name.endswith(UNFINISHED)
            whole = now - since >= one.quiet and looks_whole(folder, name, state[0])
            if not hidden and (whole or now - since >= one.patience):
                yield name

    def publish(self, one: Drop, folder: Any, name: str) -> int:
        """Publish the rows of a file, and put it away with what is wrong beside it."""
        before = folder.files("working")[name]
        form = one.form or name.rpartition(".")[2].lower()
        columns = self.columns[id(one)] if one.columns or form == "csv" else None
        options = {"columns": columns, "sparse": form != "csv", "subject": one.subject}
        progress = Progress(self.node, f"{one.folder} {name}", one.type, **options)
        reading = {"encoding": one.encoding, "separator": one.separator, "element": one.element}
        with folder.open(f"working/{name}") as stream:
            count = progress.take(read_rows(stream, form, **reading))
        if folder.files("working").get(name) != before:
            return count  # it was written on: the next round goes on
        kept = "done"
        if faults := progress.faults():
            kept, (text, ending) = "bad", write_faults(faults, form, separator=one.separator)
            folder.write(f"bad/{name}.reasons.{ending}", text.encode(one.encoding, "replace"))
        folder.move(f"working/{name}", f"{kept}/{name}")
        progress.forget()
        return count

    def receive(self, one: Drop, message: Message) -> None:
        """Write a message as a file with its id as name; wait while the folder is away."""
        about = {name: getattr(message, name) for name in ("id", "type", "source", "subject")}
        data = json.dumps(about | {"body": message.body}, ensure_ascii=False).encode() + b"\n"
        while True:
            try:
                self.folder(one).make("")
                return self.folder(one).write(f"{message.id}.json", data)
            except (OSError, XRoadError) as error:
                logging.getLogger("xroad_lite").warning("%s: %s; trying again", one.folder, error)
                self.folders.clear()
                time.sleep(1)


def looks_whole(folder: Any, name: str, size: int) -> bool:
    """Whether the last byte ends a line or an element."""
    if not size:
        return False
    with folder.open(name) as file:
        file.seek(size - 1)
        return file.read(1) in (b"\n", b">")


if __name__ == "__main__":
    run_adapter(FilesAdapter, Configuration)
