"""Which file of a source is read as what, and which is read as nothing; opens none."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from xroad_lite.registry.models import Agreement, Document, Ending, Group, Member, Subject
from xroad_lite.registry.source import ENDINGS
from xroad_lite.registry.trusted import TrustedInstance
from xroad_lite.stewardship.checking.findings import Finding

SUBJECT: Final = re.compile(r"schemas/([a-z0-9-]+)/([a-z0-9-]+)/subject\.yaml")
VERSION: Final = re.compile(r"schemas/([a-z0-9-]+)/([a-z0-9-]+)/([1-9][0-9]{0,5})\.(json|avsc)")
MODELS: Final[tuple[tuple[re.Pattern[str], type[Document]], ...]] = (
    (re.compile(r"members/.+\.yaml"), Member),
    (re.compile(r"groups/.+\.yaml"), Group),
    (re.compile(r"trusted/.+\.yaml"), TrustedInstance),
    (re.compile(r"agreements/.+\.ended\.yaml"), Ending),
    (re.compile(r"agreements/(?!.+\.ended\.yaml).+\.yaml"), Agreement),
    (SUBJECT, Subject),
)
"""YAML documents of which there are many, with what they are read as."""

_READ: Final = (
    "instance.yaml",
    r"schemas/[a-z0-9-]+/[a-z0-9-]+/([1-9][0-9]{0,5}\.(json|avsc)|subject\.yaml|lint\.yaml)",
    r"schemas/[a-z0-9-]+/[a-z0-9-]+/examples/.+\.json",
    r"vocabularies/(.+\.(ttl|tsv)|purposes\.yaml)",
    r"(members|groups|agreements|trusted)/.+\.yaml",
    r"agreements/.+\.yaml\.(provider|consumer)\.jws",
    r"(authorities|intermediates|crls|certificates|timestamping|services)/.+",
)
_KNOWN: Final = re.compile("|".join(f"(?:{one})" for one in _READ))
_FOLDERS: Final = ("members", "agreements", "schemas", "vocabularies", "groups", "authorities",
                   "crls", "services", "trusted")  # fmt: skip
_ALIKE: Final = {".yml": ".yaml", ".jsn": ".json", ".turtle": ".ttl", ".avro": ".avsc",
                 ".jsonld": ".ttl", ".csv": ".tsv", ".crt": ".pem", ".cer": ".pem"}  # fmt: skip
_TALK: Final = re.compile(
    r"(?i)(.*/)?(readme|license|licence|notice|changelog|contributing|codeowners|makefile)(\..*)?"
    r"|.*\.(md|rst|adoc|txt|pdf|svg|png|sh|py|toml|ini|cfg)"
)


def unread(
    documents: Iterable[str], others: Iterable[str], named: frozenset[str]
) -> Iterator[Finding]:
    """The files that nothing reads though they look as if something should.

    ``named`` are paths that documents name: authorities and the like.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for path in documents:
        if path in named or _KNOWN.fullmatch(path):
            continue
        top = path.partition("/")[0]
        if "/" in path and top not in _FOLDERS:
            folders[top].append(path)
        else:
            yield _unread(path, _advice(path))
    for top, paths in sorted(folders.items()):
        near = difflib.get_close_matches(top.lower(), _FOLDERS, 1, 0.6)
        many = f"{len(paths)} files in" if len(paths) > 1 else "1 file in"
        advice = f"did you mean {near[0]}/?" if near else "known folders: " + ", ".join(_FOLDERS)
        yield Finding(
            paths[0], "registry.unread", f"nothing reads {many} {top}/: {advice}", "warning"
        )
    for path in others:
        ending = PurePosixPath(path).suffix.lower()
        inside = path.partition("/")[0] in _FOLDERS
        if ending in _ALIKE and (inside or ending == ".yml"):
            yield _unread(path, f"did you mean {_ALIKE[ending]}?")
        elif ending in ENDINGS:
            yield _unread(path, f"endings are in small letters: {ending}")
        elif inside and not _TALK.fullmatch(path):
            near = difflib.get_close_matches(ending, sorted(ENDINGS), 1, 0.6)
            yield _unread(path, f"did you mean {near[0]}?" if near else "is it meant to be here?")


def _advice(path: str) -> str:
    top = path.partition("/")[0]
    if path.count("/") == 0:
        near = difflib.get_close_matches(path, ["instance.yaml"], 1, 0.6)
        return "did you mean instance.yaml?" if near else "move it into a folder, or remove it"
    if top == "schemas":
        return "expected schemas/<domain>/<name>/subject.yaml and <version>.json or .avsc"
    if top == "vocabularies":
        return "expected <domain>.ttl, purposes.yaml, or mappings/<domain>--<domain>.ttl or .tsv"
    return f"expected {top}/<name>.yaml"


def _unread(path: str, advice: str) -> Finding:
    return Finding(path, "registry.unread", f"nothing reads this file: {advice}", "warning")
