"""A page of docs/ whose console blocks are typed as they stand; holds no test."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True, slots=True)
class Typed:
    """The folder after all commands, and what each printed, in order."""

    folder: Path
    said: list[tuple[str, str]]

    def all(self, words: str) -> list[str]:
        """What all commands with these words printed."""
        return [text for line, text in self.said if words in line]

    def first(self, words: str) -> str:
        """What the first of them printed."""
        return self.all(words)[0]


def commands(page: str, kind: str = "") -> list[str]:
    """The lines after the prompt in a page's blocks ``console`` or, with a kind, ``console kind``.

    Its blocks hold commands alone, so that no page shows an output that is no longer true.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```console([^\n]*)\n(.*?)```", text, re.S)
    lines = "".join(block for name, block in blocks if name.strip() == kind).splitlines()
    assert all(line.startswith("$ ") for line in lines)
    return [line[2:] for line in lines]


def typed(lines: list[str], folder: Path, program: Path) -> Typed:
    """Type commands in a folder, one after the other, until one fails; 80 columns."""
    script = "\n".join(f"echo '#'\n{line}" for line in lines)
    environment = {name: one for name, one in os.environ.items() if "XROAD_LITE" not in name}
    environment |= {"PATH": f"{program}:{environment['PATH']}", "COLUMNS": "80"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return Typed(folder, list(zip(lines, done.stdout.split("#\n")[1:], strict=True)))
