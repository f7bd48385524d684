"""The JSON Schema project's own test suite, where ``XROAD_LITE_JSON_SCHEMA_SUITE`` names a copy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from xroad_lite.schema import compile_schema

SUITE = Path(os.environ.get("XROAD_LITE_JSON_SCHEMA_SUITE", "")) / "tests"
DRAFTS = {
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}


def remotes() -> dict[str, Any]:
    """The suite's remote files, as files of a registry."""
    folder = SUITE.parent / "remotes"
    return {
        f"http://localhost:1234/{file.relative_to(folder).as_posix()}": json.loads(
            file.read_bytes()
        )
        for file in folder.rglob("*.json")
    }


@pytest.mark.skipif(not (SUITE / "draft7").is_dir(), reason="names no copy of the suite")
@pytest.mark.parametrize("draft", DRAFTS)
def test_required_and_format_cases_are_judged_as_stated(draft: str) -> None:
    """Every case but those in which a format is a mere annotation: here it is asserted."""
    resources = remotes()
    files = [*(SUITE / draft).glob("*.json"), *(SUITE / draft / "optional/format").glob("*.json")]
    wrong = []
    for group in (group for file in files for group in json.loads(file.read_bytes())):
        schema = group["schema"]
        if isinstance(schema, dict) and "$schema" not in schema:
            schema = {"$schema": DRAFTS[draft], **schema}
        compiled = compile_schema(schema, "json", resources=resources)
        wrong += [
            (group["description"], case["description"])
            for case in group["tests"]
            if compiled.is_valid(case["data"]) is not case["valid"]
            and "only an annotation by default" not in case["description"]
        ]
    assert wrong == []
