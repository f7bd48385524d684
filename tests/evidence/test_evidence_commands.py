"""``log export``, ``log verify`` and ``log prove`` as they are typed: words, exit codes, JSON."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.evidence.world import World
from xroad_lite.testing import CIVIL


@pytest.fixture(scope="module")
def asked(world: World, program: Path) -> Any:
    """Types a command about the Civil Registry's log; gives its JSON and exit code."""

    def type_(*words: object) -> tuple[dict[str, Any], int]:
        done = subprocess.run(
            [program / "xroad-lite", "log", *map(str, words), "--json"],
            capture_output=True, text=True, timeout=60, check=False,
            env={"XROAD_LITE_NODE": str(world.two.instance.node_folder(CIVIL)), "PATH": "/usr/bin"},
        )  # fmt: skip
        return json.loads(done.stdout), done.returncode

    return type_


def test_a_bundle_is_made_and_verified(asked: Any, tmp_path: Path) -> None:
    """As a zip, with everything established; then with one byte changed in it."""
    made, code = asked("export", tmp_path / "b.zip", "--all")
    assert (made["ok"], made["signed"], made["missing"], made["not_covered"], code) == (
        True, True, [], 0, 0,
    )  # fmt: skip
    found, code = asked("verify", tmp_path / "b.zip")
    assert (found["verdict"], code) == ("established", 0)
    assert [one["number"] for one in found["checks"]] == list(range(1, 13))
    with zipfile.ZipFile(tmp_path / "b.zip") as bundle:
        info = bundle.getinfo("tools/log.go")
    data = bytearray((tmp_path / "b.zip").read_bytes())
    data[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 1
    (tmp_path / "b.zip").write_bytes(data)
    found, code = asked("verify", tmp_path / "b.zip")
    assert (found["ok"], code) == (False, 1)


def test_a_container_is_made_and_verified(asked: Any, tmp_path: Path) -> None:
    """As an ASiC-E container; the authority is away, so that its signature has no time stamp."""
    made, code = asked("export", tmp_path / "b.bin", "--all", "--format", "asice")
    assert (made["ok"], code) == (True, 0)
    found, code = asked("verify", tmp_path / "b.bin")
    assert (found["verdict"], code) == ("established", 0)
    assert found["checks"][-1]["name"] == "container"
    assert "without a time stamp" in found["checks"][-1]["said"]


def test_the_same_again_gives_the_same_bytes(asked: Any, tmp_path: Path) -> None:
    """A bundle has no time of its own."""
    for name in ("1.zip", "2.zip"):
        asked("export", tmp_path / name, "--subject", "B-2")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["export", "OUT"], "config.choice", 2),
        (["export", "OUT", "--all", "--type", "health.birth"], "config.choice", 2),
        (["export", "OUT", "--from", "yesterday"], "config.time", 2),
        (["export", "OUT", "--subject", "nobody"], "log.nothing_chosen", 1),
        (["export", "OUT", "--to", "2001-01-01"], "log.nothing_chosen", 1),
        (["prove", "00000000-0000-7000-8000-000000000000"], "log.no_message", 1),
        (["prove", "9999"], "log.no_entry", 1),
        (["verify", "OUT"], "log.no_evidence", 1),
        (["verify", "--without", "everything"], "config.check", 2),
        (["verify", "--key", "nonsense"], "log.note_key", 1),
    ],
)
def test_what_cannot_be_done_is_said(
    asked: Any, tmp_path: Path, words: list[str], code: str, exit_code: int
) -> None:
    """By code and exit code, with what to do."""
    found, ended = asked(*(tmp_path / one if one == "OUT" else one for one in words))
    assert (found["error"]["code"], ended) == (code, exit_code)
    assert not (tmp_path / "OUT").exists()


def test_nothing_is_overwritten(asked: Any, tmp_path: Path) -> None:
    """A place where something is stays as it is."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").write_text("x")
    found, code = asked("export", tmp_path / "b", "--all")
    assert (found["error"]["code"], code) == ("log.bundle_exists", 1)
    assert [one.name for one in (tmp_path / "b").iterdir()] == ["mine"]


def test_one_message_alone(asked: Any, tmp_path: Path, world: World) -> None:
    """Under 1.5 KB beyond its certificates in the smallest form; changed, it is wrong."""
    made, code = asked("prove", 2, "--out", tmp_path / "p")
    assert (made["entries"], code) == (1, 0)
    found, code = asked("verify", tmp_path / "p", "--tsa", world.authority.root)
    assert (found["verdict"], code) == ("could not be established", 3)
    assert {one["name"] for one in found["checks"] if one["verdict"] != "established"} == {
        "head", "view", "registry", "identity",
    }  # fmt: skip
    proof = next((tmp_path / "p").glob("messages/*/*.tlog-proof"))
    assert proof.stat().st_size < 1500
    alone = tmp_path / "one.tlog-proof"
    asked("prove", 2, "--out", alone)
    key = str(world.signer().verifier())
    assert asked("verify", alone, "--key", key)[1] == 0
    assert asked("verify", alone)[1] == 3
    alone.write_text(alone.read_text().replace("index 2", "index 3"))
    assert asked("verify", alone, "--key", key)[1] == 1


def test_what_it_rests_on_is_compared(asked: Any, chosen: Path) -> None:
    """Another root, or another key, is wrong."""
    report, _ = asked("verify", chosen)
    root = report["rests_on"][0].rpartition(" ")[2]
    assert asked("verify", chosen, "--root", root)[1] == 0
    found, code = asked("verify", chosen, "--root", "0" * 64)
    assert (found["findings"][0]["code"], code) == ("registry.other_root", 1)
    other = "DEMO/GOV/CIVIL/registry+26273b07+AXbta1SDcSDCPbOklEKZl4UiqhE5llCaAC9jdfKJxGVk"
    assert asked("verify", chosen, "--key", other)[1] == 1


def test_it_goes_on_later(asked: Any, whole: Path, tmp_path: Path) -> None:
    """The second run says the same; a file of other evidence is refused, and kept."""
    resume = tmp_path / "resume"
    first, code = asked("verify", whole, "--resume", resume)
    assert code == 0
    assert asked("verify", whole, "--resume", resume) == (first, 0)
    kept = resume.read_bytes()
    resume.write_text("my diary\n")
    found, code = asked("verify", whole, "--resume", resume)
    assert (found["error"]["code"], code) == ("config.resume", 2)
    assert resume.read_text() == "my diary\n"
    assert kept.startswith(b'{"of":')
