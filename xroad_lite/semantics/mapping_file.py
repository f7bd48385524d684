"""Writes proposed cells as a mapping file that people edit. Does not decide what is proposed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from xroad_lite.semantics.names import ALIGN, RDFS, XM, XSD, short
from xroad_lite.semantics.proposing import Proposal
from xroad_lite.semantics.reconcile import namespace
from xroad_lite.semantics.values import Function

_HEAD: Final = f"""@prefix align: <{ALIGN}> .
@prefix xm: <{XM}> .
@prefix rdfs: <{RDFS}> .
@prefix xsd: <{XSD}> .
"""


def mapping_file(proposals: Sequence[Proposal], name: str) -> str:
    """The Turtle of a mapping named ``citizens--welfare``, every cell marked ``xm:proposed``.

    A marked cell is read by nobody: a steward adopts it by deleting the mark.
    """
    head = (
        f"{_HEAD}\n# Proposed for {_comment(name)}.ttl. No cell is used while its line\n"
        "# `xm:proposed true` stands: delete the line to adopt the cell, or delete the cell.\n"
    )
    return head + "".join("\n" + _cell(one, name) for one in proposals)


def _cell(one: Proposal, name: str) -> str:
    base = namespace(one.left).rstrip("#/").rpartition("/")[0] + f"/mappings/{name}#"
    local = f"{short(one.left)}--{short(one.right)}"
    lines = [
        f"<{_iri(base + quote(local, safe='-._'))}> a align:Cell",
        f"align:entity1 <{_iri(one.left)}>",
        f"align:entity2 <{_iri(one.right)}>",
        f"align:relation {_text(one.relation)}",
        f'align:measure "{one.confidence}"^^xsd:decimal',
        *([_function(one.function)] if one.function is not None else []),
        *(f"rdfs:comment {_text(reason)}@en" for reason in one.reasons),
        "xm:proposed true",
    ]
    return " ;\n    ".join(lines) + " .\n"


def _function(function: Function) -> str:
    given = "".join(f" ; xm:{name} <{_iri(str(value))}>" for name, value in function.parameters)
    return f"xm:fn [ a xm:{function.name}{given} ]"


def _iri(text: str) -> str:
    return re.sub(r"[\x00-\x20<>\"{}|^`\\]", lambda one: quote(one[0]), text)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    return " ".join(text.split())
