"""Starts real database servers for tests, each in its own folder; touches no other server."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 30.0
POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
MARIADB = Path("/usr/sbin/mariadbd")


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def somebody() -> dict[str, str | int]:
    """Who runs the server: neither of them runs as root."""
    if os.getuid():
        return {}
    name = "postgres" if _exists("postgres") else "nobody"
    return {"user": name, "group": pwd.getpwnam(name).pw_gid}


def _exists(name: str) -> bool:
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


@dataclass
class Database:
    """A server with one database; ``url`` is SQLAlchemy's address of it."""

    folder: Path
    port: int
    url: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it on what its folder holds; returns when it accepts connections."""
        import sqlalchemy as sa

        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            if self.process is None or self.process.poll() is not None:
                # after a SIGKILL its children may need a moment to give their memory back
                self.process = self._started()
            try:
                engine.connect().close()
            except sa.exc.DBAPIError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError((self.folder / "output.txt").read_text(errors="replace")[-2000:])

    def _started(self) -> subprocess.Popen[bytes]:
        with (self.folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                self.command, cwd=self.folder, stdout=output, stderr=output, **somebody()
            )

    def kill(self) -> None:
        """SIGKILL: what a power cut does to the process."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it at once and remove its folder."""
        self._end(signal.SIGQUIT if "postgres" in self.command[0] else signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None


def _folder(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"xroad-{name}-"))
    folder.chmod(0o755)
    user = somebody().get("user")
    if user:
        shutil.chown(folder, str(user))
    return folder


def postgresql() -> Database:
    """A PostgreSQL server of Debian's package. Nothing is synchronised: only processes die here."""
    folder, port, programs = _folder("postgresql"), free_port(), POSTGRESQL[-1].parent
    quick = ["--no-sync", "--auth=trust", "--username=tester", "--encoding=UTF8", "--locale=C"]
    run = [str(programs / "initdb"), "-D", str(folder / "data"), *quick]
    subprocess.run(run, cwd=folder, check=True, stdout=subprocess.DEVNULL, **somebody())
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-F"]
    command += ["-h", "127.0.0.1", "-k", str(folder), "-c", "max_wal_senders=0"]
    return Database(folder, port, f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres", command)


def mariadb() -> Database:
    """A MariaDB server of Debian's package, without its tables of users: whoever comes is root."""
    folder, port = _folder("mariadb"), free_port()
    (folder / "data" / "tests").mkdir(parents=True)
    if owner := somebody().get("user"):
        shutil.chown(folder / "data", str(owner))
        shutil.chown(folder / "data" / "tests", str(owner))
    command = [str(MARIADB), "--no-defaults", f"--datadir={folder}/data", "--skip-grant-tables"]
    command += [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/socket"]
    command += [f"--tmpdir={folder}", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"]
    return Database(folder, port, f"mysql+pymysql://root@127.0.0.1:{port}/tests", command)
