"""Which schema a person means: a file, a message type, or one of its versions; checks nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xroad_lite import strict_json
from xroad_lite.errors import SchemaError

if TYPE_CHECKING:
    from xroad_lite.semantics import Vocabulary
    from xroad_lite.stewardship.schema_sources import SchemaSource

Source = Annotated[
    Path | None,
    typer.Option(
        "--source",
        "-s",
        help="The registry's source directory. Default: the present one, if it has schemas/; to "
        "read, else what comes with the package.",
        envvar="XROAD_LITE_SOURCE",
    ),
]
Schema = Annotated[
    str, typer.Argument(help="A file, citizens.birth (its newest version), or citizens/birth/2.")
]
KINDS = {".json": "json", ".avsc": "avro"}
_MAX_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Given:
    """A schema as it was named; ``type`` and ``version`` are empty and 0 for a file of nobody's."""

    label: str
    kind: str
    document: Any = field(repr=False)
    data: bytes = field(repr=False)
    path: Path
    type: str = ""
    version: int = 0


def to_read(source: Path | None) -> SchemaSource:
    """The source directory, or what comes with the package."""
    from xroad_lite.stewardship.publication import bundled_root
    from xroad_lite.stewardship.schema_sources import SchemaSource

    if source is None and not Path("schemas").is_dir():
        return SchemaSource(bundled_root())
    return SchemaSource(source or Path())


def to_write(source: Path | None) -> Path:
    """The source directory; the package's own schemas are not written to."""
    found = source or Path()
    if source is None and not any((found / one).exists() for one in ("schemas", "instance.yaml")):
        raise SchemaError(
            "schema.no_source",
            "this folder has neither schemas/ nor instance.yaml: expected a registry's source",
            hint="name it with --source",
        )
    return found


def given(source: SchemaSource, text: str, kind: str = "") -> Given:
    """The schema that is meant; ``SchemaError`` says what there is instead."""
    path = Path(text)
    if path.suffix in KINDS or path.is_file():
        return _file(source, path, kind)
    type_, version = _named(text)
    if version:
        found = source.version(type_, version)
    else:
        newest = source.newest(type_)
        if newest is None:
            raise SchemaError(
                "schema.unknown_version",
                f"{type_} has no version yet",
                hint=f"begin one with: xroad-lite schema new {type_}",
            )
        found = newest
    label = f"{found.type} version {found.version}"
    return Given(
        label, found.kind, found.document, found.path.read_bytes(), found.path, found.type,
        found.version,
    )  # fmt: skip


def _named(text: str) -> tuple[str, int]:
    """``citizens.birth``, ``citizens/birth``, each with ``/2`` or not."""
    parts = text.replace(".", "/", 1).split("/")
    if len(parts) == 3 and parts[2].isascii() and parts[2].isdigit():
        return f"{parts[0]}.{parts[1]}", int(parts[2])
    return ".".join(parts), 0


def _file(source: SchemaSource, path: Path, kind: str) -> Given:
    if not path.is_file():
        raise SchemaError(
            "schema.no_file",
            f"there is no file {path}",
            hint="see what is registered with: xroad-lite schema list",
        )
    if (size := path.stat().st_size) > _MAX_BYTES:
        raise SchemaError(
            "schema.too_large",
            f"{path} has {size:,} bytes: expected a schema of at most {_MAX_BYTES:,}",
            hint="split it into files that refer to each other",
        )
    data = path.read_bytes()
    try:
        document = strict_json.loads(data)
    except strict_json.StrictJSONError as error:
        raise SchemaError("schema.not_json", f"{path}: {error}") from None
    kind = kind or ("avro" if _looks_avro(path, document) else "json")
    type_ = _type_by_place(source, path)
    number = int(path.stem) if type_ and path.stem.isdigit() else 0
    return Given(path.name, kind, document, data, path, type_, number)


def _looks_avro(path: Path, document: Any) -> bool:
    if path.suffix == ".avsc" or not isinstance(document, dict):
        return path.suffix == ".avsc"
    return document.get("type") in ("record", "enum", "fixed", "map") and "$schema" not in document


def _type_by_place(source: SchemaSource, path: Path) -> str:
    """The message type whose folder the file lies in."""
    try:
        parts = path.resolve().relative_to(source.folder.resolve()).parts
    except ValueError:
        return ""
    return f"{parts[0]}.{parts[1]}" if len(parts) == 3 else ""


def languages_of(source: SchemaSource, asked: list[str] | None) -> list[str]:
    """The languages in which everything must be named: those asked for, or the instance's."""
    if asked:
        return asked
    instance = source.instance
    return (instance.languages or list(instance.title)) if instance else []


def vocabulary_of(source: SchemaSource) -> Vocabulary:
    """The words of the source."""
    from xroad_lite.registry import read_source
    from xroad_lite.semantics import load_vocabulary

    folder = source.source / "vocabularies"
    files = read_source(folder) if folder.is_dir() else {}
    return load_vocabulary({f"vocabularies/{path}": data for path, data in files.items()})
