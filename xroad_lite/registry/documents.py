"""Reads one registry document from bytes, refusing what two readers could understand differently.

Does not read files. Documents end at 1 MiB; ``yaml_values`` says which YAML is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from xroad_lite import strict_json
from xroad_lite.errors import RegistryError
from xroad_lite.registry import places, yaml_values
from xroad_lite.registry.models import Document
from xroad_lite.registry.yaml_values import Path

MAX_DOCUMENT_BYTES = 1_048_576
MAX_VOCABULARY_BYTES = 8 * MAX_DOCUMENT_BYTES
"""Code lists of a State are long; what is longer than this is better split by domain."""

_D = TypeVar("_D", bound=Document)


class DocumentError(RegistryError):
    """A document that cannot be read: ``problem`` is the message without path and line."""

    def __init__(self, code: str, path: str, line: int, column: int, problem: str) -> None:
        super().__init__(code, f"{path}:{line}: {problem}")
        self.path = path
        self.line = line
        self.column = column
        self.problem = problem


class Fault(NamedTuple):
    """What is wrong with one value of a document: its path, a sentence, whether it is missing."""

    at: Path
    problem: str
    is_missing: bool


def read_yaml(path: str, data: bytes) -> Any:
    """Parse YAML; ``DocumentError`` names the file and line."""
    check_size(path, data)
    try:
        return yaml_values.read(data)
    except yaml_values.YAMLRefusedError as fault:
        raise DocumentError(
            "registry.yaml", path, fault.line, fault.column, fault.problem
        ) from None


def read_document(model: type[_D], path: str, data: bytes) -> _D:
    """Parse YAML into a model; ``DocumentError`` names the file, the line and the field."""
    value = read_yaml(path, data)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fault = next(faults(error))
        line, column = places.places(path, data, [fault.at])[fault.at]
        raise DocumentError("registry.document", path, line, column, fault.problem) from None


def faults(error: ValidationError) -> Iterator[Fault]:
    """Each fault that pydantic found, in the words of this project."""
    for detail in error.errors(include_url=False):
        at = tuple(step for step in detail["loc"] if step != "[key]")
        where = ".".join(str(step) for step in at) or "the document"
        yield Fault(at, f"{where}: {_sentence(detail)}", detail["type"] == "missing")


def _sentence(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing"
    if detail["type"] == "extra_forbidden":
        return "there is no such field"
    expected = detail["msg"].removeprefix("Value error, ").replace("Input should be", "expected", 1)
    got = repr(detail["input"])
    return f"{expected} (got {got if len(got) < 80 else got[:77] + '...'})"


def read_json(path: str, data: bytes, *, limit: int = MAX_DOCUMENT_BYTES) -> Any:
    """Parse JSON strictly; ``DocumentError`` names the file and line."""
    check_size(path, data, limit)
    try:
        return strict_json.loads(data)
    except strict_json.StrictJSONError as error:
        line, column = places.json_fault(data)
        raise DocumentError("registry.json", path, line, column, str(error)) from None


def limit_of(path: str) -> int:
    """How many bytes the file at ``path`` may have."""
    return MAX_VOCABULARY_BYTES if path.endswith((".ttl", ".tsv")) else MAX_DOCUMENT_BYTES


def check_size(path: str, data: bytes, limit: int = MAX_DOCUMENT_BYTES) -> None:
    """Refuse documents beyond 1 MiB, or another limit."""
    if len(data) > limit:
        raise RegistryError("registry.too_large", f"{path} has {len(data)} bytes: at most {limit}")
