"""Reads one registry document from bytes, refusing what two readers could understand differently.

YAML here has no aliases (no bombs), no repeated keys, no tags, and ends at 1 MiB.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from xroad_lite import strict_json
from xroad_lite.errors import RegistryError
from xroad_lite.registry.models import Document

MAX_DOCUMENT_BYTES = 1_048_576

_D = TypeVar("_D", bound=Document)


class _Loader(yaml.SafeLoader):
    """YAML without aliases, repeated keys, or dates that are no texts."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(
                problem=f"the tag {event.tag} is not allowed", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = getattr(key_node, "value", None)
            if not isinstance(key, str) or key == "<<" or key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} stands twice, or is no text",
                    problem_mark=key_node.start_mark,
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_ODD = {f"tag:yaml.org,2002:{name}" for name in ("timestamp", "int", "float")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag not in _ODD]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# YAML 1.1 counts in sixties and octal too: a number here is decimal, and of bounded length.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"-?(0|[1-9][0-9]{0,17})$"), list("-0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"-?[0-9]{1,17}\.[0-9]{1,17}$"), list("-0123456789")
)


def read_yaml(path: str, data: bytes) -> Any:
    """Parse YAML; ``RegistryError`` names the file and line."""
    check_size(path, data)
    try:
        return yaml.load(data.decode("utf-8"), Loader=_Loader)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RegistryError("registry.yaml", f"{path}:{line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RegistryError("registry.yaml", f"{path}: not YAML: {error!s:.200}") from None


def read_document(model: type[_D], path: str, data: bytes) -> _D:
    """Parse YAML into a model; ``RegistryError`` names the file and the field."""
    value = read_yaml(path, data)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the document"
        got = repr(first["input"])
        raise RegistryError(
            "registry.document",
            f"{path}: {place}: {first['msg']} (got {got if len(got) < 80 else got[:77] + '...'})",
        ) from None


def read_json(path: str, data: bytes, *, limit: int = MAX_DOCUMENT_BYTES) -> Any:
    """Parse JSON strictly; ``RegistryError`` names the file."""
    check_size(path, data, limit)
    try:
        return strict_json.loads(data)
    except strict_json.StrictJSONError as error:
        raise RegistryError("registry.json", f"{path}: {error}") from None


def check_size(path: str, data: bytes, limit: int = MAX_DOCUMENT_BYTES) -> None:
    """Refuse documents beyond 1 MiB, or another limit."""
    if len(data) > limit:
        raise RegistryError("registry.too_large", f"{path} has {len(data)} bytes: at most {limit}")
