"""Edits ``subject.yaml`` where a change is, so that comments and order stay; does not judge it.

A steward's repository is read as differences: a new version is one new line, a new status one word.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from xroad_lite.errors import RegistryError
from xroad_lite.registry.documents import read_yaml
from xroad_lite.registry.models import Reference

Mark = Any
"""A place in the text, as the parser of YAML gives it: ``index``, ``line``, ``column``."""


def new_subject(
    type_: str, kind: str, compatibility: str, owner: str, title: dict[str, str]
) -> str:
    """The text of a subject that has no version yet."""
    document = {
        "type": type_,
        "kind": kind,
        "compatibility": compatibility,
        "owner": owner,
        "title": title,
        "versions": {},
    }
    text: str = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=100)
    return text


def with_version(
    path: str, text: str, version: int, status: str, references: Sequence[Reference] = ()
) -> str:
    """The text with one more version; ``RegistryError`` names the file at ``path``."""
    listed = [one.model_dump() for one in references]
    also = f", references: {json.dumps(listed, ensure_ascii=False)}" if listed else ""
    entry = f'"{version}": {{status: {status}{also}}}'
    node = _child(path, _root(path, text), "versions")
    if not node.value:
        edited = (
            text[: node.start_mark.index].rstrip() + f"\n  {entry}" + text[node.end_mark.index :]
        )
    elif node.flow_style:
        end = node.end_mark.index - 1
        edited = text[:end].rstrip() + f", {entry}" + text[end:]
    else:
        edited = _after(text, _last(node).end_mark, " " * node.start_mark.column + entry)
    wanted = {"status": status} | ({"references": listed} if listed else {})
    return _confirmed(path, text, edited, version, wanted)


def with_status(path: str, text: str, version: int, status: str) -> str:
    """The text with another status of one version."""
    versions = _child(path, _root(path, text), "versions")
    node = _child(path, _child(path, versions, str(version)), "status")
    edited = text[: node.start_mark.index] + status + text[node.end_mark.index :]
    return _confirmed(path, text, edited, version, {"status": status})


def with_compatibility(path: str, text: str, mode: str) -> str:
    """The text with another mode of compatibility."""
    root = _root(path, text)
    if not any(key.value == "compatibility" for key, _ in root.value):
        end = _child(path, root, "kind").end_mark
        return _after(text, end, f"compatibility: {mode}")
    node = _child(path, root, "compatibility")
    return text[: node.start_mark.index] + mode + text[node.end_mark.index :]


def without_compatibility(path: str, text: str) -> str:
    """The text without a mode of compatibility: the registry's own counts then."""
    for key, value in _root(path, text).value:
        if key.value == "compatibility":
            end = text.find("\n", value.end_mark.index)
            return text[: key.start_mark.index] + (text[end + 1 :] if end >= 0 else "")
    return text


def _root(path: str, text: str) -> Any:
    if not isinstance(read_yaml(path, text.encode()), dict):
        raise RegistryError("registry.document", f"{path} is no mapping: expected type, kind, …")
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _child(path: str, node: Any, name: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return value
    raise RegistryError("registry.document", f"{path}: there is no {name}")


def _last(node: Any) -> Any:
    """The node whose end is the end of the written text: a block's own end lies beyond it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node


def _after(text: str, mark: Mark, line: str) -> str:
    """The text with a line more, after the one on which the mark stands."""
    end = text.find("\n", mark.index)
    if end < 0:
        return f"{text}\n{line}\n"
    return f"{text[:end]}\n{line}{text[end:]}"


def _confirmed(path: str, text: str, edited: str, version: int, change: dict[str, Any]) -> str:
    """The edited text, if it says what it should and nothing else."""
    wanted = read_yaml(path, text.encode())
    entry = wanted["versions"].get(str(version)) or {}
    wanted["versions"][str(version)] = entry | change
    if read_yaml(path, edited.encode()) != wanted:
        raise RegistryError(
            "registry.yaml",
            f"{path} cannot be edited as it is written",
            hint=f'write by hand below versions: "{version}": {json.dumps(change)}',
        )
    return edited
