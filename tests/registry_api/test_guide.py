"""docs/confluent.md: its session runs as it stands, to the last output."""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from served import small_instance

GUIDE = (Path(__file__).parents[2] / "docs" / "confluent.md").read_text()


def test_the_session_runs(tmp_path):
    """The commands serve an instance, and the client says what the guide says it does."""
    commands = re.search(r"```sh\n(.*?)```", GUIDE, re.S)[1].replace("\\\n", "")
    first, *before, serve = commands.strip().splitlines()
    assert first == "xroad-lite init office"  # with all that is bundled: tests of init make it
    small_instance(tmp_path / "office" / "instance")
    session = re.search(r"```pycon\n(.*?)```", GUIDE, re.S)[1]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "XROAD_LITE_SERVE_PORT": "0", "XROAD_LITE_JSON": "1"}
    script = "\n".join(["set -e", *before, f"exec {serve}"])
    process = subprocess.Popen(
        ["sh", "-c", script], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        said = json.loads(process.stdout.readline())
        parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
        told = session.replace("http://127.0.0.1:8081", said["url"])
        runner.run(parser.get_doctest(told, {}, "docs/confluent.md", None, 0))
        assert runner.summarize(verbose=False).failed == 0
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert (tmp_path / "office/instance/source/schemas/health/visit/1.avsc").is_file()
