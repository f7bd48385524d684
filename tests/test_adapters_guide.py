"""What docs/adapters.md shows runs, and has the size that it promises."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "adapters.md").read_text()


def test_the_adapter_of_the_guide(capsys):
    """Each row is published once in three rounds; it has 15 lines at most."""
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    exec(compile(block, "docs/adapters.md", "exec"), {})
    assert capsys.readouterr().out == "2 0 0\n"
    assert len([line for line in block.splitlines() if line.strip()]) <= 15


def test_the_guide_names_what_there_is():
    """Every adapter and every public name that adapters are made of."""
    import xroad_lite.adapting

    for folder in (ROOT / "adapters").iterdir():
        assert f"[`{folder.name}`](../adapters/{folder.name})" in GUIDE
    for name in set(xroad_lite.adapting.__all__) & set(xroad_lite.__all__):
        assert f"`{name}`" in GUIDE
