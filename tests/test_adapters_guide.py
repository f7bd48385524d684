"""What docs/adapters.md shows runs, and has the size that it promises."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "adapters.md").read_text()


def test_the_adapter_of_the_guide(tmp_path):
    """Each row is published once in three rounds; 15 lines of code without imports and data."""
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    (tmp_path / "adapter.py").write_text(block)
    done = subprocess.run(
        [sys.executable, "adapter.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("2 0 0\n", 0), done.stderr
    assert len([line for line in block.splitlines() if line.strip()]) <= 15


def test_the_guide_names_what_there_is():
    """Every adapter and every public name that adapters are made of."""
    import xroad_lite.adapting

    for folder in (ROOT / "adapters").iterdir():
        assert f"[`{folder.name}`](../adapters/{folder.name})" in GUIDE
    for name in set(xroad_lite.adapting.__all__) & set(xroad_lite.__all__):
        assert f"`{name}`" in GUIDE
