"""The commands that a bundle's own page gives to the expert, run as they stand there.

None of the tools shares code with us: openssl, Go's packages for transparency logs, npm's jose,
tlog-scales.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

_BLOCK = re.compile(r"```sh ([a-z-]+)\n(.*?)```", re.S)
_FIRST = "message"
"""The block that sets what those after it use."""


def commands(bundle: Path) -> dict[str, str]:
    """The page's blocks by the name of the tool."""
    return dict(_BLOCK.findall((bundle / "README.md").read_text()))


def run(bundle: Path, *tools: str) -> subprocess.CompletedProcess[str]:
    """Some of the blocks, one after the other, in the bundle's folder."""
    blocks = commands(bundle)
    script = "\n".join(blocks[tool] for tool in tools)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=bundle,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )


def good(bundle: Path, *tools: str) -> str:
    """What the commands printed, once they have succeeded."""
    done = run(bundle, *tools)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(params=["whole", "chosen"])
def bundle(request: pytest.FixtureRequest) -> Path:
    """A bundle of either kind."""
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    """One that may be changed."""
    shutil.copytree(bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


def change(path: Path, at: int = -10) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_sha256sum_holds_the_files_against_the_manifest(bundle: Path) -> None:
    """Every file is as listed."""
    assert good(bundle, "files") == ""


def test_openssl_verifies_the_seal_and_its_chain(bundle: Path) -> None:
    """Signature, chain to the registry's authority when it was sealed, and the body's digest."""
    said = good(bundle, _FIRST, "openssl", "chain", "body")
    assert "Verified OK" in said
    assert "certificate.pem: OK" in said
    assert '"type":"health.birth"' in said
    assert '"resourceType":"Patient"' in said


def test_openssl_finds_a_changed_seal(copy: Path) -> None:
    """A seal with another number in it does not verify."""
    blocks = commands(copy)
    changed = "sed -i 's/^\\([^.]*[.].\\{40\\}\\)[A-Za-y]/\\1z/' $work/seal.jws"
    script = "\n".join((blocks[_FIRST].replace("part 2 && echo", ""), changed, blocks["openssl"]))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=copy, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Verified OK" not in done.stdout


def test_openssl_verifies_the_time_stamps(bundle: Path) -> None:
    """Each token is over its checkpoint, by an authority that the registry trusts."""
    said = good(bundle, "time")
    assert said.count("Verification: OK") == len(list((bundle / "tokens").glob("*.tst")))
    assert "Time stamp:" in said


def test_openssl_refuses_a_stamp_over_another_checkpoint(copy: Path) -> None:
    """One byte of what is stamped."""
    change(min((copy / "tokens").glob("*.checkpoint")), 3)
    assert run(copy, "time").returncode != 0


@cache
def go() -> bool:
    """Whether Go and its packages for transparency logs are here."""
    packages = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")
    return shutil.which("go") is not None and packages.is_dir()


needs_go = pytest.mark.skipif("not go()", reason="needs golang-go and golang-golang-x-mod-dev")


@needs_go
def test_go_verifies_checkpoints_consistency_and_inclusion(bundle: Path) -> None:
    """Signed notes, the proofs between checkpoints, and every entry in the tree."""
    said = good(bundle, "go")
    assert "it follows 2 earlier checkpoints" in said
    assert re.search(r"\d+ entries are in the log", said)


@needs_go
def test_go_finds_what_was_changed(whole: Path, tmp_path: Path) -> None:
    """An entry, a tile, a checkpoint, a proof: each change ends its run with an error."""
    program = tmp_path / "log"
    build = f"GO111MODULE=off GOPATH=/usr/share/gocode go build -o {program} tools/log.go"
    subprocess.run(build, shell=True, cwd=whole, check=True, timeout=100)
    for path in (
        next((whole / "tile/entries").rglob("*/*")),
        next((whole / "tile/0").rglob("*/*")),
        whole / "checkpoint",
        min((whole / "checkpoints").iterdir()),
        min((whole / "consistency").iterdir()),
    ):
        copied = tmp_path / "changed"
        shutil.copytree(whole, copied)
        change(copied / path.relative_to(whole), 8)
        done = subprocess.run([program, "."], cwd=copied, check=False, capture_output=True)
        assert done.returncode != 0, path
        shutil.rmtree(copied)


def test_tlog_scales_verifies_the_tiles(bundle: Path) -> None:
    """A library of others, of PyPI, finds every entry in the tree under the signed head."""
    pytest.importorskip("tlog_scales")
    assert "entries are in the log" in good(bundle, "tlog-scales")


def test_tlog_scales_finds_a_changed_entry(copy: Path) -> None:
    """One byte of one entry."""
    pytest.importorskip("tlog_scales")
    entries = [*copy.glob("messages/*/entry.json"), *(copy / "tile").glob("entries/*/*")]
    change(entries[0])
    assert run(copy, "tlog-scales").returncode != 0


@cache
def jose() -> bool:
    """Whether npm's jose is here."""
    if shutil.which("npm") is None:
        return False
    root = subprocess.run(["npm", "root", "--global"], capture_output=True, text=True, check=False)
    return (Path(root.stdout.strip()) / "jose").is_dir()


needs_jose = pytest.mark.skipif("not jose()", reason="needs: npm install --global jose@5")


@needs_jose
def test_jose_verifies_the_seal(bundle: Path) -> None:
    """Another JOSE library, in another language."""
    assert "good" in good(bundle, _FIRST, "jose")
