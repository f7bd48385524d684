"""Whether one Avro schema reads what another writes; Avro's own compatibility module decides.

The walk here only finds the words: where the module says that two types do not go together, it
looks for the types inside that are the reason. Two rules are added, since that module does not look
at logical types: a decimal's scale may not change nor its digits become fewer, and a date, time or
time stamp may not become another one. Both change what a number means while every reader still
reads it (Apache Avro 1.12 specification, "Schema Resolution" and "Logical Types").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.errors import SchemaError
from xroad_lite.schema.avro_types import AvroDocuments
from xroad_lite.schema.evolution.findings import Incompatibility
from xroad_lite.schema.evolution.modes import Question
from xroad_lite.schema.limits import check_size
from xroad_lite.schema.pointers import pointer
from xroad_lite.schema.violations import shortened

_ADVICE = {
    "field_without_default": "Give the field a default, or make its type a union with null first.",
    "name_changed": "Keep the name, or list the old one in the aliases of the new type.",
    "size_changed": "Keep the size, or add a new field of the new size.",
    "symbols_removed": "Keep the symbols, or give the enum a default that stands for those gone.",
    "branch_removed": "Keep every branch of the union.",
    "type_changed": "Keep the type, or make it a union that also holds the old one.",
    "logical_type_changed": "Keep the logical type and its scale, or add a new field.",
}
_LOGICAL = "x-logical-type"
_MAX_DEPTH = 60


def check_avro(question: Question, resources: Mapping[str, Any]) -> list[Incompatibility]:
    """What the reader cannot read of what the writer may write."""
    from avro.compatibility import ReaderWriterCompatibilityChecker as Checker

    reader = _parsed(question.reader, resources)
    writer = _parsed(question.writer, resources)
    walk = _Walk(Checker(), question)  # type: ignore[no-untyped-call]
    try:
        walk.compare(reader, writer, ())
    except RecursionError:
        raise SchemaError(
            "schema.too_deep", "the types of the two versions nest too deep to compare"
        ) from None
    return walk.found


def _parsed(document: Any, resources: Mapping[str, Any]) -> Any:
    """The schema as ``avro`` knows it, with the files that its names need."""
    from avro.errors import AvroException
    from avro.name import Names
    from avro.schema import make_avsc_object

    check_size(document)
    names = Names()
    if resources:
        needed = AvroDocuments(resources)
        needed.read(document)
        for resource in needed.order[:-1]:
            _made(resource, names, make_avsc_object, AvroException)
    return _made(document, names, make_avsc_object, AvroException)


def _made(document: Any, names: Any, make: Any, refused: type[Exception]) -> Any:
    try:
        return make(_renamed(document), names, validate_enum_symbols=False)
    except (refused, ValueError, TypeError, LookupError, AttributeError) as error:
        raise SchemaError(
            "schema.invalid", f"the schema is no Avro: {shortened(str(error))}"
        ) from None


def _renamed(document: Any) -> Any:
    """A copy in which logical types go by another name: ``avro`` warns of all that it lacks."""
    if isinstance(document, list):
        return [_renamed(item) for item in document]
    if isinstance(document, dict):
        return {
            _LOGICAL if name == "logicalType" else name: _renamed(item)
            for name, item in document.items()
        }
    return document


@dataclass(slots=True)
class _Walk:
    """Two types side by side, and inside them wherever they do not go together."""

    checker: Any
    question: Question
    found: list[Incompatibility] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def compare(self, reader: Any, writer: Any, path: tuple[str, ...]) -> None:
        """Add the reasons for which the reader's type cannot read the writer's."""
        if (id(reader), id(writer)) in self._seen or len(path) > _MAX_DEPTH:
            return
        self._seen.add((id(reader), id(writer)))
        before = len(self.found)
        self._compare_logical(reader, writer, path)
        self._compare_parts(reader, writer, path)
        if len(self.found) == before and not self._is_compatible(reader, writer):
            self._add("type_changed", path, _types(reader, writer))

    def _is_compatible(self, reader: Any, writer: Any) -> bool:
        from avro.compatibility import SchemaCompatibilityType

        result = self.checker.get_compatibility(reader, writer)
        return bool(result.compatibility is not SchemaCompatibilityType.incompatible)

    def _compare_parts(self, reader: Any, writer: Any, path: tuple[str, ...]) -> None:
        kinds = (reader.type, writer.type)
        if "union" in kinds:
            self._compare_unions(reader, writer, path)
        elif kinds == ("array", "array"):
            self.compare(reader.items, writer.items, (*path, "*"))
        elif kinds == ("map", "map"):
            self.compare(reader.values, writer.values, (*path, "*"))
        elif reader.type == writer.type and hasattr(reader, "fullname"):
            self._compare_named(reader, writer, path)

    def _compare_named(self, reader: Any, writer: Any, path: tuple[str, ...]) -> None:
        from avro.compatibility import schema_name_equals

        if reader.type in ("record", "enum", "fixed") and not schema_name_equals(reader, writer):
            self._add("name_changed", path, f"{writer.fullname} became {reader.fullname}")
        elif reader.type == "record":
            self._compare_fields(reader, writer, path)
        elif reader.type == "fixed" and reader.size != writer.size:
            self._add("size_changed", path, f"{writer.size} bytes became {reader.size}")
        elif reader.type == "enum" and not self._is_compatible(reader, writer):
            gone = sorted(set(writer.symbols) - set(reader.symbols))
            self._add("symbols_removed", path, f"{shortened(', '.join(gone))} may be written")

    def _compare_fields(self, reader: Any, writer: Any, path: tuple[str, ...]) -> None:
        from avro.compatibility import lookup_writer_field

        for item in reader.fields:
            other = lookup_writer_field(writer_schema=writer, reader_field=item)
            if other is not None:
                self.compare(item.type, other.type, (*path, item.name))
            elif not item.has_default:
                self._add(
                    "field_without_default",
                    (*path, item.name),
                    f"{self.question.writer_name} does not write the field {item.name}",
                )

    def _compare_unions(self, reader: Any, writer: Any, path: tuple[str, ...]) -> None:
        """Each branch that may be written needs one that reads it."""
        written = writer.schemas if writer.type == "union" else [writer]
        reading = reader.schemas if reader.type == "union" else [reader]
        for branch in written:
            fitting = [other for other in reading if self._is_compatible(other, branch)]
            if fitting:
                alike = [other for other in fitting if other.type == branch.type]
                reads = (alike or fitting)[0]
                self.compare(reads, branch, path)
            elif len(near := [other for other in reading if other.type == branch.type]) == 1:
                self.compare(near[0], branch, path)
            else:
                self._add("branch_removed", path, f"nothing reads {_named(branch)}")

    def _compare_logical(self, reader: Any, writer: Any, path: tuple[str, ...]) -> None:
        mine, other = _logical(reader), _logical(writer)
        kinds = (reader.type, writer.type)
        promoted = kinds[0] != kinds[1] and "union" not in kinds
        # any number is a day or a moment, but not any text a UUID, or any bytes few digits
        narrowed = bool(mine and other) or mine in ("uuid", "decimal")
        if "union" not in kinds and mine != other and (narrowed or promoted):
            names = f"{other or writer.type} became {mine or reader.type}"
            self._add("logical_type_changed", path, names)
        elif mine == "decimal" and _narrowed(reader, writer):
            self._add(
                "logical_type_changed",
                path,
                f"{_decimal(writer)} became {_decimal(reader)}",
            )

    def _add(self, change: str, path: tuple[str, ...], reason: str) -> None:
        names = f"{self.question.reader_name} cannot read {self.question.writer_name}"
        finding = Incompatibility(pointer(path), change, f"{names}: {reason}", _ADVICE[change])
        if finding not in self.found:
            self.found.append(finding)


def _logical(schema: Any) -> str:
    name = schema.other_props.get(_LOGICAL)
    return name if isinstance(name, str) else ""


def _property(schema: Any, name: str) -> int:
    value = schema.props.get(name, schema.other_props.get(name, 0))
    return value if isinstance(value, int) else 0


def _narrowed(reader: Any, writer: Any) -> bool:
    if _property(reader, "scale") != _property(writer, "scale"):
        return True
    return _property(reader, "precision") < _property(writer, "precision")


def _decimal(schema: Any) -> str:
    return f"decimal({_property(schema, 'precision')}, {_property(schema, 'scale')})"


def _named(schema: Any) -> str:
    return str(getattr(schema, "fullname", schema.type))


def _types(reader: Any, writer: Any) -> str:
    return f"{_named(writer)} became {_named(reader)}"
