"""Commands without the time to start: a process that has the program loaded forks for each.

What runs is the same ``main``, in a process of its own, with the caller's arguments, environment,
folder and streams. Holds no test.
"""

from __future__ import annotations

import gc
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

_SERVERS: list[subprocess.Popen[bytes]] = []
_PROGRAM = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(asked)
    server.recv(4, socket.MSG_WAITALL)
    sys.exit(int.from_bytes(server.recv(1) or b"\\x7f", "big"))
"""


@dataclass
class Started:
    """A command at work: what a ``Popen`` of it would be, for those who start servers."""

    pid: int
    stdout: IO[str]
    ended: socket.socket
    returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; one that was killed has none of its own: -9."""
        if self.returncode is None:
            self.ended.settimeout(timeout)
            code = self.ended.recv(1)
            self.ended.close()
            self.returncode = code[0] if code else -signal.SIGKILL
        return self.returncode

    def poll(self) -> int | None:
        """Its exit code if it has ended."""
        if self.returncode is None and not select.select([self.ended], [], [], 0)[0]:
            return None
        return self.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self._tell(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._tell(signal.SIGKILL)

    def _tell(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


def start(*arguments: str, errors: IO[Any] = sys.stderr) -> Started:
    """Start a command beside; what it prints is read from ``stdout``."""
    command = json.dumps([["xroad-lite", *arguments], str(Path.cwd()), dict(os.environ)]).encode()
    reading, writing = os.pipe()
    asking = socket.socket(socket.AF_UNIX)
    asking.connect(_address())
    with Path(os.devnull).open() as nothing:
        streams = [nothing.fileno(), writing, errors.fileno()]
        socket.send_fds(asking, [len(command).to_bytes(4, "big")], streams)
    os.close(writing)
    asking.sendall(command)
    pid = int.from_bytes(asking.recv(4, socket.MSG_WAITALL), "big")
    return Started(pid, os.fdopen(reading), asking)


def quick_program(folder: Path) -> Path:
    """A folder to put first on the PATH, whose ``xroad-lite`` answers at once."""
    program = folder / "xroad-lite"
    program.write_text(_PROGRAM.format(python=sys.executable, address=_address()))
    program.chmod(0o755)
    return folder


@cache
def _address() -> str:
    """Where the process listens that forks; it ends with its parent, whose pipe ends."""
    address = f"\0xroad-lite-{os.getpid()}-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        _SERVERS.append(
            subprocess.Popen(
                [sys.executable, __file__, str(listening.fileno())],
                pass_fds=[listening.fileno()],
                stdin=subprocess.PIPE,
            )
        )
    return address


def end() -> None:
    """End the process that forks, as its parent's end would: so its time is counted."""
    for one in _SERVERS:
        one.communicate(timeout=10)


def _serve(listening: socket.socket) -> None:
    import jsonschema_rs  # noqa: F401  what commands load where they use it, here for all of them
    import rdflib  # noqa: F401
    import tuf.ngclient  # noqa: F401

    from xroad_lite import cli, node, stewardship  # noqa: F401

    gc.freeze()  # what is shared with all children stays so
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        asking, _ = listening.accept()
        asked, streams = _asked(asking)
        if {"gateway", "serve"} & set(asked[0]):
            from xroad_lite.gateway import assembly, server  # noqa: F401  half a second for each
            from xroad_lite.stewardship.serving import application  # noqa: F401

            gc.freeze()
        if os.fork() == 0:
            _answer(asking, asked, streams)
        asking.close()
        for one in streams:
            os.close(one)
        while _reaped():
            pass


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _asked(asking: socket.socket) -> tuple[list[Any], list[int]]:
    """Arguments, folder and environment, and the three streams."""
    size, streams, _, _ = socket.recv_fds(asking, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += asking.recv(65_536)
    return json.loads(asked), list(streams)


def _answer(asking: socket.socket, asked: list[Any], streams: list[int]) -> None:
    sys.argv, folder, environment = asked
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    asking.sendall(os.getpid().to_bytes(4, "big"))
    from xroad_lite.cli import main

    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    asking.sendall(bytes([code]))
    os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
