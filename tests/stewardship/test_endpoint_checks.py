"""registry check of agreements about REST services: what they list, and what of it is a slip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from xroad_lite.registry.models import REST_REQUEST
from xroad_lite.stewardship import check_source
from xroad_lite.testing import two_agency_instance

NOW = 1_790_000_000.0
GET = {"method": "GET", "path": "/persons/*"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Civil Registry answers ``persons`` by REST, under the agreement ``persons``."""
    found = two_agency_instance(tmp_path_factory.mktemp("made"), now=NOW).source
    file = found / "members/civil.yaml"
    civil = yaml.safe_load(file.read_text())
    civil["subsystems"][0]["services"].append({"code": "persons", "endpoints": [GET]})
    file.write_text(yaml.safe_dump(civil))
    return found


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"endpoints": {"persons": [GET]}}, []),
        ({}, ["registry.no_endpoints"]),
        ({"endpoints": {"persons": []}}, ["registry.no_endpoints"]),
        ({"endpoints": {"person": [GET]}}, ["registry.unknown_service"]),
        ({"endpoints": {"person-by-code": [GET]}}, ["registry.unused_endpoints"]),
        (
            {"endpoints": {"persons": [{"method": "GET", "path": "/persons/{id}"}]}},
            ["registry.endpoint_braces"],
        ),
        (
            {"endpoints": {"persons": [GET]}, "types": ["citizens.person-query"]},
            ["registry.unused_endpoints"],
        ),
    ],
)
def test_what_an_agreement_lists(
    source: Path, changed: dict[str, Any], expected: list[str]
) -> None:
    """Whatever is not listed is refused: so each slip is told, with the line where it stands."""
    file = source / "agreements/persons-1.yaml"
    before = file.read_text()
    file.write_text(yaml.safe_dump({**yaml.safe_load(before), "types": [REST_REQUEST], **changed}))
    findings, _ = check_source(source, now=NOW)
    file.write_text(before)
    codes = {one.code: one for one in findings if one.path == "agreements/persons-1.yaml"}
    for approval in ("registry.approval", "registry.not_approved"):
        codes.pop(approval, None)  # they were given for other bytes
    assert sorted(codes) == expected
    assert all(one.severity == "warning" and one.line > 1 for one in codes.values())
