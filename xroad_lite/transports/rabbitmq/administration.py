"""Makes a broker as a plan says; deletes nothing unless ``remove`` is called.

Exchanges, queues and bindings go over AMQP. Users, permissions and policies go through
``rabbitmqctl``, in one call: its definitions are what the management API takes too.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pika
from pika.exceptions import AMQPError

from xroad_lite.errors import TransportError
from xroad_lite.transports.rabbitmq.address import parse_address
from xroad_lite.transports.rabbitmq.connection import parameters
from xroad_lite.transports.rabbitmq.drift import (
    TO_EXCHANGE,
    Drift,
    Found,
    compare,
    read_definitions,
)
from xroad_lite.transports.rabbitmq.link import describe
from xroad_lite.transports.rabbitmq.names import is_subsystem
from xroad_lite.transports.rabbitmq.topology import Binding, Plan, queue_arguments

_SECONDS = 120
_HASHING = "rabbit_password_hashing_sha256"


class Control(Protocol):
    """``rabbitmqctl`` as a call: arguments and standard input in, standard output out."""

    def __call__(self, *arguments: str, input: str | None = None) -> str:
        """Run it."""
        ...


def rabbitmqctl(command: Sequence[str] = ("rabbitmqctl",)) -> Control:
    """A ``Control`` that runs ``command``, say ``docker exec -i broker rabbitmqctl``.

    ``TransportError`` when it fails.
    """

    def control(*arguments: str, input: str | None = None) -> str:
        line = [*command, "-q", *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command
                line, input=input, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise _failed(line, str(error)) from None
        if done.returncode:
            raise _failed(line, f"{done.stdout}{done.stderr}")
        return done.stdout

    return control


def observe(control: Control, virtual_host: str = "/") -> Found:
    """What the broker holds now."""
    return read_definitions(control("export_definitions", "-"), virtual_host)


def drift(plan: Plan, control: Control) -> Drift:
    """Where the broker is not as planned."""
    return compare(plan, observe(control, plan.virtual_host))


def apply(
    plan: Plan,
    uri: str,
    control: Control,
    *,
    base: Path = Path(),
    passwords: Mapping[str, str] | None = None,
) -> Drift:
    """Make the broker as planned, and give back where it was not.

    ``uri`` is of a user who may configure. What is missing is made. Bindings of planned exchanges
    and queues, and permissions of users named like subsystems, are taken away where the plan does
    not ask for them; queues, exchanges and users that are too much are only named. Users are made
    without a password (they come with a certificate) unless ``passwords`` has one; a password that
    holds already is left alone.
    """
    found = observe(control, plan.virtual_host)
    before = compare(plan, found)
    planned = {*plan.exchanges, *plan.queues}
    stale = [one for one in before.surplus.bindings if planned & {one.exchange, one.queue}]
    declare(before.missing, uri, base=base, stale=stale)
    users = [
        _user(name, (passwords or {}).get(name))
        for name in plan.users
        if not _holds(found.hashes.get(name), (passwords or {}).get(name))
    ]
    if users or before.missing.permissions or before.missing.policies:
        control("import_definitions", input=before.missing.definitions(users))
    for permission in before.surplus.permissions:
        if permission.user not in plan.users and is_subsystem(permission.user):
            control("clear_permissions", "-p", plan.virtual_host, permission.user)
    return before


def declare(plan: Plan, uri: str, *, base: Path = Path(), stale: Sequence[Binding] = ()) -> None:
    """Declare exchanges and queues, bind them, and unbind what is ``stale``, over AMQP alone."""
    with connected(uri, base) as connection:
        channel = connection.channel()
        for exchange in plan.exchanges:
            channel.exchange_declare(exchange, "topic", durable=True)
        for queue in plan.queues:
            channel.queue_declare(queue, durable=True, arguments=queue_arguments(queue))
        for one in plan.bindings:
            channel.queue_bind(one.queue, one.exchange, one.key)
        for one in stale:
            target = one.queue.removeprefix(TO_EXCHANGE)
            unbind = channel.queue_unbind if target == one.queue else channel.exchange_unbind
            unbind(target, one.exchange, one.key)


def remove(plan: Plan, uri: str, *, base: Path = Path()) -> None:
    """Delete the plan's queues with all that lies in them, and its exchanges, over AMQP.

    For an instance that ends, and for one that must begin empty.
    """
    with connected(uri, base) as connection:
        channel = connection.channel()
        for queue in plan.queues:
            channel.queue_delete(queue)
        for exchange in plan.exchanges:
            channel.exchange_delete(exchange)


@contextmanager
def connected(uri: str, base: Path, *, patient: bool = False) -> Iterator[Any]:
    """A connection that waits for each answer; ``TransportError`` when the broker refuses.

    A ``patient`` one has no heartbeat: between two calls any time may pass.
    """
    address = parse_address(uri, base=base)
    if patient:
        address = replace(address, heartbeat=0)
    try:
        with pika.BlockingConnection(
            [parameters(address, host, port, "an operator") for host, port in address.hosts]
        ) as connection:
            yield connection
    except (AMQPError, OSError) as error:
        raise TransportError(
            "transport.broker_refused",
            f"the broker at {address.hosts[0][0]} cannot be used: {describe(error)}",
            hint="give the address of a user who may configure, write and read everything",
        ) from None


def password_hash(password: str, salt: bytes | None = None) -> str:
    """What RabbitMQ keeps of a password: base64 of a 4-byte salt and SHA-256(salt, password)."""
    salt = salt or secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _holds(known: str | None, password: str | None) -> bool:
    if known is None or password is None:
        return known is not None
    return bool(known) and password_hash(password, base64.b64decode(known)[:4]) == known


def _user(name: str, password: str | None) -> dict[str, object]:
    hashed = "" if password is None else password_hash(password)
    return {"name": name, "password_hash": hashed, "hashing_algorithm": _HASHING, "tags": []}


def _failed(line: Sequence[str], output: str) -> TransportError:
    return TransportError(
        "transport.rabbitmqctl",
        f"{' '.join(line[:4])} failed: {output.strip()[-300:]}",
        hint="run it where the broker runs, as a user who has its cookie",
    )
