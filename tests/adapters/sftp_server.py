"""Starts a real OpenSSH server with SFTP for tests, on loopback, with keys of its own."""

from __future__ import annotations

import getpass
import os
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_connection

from databases import free_port

SSHD = Path("/usr/sbin/sshd")
_SETTINGS = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
"""


@dataclass
class SftpServer:
    """A running server; who has the file ``user`` may come in, and sees the whole machine."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def address(self, path: Path) -> str:
        """A folder of it, as the adapter is told."""
        return f"sftp://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    @property
    def options(self) -> dict[str, str]:
        """How to come in."""
        return {"known_hosts": f"{self.folder}/known_hosts", "key": f"{self.folder}/user"}

    def prepare(self) -> None:
        """Make its keys and settings."""
        for name in ("host", "user"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name]
            subprocess.run(make, check=True)
        kind, key, *_ = (self.folder / "host.pub").read_text().split()
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        settings = _SETTINGS.format(port=self.port, folder=self.folder)
        (self.folder / "sshd_config").write_text(settings)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)

    def start(self) -> None:
        """Start it; returns when it answers."""
        command = [SSHD, "-D", "-e", "-f", self.folder / "sshd_config"]
        with (self.folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(command, stderr=output)
        ends = time.monotonic() + 20
        while time.monotonic() < ends and self.process.poll() is None:
            try:
                with closing(create_connection(("127.0.0.1", self.port), 5)) as one:
                    assert one.recv(4) == b"SSH-"
            except (OSError, AssertionError):
                time.sleep(0.02)
            else:
                return
        raise RuntimeError((self.folder / "output.txt").read_text())

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None
