"""What a broker must hold so that routes work and nothing else does; pure, does not ask a broker.

One topic exchange per subsystem, written by its broker user alone; one quorum queue with a single
active consumer per receiver and lane, read by its user alone; bindings only where a route allows.
Broker users may not configure anything, and nobody has a right on the default exchange.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xroad_lite.transports.rabbitmq import names

QUEUE_ARGUMENTS: Mapping[str, object] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
}
DEAD_ARGUMENTS: Mapping[str, object] = {"x-queue-type": "quorum"}


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """``sender`` may send to ``recipient`` on ``lane`` (a message type, or ``REPLIES``).

    Subsystems are in their text form. ``open`` data is sent to whoever is bound, ``recipient``
    being one of them.
    """

    sender: str
    recipient: str
    lane: str
    open: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What the policies say; they can change without declaring a queue again.

    ``delivery_limit`` is a last resort against a message that ends its reader each time: retries
    and dead letters are the inbox's. A queue at ``max_length`` or ``max_length_bytes`` rejects.
    """

    delivery_limit: int = 100_000
    max_length: int = 1_000_000
    max_length_bytes: int = 16 * 1024**3


@dataclass(frozen=True, slots=True, order=True)
class Binding:
    """Messages to ``exchange`` with routing key ``key`` go to ``queue``."""

    exchange: str
    queue: str
    key: str


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """The names that a broker user may configure, write and read, as anchored patterns."""

    user: str
    configure: str
    write: str
    read: str


@dataclass(frozen=True, slots=True, order=True)
class Policy:
    """Settings of all queues whose name matches ``pattern``."""

    name: str
    pattern: str
    definition: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything in one virtual host, sorted. ``queues`` and ``exchanges`` are names."""

    exchanges: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()
    users: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()
    policies: tuple[Policy, ...] = ()
    virtual_host: str = field(default="/", kw_only=True)

    def definitions(self, users: Iterable[Mapping[str, Any]] = ()) -> str:
        """Permissions and policies in the JSON form that RabbitMQ imports, with these users."""
        host = {"vhost": self.virtual_host}
        document = {
            "users": list(users),
            "permissions": [_fields(one) | host for one in self.permissions],
            "policies": [_policy(one) | host for one in self.policies],
        }
        return json.dumps(document, sort_keys=True)


def plan(routes: Iterable[Route], *, virtual_host: str = "/", limits: Limits | None = None) -> Plan:
    """The plan that follows from ``routes``; the same for any order of them.

    ``ConfigurationError`` when a name is longer than a broker can take.
    """
    routes = sorted(set(routes))
    subsystems = sorted({one.sender for one in routes} | {one.recipient for one in routes})
    queues = sorted({names.queue_name(one.recipient, one.lane) for one in routes})
    exchanges = [names.exchange_name(one) for one in subsystems]
    return Plan(
        exchanges=(*sorted(exchanges), names.DEAD),
        queues=(*queues, names.DEAD),
        bindings=tuple(sorted({one for route in routes for one in _bindings(route)} | {_DEAD})),
        users=tuple(sorted(exchanges)),
        permissions=tuple(sorted(_permission(one) for one in exchanges)),
        policies=_policies(exchanges, limits or Limits()),
        virtual_host=virtual_host,
    )


_DEAD = Binding(names.DEAD, names.DEAD, "#")


def queue_arguments(queue: str) -> dict[str, object]:
    """How a queue of the plan is declared; it can never be changed afterwards."""
    return dict(DEAD_ARGUMENTS if queue == names.DEAD else QUEUE_ARGUMENTS)


def _bindings(route: Route) -> list[Binding]:
    exchange = names.exchange_name(route.sender)
    queue = names.queue_name(route.recipient, route.lane)
    keys = [queue, names.routing_key(None, route.lane)] if route.open else [queue]
    return [Binding(exchange, queue, key) for key in keys]


def _permission(user: str) -> Permission:
    # A user is named like its exchange. Its queues have two words more, and no word holds a dot:
    # so the patterns end at a delimiter, and another's longer name does not match.
    own = _literal(user)
    return Permission(user, "^$", f"^{own}$", rf"^{own}\.[^.]+\.[^.]+$")


def _policies(exchanges: Iterable[str], limits: Limits) -> tuple[Policy, ...]:
    instances = sorted({name.partition(".")[0] for name in exchanges})
    queues = "|".join(map(_literal, instances))
    bounds = {
        "max-length": limits.max_length,
        "max-length-bytes": limits.max_length_bytes,
        "overflow": "reject-publish",
    }
    dead = {
        "delivery-limit": limits.delivery_limit,
        "dead-letter-exchange": names.DEAD,
        "dead-letter-strategy": "at-least-once",
    }
    return (
        Policy("xroad.dead", f"^{_literal(names.DEAD)}$", tuple(sorted(bounds.items()))),
        Policy(
            "xroad.queues",
            rf"^(?:{queues})(?:\.[^.]+){{5}}$",
            tuple(sorted((bounds | dead).items())),
        ),
    )


def _literal(name: str) -> str:
    return name.replace(".", r"\.")  # percent-encoded names hold no other sign that means anything


def _fields(permission: Permission) -> dict[str, object]:
    return {
        "user": permission.user,
        "configure": permission.configure,
        "write": permission.write,
        "read": permission.read,
    }


def _policy(policy: Policy) -> dict[str, object]:
    return {
        "name": policy.name,
        "pattern": policy.pattern,
        "apply-to": "queues",
        "priority": 0,
        "definition": dict(policy.definition),
    }
