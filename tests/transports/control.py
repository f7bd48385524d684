"""``rabbitmqctl`` without the time to start: one Erlang machine has it loaded, and runs its main.

Arguments, output and exit codes are the command's own. Holds no test.
"""

from __future__ import annotations

import re
import subprocess
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

ERL_CALL = next(Path("/usr/lib/erlang").glob("erts-*/bin/erl_call"), Path("erl_call"))
_ESCRIPTS = Path("/usr/lib/rabbitmq/lib")
_READY = (
    "{ok, _} = application:ensure_all_started(elixir), ok = application:load(rabbitmqctl), "
    'io:format("ready~n")'
)
_ENDED = re.compile(r"\{ok, \{'EXIT', \{shutdown, (\d+)\}\}\}\s*\Z")


def evaluated(expression: str, name: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What ``erl_call`` prints of an Erlang expression that a machine evaluates."""
    cookie = (folder / ".erlang.cookie").read_text()
    done = subprocess.run(
        [ERL_CALL, "-sname", name, "-c", cookie, "-fetch_stdout", "-e"],
        env=environment,
        input=expression + ".\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout if done.returncode == 0 else f"{done.stdout}{done.stderr}"


@dataclass
class Control:
    """The command at work for the broker whose folder and environment these are."""

    folder: Path
    environment: Mapping[str, str]
    name: str
    process: subprocess.Popen[str]
    errors: Path

    @classmethod
    def start(cls, folder: Path, environment: Mapping[str, str]) -> Control:
        """Load the command; returns when it can be asked."""
        (program,) = _ESCRIPTS.glob("*/escript/rabbitmqctl")
        with zipfile.ZipFile(BytesIO(program.read_bytes())) as archive:
            archive.extractall(folder / "control")
        name, errors = f"control-{environment['RABBITMQ_NODENAME']}", folder / "control.txt"
        command = ["erl", "-sname", name, "-hidden", "-noinput", "+sbwt", "none"]
        command += ["-pa", str(folder / "control"), "-eval", _READY]
        # What an escript is told when it starts: the command asks under which name it was called.
        command += ["-escript", "main", "rabbitmqctl_escript", "-extra", "rabbitmqctl"]
        with errors.open("w") as output:
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=output, text=True
            )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", errors.read_text()
        return cls(folder, environment, name, process, errors)

    def run(self, *arguments: str, input: str | None = None) -> tuple[str, str, int]:
        """Output, errors and exit code; ``input`` comes from a file, not from a stream."""
        if input is not None:
            (self.folder / "control.in").write_text(input)
            arguments = (*arguments, str(self.folder / "control.in"))
        before = self.errors.stat().st_size
        texts = ", ".join(f"<<{', '.join(map(str, one.encode()))}>>" for one in arguments)
        main = f"catch 'Elixir.RabbitMQCtl':main([{texts}])"
        printed = evaluated(main, self.name, self.folder, self.environment)
        ended = _ENDED.search(printed)
        if ended is None:
            return "", printed, 70
        code = int(ended[1])
        ends = time.monotonic() + 5
        while code and self.errors.stat().st_size == before and time.monotonic() < ends:
            time.sleep(0.01)  # what went wrong is written beside, a moment later
        said = self.errors.read_bytes()[before:].decode(errors="replace")
        return printed[: ended.start()], said, code

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
