"""A line of schemas, each referring to the one before: refused in a time that grows with it."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from xroad_lite.registry.resources import MAX_DEPTH
from xroad_lite.schema.references import MAX_FILES
from xroad_lite.stewardship import check_registry

NOW = 1_790_000_000.0
BASE = "https://xx.example/"
LENGTH = 200


def line(kind: str, names: list[int]) -> dict[str, bytes]:
    """A registry of schemas, named by numbers, each with the one before it in a property."""
    found = {"instance.yaml": f"instance: XX\nbase: {BASE}\ntitle: {{en: x}}\n".encode()}
    for me, before in zip(names, [None, *names], strict=False):
        folder, version = f"schemas/d/s{me}", {"status": "active"}
        listed = [{"name": f"x.R{before}", "type": f"d.s{before}", "version": 1}]
        if kind == "json":
            fields = {} if before is None else {"n": {"$ref": f"{BASE}schemas/d/s{before}/1"}}
            schema = {"type": "object", "properties": fields}
        else:
            fields = [] if before is None else [{"name": "n", "type": ["null", f"x.R{before}"]}]
            version |= {} if before is None else {"references": listed}
            schema = {"type": "record", "name": f"R{me}", "namespace": "x", "fields": fields}
        ending = {"json": "json", "avro": "avsc"}[kind]
        found[f"{folder}/1.{ending}"] = json.dumps(schema).encode()
        subject = {"type": f"d.s{me}", "kind": kind, "owner": "XX/GOV/A", "title": {"en": "t"}}
        listing = subject | {"versions": {"1": version}}
        found[f"{folder}/subject.yaml"] = json.dumps(listing).encode()  # JSON is YAML, and quicker
    return found


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["json", "avro"])
@pytest.mark.parametrize("step", [1, -1, 7])
def test_a_line_is_refused_where_it_is_too_long(kind: str, step: int) -> None:
    """In whichever order it is read: those at its beginning hold, those behind are named."""
    names = [1000 + number * step % LENGTH for number in range(LENGTH)]
    found = check_registry(line(kind, names), now=NOW)
    codes = Counter(one.code for one in found)
    if kind == "json":
        assert codes["schema.too_many_files"] == LENGTH - MAX_FILES - 1
        assert not any(one.startswith("schema.unresolved") for one in codes)
    else:
        assert codes["registry.reference"] == LENGTH - MAX_DEPTH
    wrong = {
        one.path for one in found if one.code in ("schema.too_many_files", "registry.reference")
    }
    assert not any(f"/s{one}/" in path for path in wrong for one in names[:30])
