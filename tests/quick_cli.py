"""Commands without the time to start: a process that has the program loaded forks for each.

What runs is the same ``main``, in a process of its own, with the caller's arguments, environment,
folder and streams. Holds no test.
"""

from __future__ import annotations

import array
import gc
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAM = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(asked)
    sys.exit(int.from_bytes(server.recv(1) or b"\\x7f", "big"))
"""


@contextmanager
def quick_program(folder: Path) -> Iterator[Path]:
    """A folder to put first on the PATH, whose ``xroad-lite`` answers at once."""
    address = folder / "s"
    program = folder / "xroad-lite"
    program.write_text(_PROGRAM.format(python=sys.executable, address=str(address)))
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        server = subprocess.Popen(
            [sys.executable, __file__, str(listening.fileno())],
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
        )
    try:
        yield folder
    finally:
        server.terminate()
        server.wait()


def _serve(listening: socket.socket) -> None:
    import jsonschema_rs  # noqa: F401  what commands load where they use it, here for all of them
    import rdflib  # noqa: F401
    import tuf.ngclient  # noqa: F401

    from xroad_lite import cli, node, stewardship  # noqa: F401

    gc.freeze()  # what is shared with all children stays so
    while True:
        asking, _ = listening.accept()
        if os.fork() == 0:
            _answer(asking)
        asking.close()
        while _reaped():
            pass


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _answer(asking: socket.socket) -> None:
    size, streams, _, _ = socket.recv_fds(asking, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += asking.recv(65_536)
    sys.argv, folder, environment = json.loads(asked)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, stream in enumerate(array.array("i", streams)):
        os.dup2(stream, number)
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
