"""Starts real RabbitMQ brokers for tests, each in its own folder; does not touch any other broker.

``start_broker(folder)`` is a node on loopback with its own name, ports and Erlang port mapper. All
processes are children of the caller and are ended by their pid.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from control import Control, evaluated

BIN = Path("/usr/lib/rabbitmq/bin")
INSTALL = "apt-get install rabbitmq-server"
START_SECONDS = 60.0


class BrokerError(Exception):
    """A broker that did not start or did not do what it was told."""


def installed() -> bool:
    """Whether this machine has RabbitMQ from the Debian package."""
    return (BIN / "rabbitmq-server").exists() and shutil.which("epmd") is not None


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Broker:
    """A running broker: its address, its pid, and what can be done to it."""

    folder: Path
    name: str
    port: int
    tls_port: int | None
    environment: dict[str, str] = field(repr=False)
    mapper: subprocess.Popen[bytes] | None = field(repr=False, default=None)
    process: subprocess.Popen[bytes] | None = field(repr=False, default=None)
    control: Control | None = field(repr=False, default=None)

    @property
    def url(self) -> str:
        """The address of its administrator, ``guest``."""
        return self.url_for("guest", "guest")

    def url_for(self, user: str, password: str) -> str:
        """The address for another of its users (both texts as a URL writes them)."""
        return f"amqp://{user}:{password}@127.0.0.1:{self.port}/%2F"

    @property
    def pid(self) -> int:
        """The process of the Erlang machine."""
        if self.process is None:
            raise BrokerError("the broker is not running")
        return self.process.pid

    def start(self) -> None:
        """Start it on what its folder holds; returns when it accepts connections."""
        with (self.folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [BIN / "rabbitmq-server"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._await_port()

    def _await_port(self) -> None:
        assert self.process is not None
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            if self.process.poll() is not None:
                break
            if _greets(self.port):
                return
            time.sleep(0.1)
        raise BrokerError((self.folder / "output.txt").read_text(errors="replace")[-2000:])

    def kill(self) -> None:
        """SIGKILL: what a power cut does to the process."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """End it in order; the folder and the port mapper stay, for ``start``."""
        self._end(signal.SIGTERM)

    def _end(self, signum: int) -> None:
        if self.process is not None:
            self.process.send_signal(signum)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
            self.process = None

    def restart(self) -> None:
        """End it in order and start it again on the same folder."""
        self.terminate()
        self.start()

    def stop(self) -> None:
        """End the broker and its port mapper; the folder stays."""
        self.kill()
        if self.control is not None:
            self.control.stop()
            self.control = None
        if self.mapper is not None:
            self.mapper.terminate()
            self.mapper.wait(10)
            self.mapper = None

    def ctl(self, *arguments: str, input: str | None = None) -> str:
        """What ``rabbitmqctl`` prints for these arguments; ``BrokerError`` when it fails."""
        if self.control is None:
            self.control = Control.start(self.folder, self.environment)
        printed, said, code = self.control.run("-q", "-n", self.name, *arguments, input=input)
        if code:
            raise BrokerError(f"rabbitmqctl {' '.join(arguments)}: {printed}{said}")
        return printed

    def evaluate(self, expression: str) -> str:
        """What an Erlang expression gives in the broker."""
        printed = evaluated(expression, self.name, self.folder, self.environment)
        if not printed.startswith("{ok, "):
            raise BrokerError(f"{expression}: {printed}")
        return printed[len("{ok, ") : -1]

    def forget_users(self) -> None:
        """Take away all users but the administrator: they are the whole broker's."""
        users = "[U || R <- rabbit_auth_backend_internal:list_users(), {user, U} <- R]"
        keep = 'U =/= <<"guest">>'
        away = f'rabbit_auth_backend_internal:delete_user(U, <<"tests">>) || U <- {users}, {keep}'
        self.evaluate(f"[{away}]")

    def add_host(self, name: str) -> str:
        """Make a virtual host, so that tests share a broker and no queue; gives its address."""
        made = f'rabbit_vhost:add(<<"{name}">>, <<"tests">>)'
        may = f'rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"{name}">>'
        self.evaluate(f'ok = {made}, ok = {may}, <<".*">>, <<".*">>, <<".*">>, <<"tests">>)')
        return self.url.replace("%2F", name)


def start_broker(
    folder: Path,
    *,
    settings: Mapping[str, object] | None = None,
    tls: Mapping[str, Path] | None = None,
    mapper_port: int | None = None,
    cookie_of: Broker | None = None,
) -> Broker:
    """Start a broker that keeps everything in ``folder`` and listens on loopback alone.

    ``settings`` are further lines of rabbitmq.conf; ``tls`` gives the files ``ca``, ``certificate``
    and ``key`` of a TLS listener that asks for client certificates; ``mapper_port`` and
    ``cookie_of`` share another broker's port mapper and cookie, for clusters.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if cookie_of is not None:
        shutil.copy2(cookie_of.folder / ".erlang.cookie", folder)
    port, own_mapper = free_port(), mapper_port is None
    tls_port = free_port() if tls else None
    mapper_port = mapper_port or free_port()
    name = f"xroad{port}@localhost"
    lines = _settings(port) | (_tls(tls, tls_port) if tls else {}) | dict(settings or {})
    (folder / "rabbitmq.conf").write_text("".join(f"{k} = {v}\n" for k, v in lines.items()))
    plugins = "[rabbitmq_auth_mechanism_ssl]." if tls else "[]."
    (folder / "enabled_plugins").write_text(plugins + "\n")
    # Names come from here alone: a machine without a name server would wait for one at each start.
    (folder / "inetrc").write_text('{host, {127,0,0,1}, ["localhost"]}.\n{lookup, [file]}.\n')
    environment = _environment(folder, name, port, mapper_port)
    broker = Broker(folder, name, port, tls_port, environment)
    if own_mapper:
        broker.mapper = _start_mapper(mapper_port, environment)
    try:
        broker.start()
    except BrokerError:
        broker.stop()
        raise
    return broker


def _settings(port: int) -> dict[str, object]:
    return {
        "listeners.tcp.1": f"127.0.0.1:{port}",
        "loopback_users.guest": "true",
        "disk_free_limit.absolute": "50MB",
        "log.file.level": "warning",
    }


def _tls(files: Mapping[str, Path], port: int | None) -> dict[str, object]:
    return {
        "listeners.ssl.1": f"127.0.0.1:{port}",
        "ssl_options.cacertfile": files["ca"],
        "ssl_options.certfile": files["certificate"],
        "ssl_options.keyfile": files["key"],
        "ssl_options.verify": "verify_peer",
        "ssl_options.fail_if_no_peer_cert": "true",
        "ssl_cert_login_from": "common_name",
        "auth_mechanisms.1": "EXTERNAL",
        "auth_mechanisms.2": "PLAIN",
    }


def _environment(folder: Path, name: str, port: int, mapper_port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "ERL_INETRC": str(folder / "inetrc"),
        "ERL_EPMD_PORT": str(mapper_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RUNNING_UNDER_SYSTEMD": "true",  # the script then becomes the server: one pid
        "RABBITMQ_NODENAME": name,
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        "RABBITMQ_CTL_ERL_ARGS": "+sbwt none",
    }


def _start_mapper(port: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    mapper = subprocess.Popen(
        ["epmd", "-port", str(port), "-address", "127.0.0.1"],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ends = time.monotonic() + 5
    while time.monotonic() < ends and not _accepts(port):
        time.sleep(0.02)
    return mapper


def _accepts(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


def _greets(port: int) -> bool:
    """Whether an AMQP server answers here (an open port alone may still be booting)."""
    with socket.socket() as one:
        one.settimeout(2)
        try:
            one.connect(("127.0.0.1", port))
            one.sendall(b"AMQP\x00\x00\x09\x01")
            return one.recv(1) == b"\x01"
        except OSError:
            return False


def queues(broker: Broker) -> list[dict[str, object]]:
    """The broker's queues with their depths."""
    rows = broker.ctl("list_queues", "name", "messages", "--formatter", "json")
    found: list[dict[str, object]] = json.loads(rows)
    return found
