"""Two publishers at once: the second waits, or is told who is at it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from xroad_lite.errors import RegistryError
from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship import refresh
from xroad_lite.stewardship.publishing_lock import publishing
from xroad_lite.testing import two_agency_instance

NOW = 1_790_000_000.0
_HOLD = """
import sys
from pathlib import Path
from xroad_lite.stewardship.publishing_lock import publishing
with publishing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_who_publishes(tmp_path: Path) -> None:
    """User, machine, process and since when; the first one's end, even a kill, gives it back."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(RegistryError, match=r"registry\.locked") as refused,
            publishing(tmp_path, seconds=0),
        ):
            pass
        assert re.search(rf"@\S+, process {holder.pid}, since \d\d:", refused.value.message)
        holder.kill()
    with publishing(tmp_path, seconds=0):
        assert str(os.getpid()) in (tmp_path / ".publishing").read_text()


def test_two_publishers_end_one_after_the_other(tmp_path: Path) -> None:
    """Each gets a snapshot of its own, and the newest follows the other."""
    instance = two_agency_instance(tmp_path, now=NOW)
    registry = tmp_path / "registry"
    before = RegistryFolder(registry).head().version
    problems: list[RegistryError] = []

    def publish(number: int) -> None:
        (instance.source / f"members/extra{number}.yaml").write_text(
            f"member: DEMO/GOV/EXTRA{number}\nname: {{en: Extra}}\ncontact: a@b.example\n"
        )
        try:
            instance.publish(NOW + number)
        except RegistryError as error:
            problems.append(error)

    both = [threading.Thread(target=publish, args=(number,)) for number in (1, 2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert problems == []
    newest = RegistryFolder(registry).newest()
    assert newest.edition.version == before + 2
    assert {"members/extra1.yaml", "members/extra2.yaml"} <= set(newest.paths)
    assert refresh(registry, instance.keys, now=NOW + 3).stamped
