"""What README and the examples show really runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


def run(script, folder):
    """Run Python source in a folder of its own; gives what it printed."""
    (folder / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readme_has_blocks():
    """The search for blocks finds them."""
    assert BLOCKS


@pytest.mark.parametrize("block", BLOCKS)
def test_readme_block_runs(block, tmp_path):
    """Each Python block of README runs as it stands and registers the birth."""
    assert run(block, tmp_path) == "registered B-2026-0001 2026-03-14\n"


def test_readme_adapter_is_short():
    """The adapter that README promises has at most 15 lines of code."""
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(lines) <= 15


def test_hello_example_runs(tmp_path):
    """The first example prints what its README says."""
    script = (ROOT / "examples" / "01_hello" / "adapter.py").read_text()
    assert run(script, tmp_path) == "B-2026-0001 2026-03-14 ['Elena', 'Sofía']\n"
