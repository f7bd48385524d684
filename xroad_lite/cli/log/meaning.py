"""``xroad-lite log``: messages as RDF, and held against the shapes of their schemas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.log.app import LogOption, holder_at, log_app, log_file
from xroad_lite.errors import (
    ConfigurationError,
    EncryptionError,
    LogError,
    RegistryError,
    XRoadError,
)

if TYPE_CHECKING:
    from rdflib import Graph

    from xroad_lite.encryption import Holder
    from xroad_lite.messagelog import Store
    from xroad_lite.registry import RegistryFolder, SchemaVersion, Snapshot
    from xroad_lite.semantics.rdf.shapes import Violation


@dataclass(frozen=True, slots=True)
class Meant:
    """A logged message with its body read, and the schema that says what it means."""

    root: str
    type: str
    body: Any
    schema: SchemaVersion


@dataclass(slots=True)
class Reader:
    """Reads logged bodies by the schemas of their day."""

    store: Store
    registry: RegistryFolder
    holder: Holder
    _snapshots: dict[str, Snapshot] = field(default_factory=dict)

    @classmethod
    def of_node(cls, store: Store, node: Path) -> Reader:
        """A reader with the registry that the node is set up with."""
        from xroad_lite.node import Settings

        return cls(store, Settings.read(node).registry_client().mirror, holder_at(node))

    def message(self, index: int) -> Meant:
        """The message of one entry; ``LogError`` where there is none that can be read."""
        from xroad_lite.exchange.compiled import compiled_schema
        from xroad_lite.semantics.rdf.statements import message_iri

        entry = self.store.entry(index)
        if entry.kind != "message" or not entry.proven:
            raise _no_meaning(index, f"it is no proven message, but {entry.kind}")
        stored, sealed = self.store.body(index), entry.attributes()
        if stored is None:
            raise _no_meaning(index, "its body is erased")
        snapshot = self._snapshot(index, entry.fields["registry"])
        schema = snapshot.schema(sealed["dataschema"])
        if schema is None:
            raise _no_meaning(index, f"snapshot {snapshot.name} has no {sealed['dataschema']}")
        try:
            plain = self.holder.logged_body(sealed, stored[1])
        except EncryptionError as error:
            raise _no_meaning(index, f"its body is confidential: {error.message}") from None
        body = compiled_schema(snapshot, schema).decode(plain)
        return Meant(message_iri(sealed["id"]), sealed["type"], body, schema)

    def _snapshot(self, index: int, name: str) -> Snapshot:
        if name not in self._snapshots:
            try:
                self._snapshots[name] = self.registry.load(self.registry.head(name))
            except RegistryError as error:
                why = f"this registry does not have its snapshot {name}: {error.message}"
                raise _no_meaning(index, why) from None
        return self._snapshots[name]


def _no_meaning(index: int, why: str) -> LogError:
    return LogError(
        "log.no_meaning",
        f"entry {index} cannot be read as RDF: {why}",
        hint="list the entries with: xroad-lite log show",
    )


def show_as(store: Store, node: Path, index: int | None, form: str) -> None:
    """Print one message in a form of RDF; ``ConfigurationError`` for another form, or no entry."""
    from xroad_lite.semantics.rdf import FORMS, written

    if form not in FORMS or index is None:
        got = "no entry was named" if index is None else f"got --as {form}"
        raise ConfigurationError(
            "config.form",
            f"{got}: expected an entry, and one of {', '.join(FORMS)}",
            hint="for example: xroad-lite log show 1 --as turtle",
        )
    meant = Reader.of_node(store, node).message(index)
    text = written(form, meant.body, meant.schema.document, meant.root)
    output.give(
        {"entry": index, "form": form, "iri": meant.root, "document": text},
        lambda: output.out.out(text.rstrip("\n"), highlight=False),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """What came of one message: nothing wrong, violations, or why it was not looked at."""

    entry: int
    type: str
    violations: tuple[Violation, ...] = ()
    skipped: str = ""


@log_app.command("shacl")
@output.command
def shacl(
    entry: Annotated[int | None, typer.Argument(help="One entry alone.")] = None,
    node: options.NodeFolder = Path(),
    log: LogOption = None,
    json: options.Json = False,
) -> None:
    """Hold logged messages, as RDF, against the SHACL shapes of their schemas.

    Exit code 1 if one does not conform. What cannot be read (erased, encrypted) is counted.
    """
    from xroad_lite.messagelog import Store

    store = Store(log_file(node, log), readonly=True)
    with output.progress("holding against shapes") as progress:
        found = []
        for one in _held(Reader.of_node(store, node), store, entry):
            found.append(one)
            progress("messages held against shapes", one.entry, store.size)
    wrong = [one for one in found if one.violations]
    skipped = [one for one in found if one.skipped]
    value = {
        "ok": not wrong,
        "messages": len(found) - len(skipped),
        "skipped": [{"entry": one.entry, "reason": one.skipped} for one in skipped],
        "violations": [
            {"entry": one.entry, "type": one.type, **asdict(each)}
            for one in wrong
            for each in one.violations
        ],
    }
    output.give(value, lambda: _people(found))
    if wrong:
        raise typer.Exit(output.FOUND_WRONG)


def _held(reader: Reader, store: Store, only: int | None) -> Iterator[Held]:
    known: dict[str, Graph] = {}
    for index in range(store.size) if only is None else [only]:
        if only is None and store.entry(index).kind != "message":
            continue
        try:
            yield _one(reader, index, known)
        except XRoadError as error:
            if only is not None:
                raise
            yield Held(index, "", skipped=str(error))


def _one(reader: Reader, index: int, known: dict[str, Graph]) -> Held:
    from xroad_lite.semantics.rdf import meaning, shapes, statements, violations
    from xroad_lite.semantics.rdf.documents import as_graph

    meant = reader.message(index)
    iri = meant.schema.iri
    if iri not in known:
        known[iri] = shapes(meant.schema.document, iri)
    data = as_graph(statements(meant.body, meaning(meant.schema.document), meant.root))
    return Held(index, meant.type, tuple(violations(data, known[iri], iri, meant.root)))


def _people(found: list[Held]) -> None:
    for one in found:
        if one.skipped:
            output.paragraph(f"[yellow]not held[/] {escape(one.skipped)}")
        for each in one.violations:
            output.paragraph(
                f"[bold red]wrong[/] entry {one.entry}: {escape(one.type)}: "
                f"{escape(each.path)}: {escape(each.detail)}"
            )
    good = sum(not one.skipped and not one.violations for one in found)
    output.out.print(f"{good} of {len(found)} messages conform to the shapes of their schemas")
