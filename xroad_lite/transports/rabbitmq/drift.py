"""What a broker holds, as it exports it, beside what a plan asks for; pure, changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from xroad_lite.errors import TransportError
from xroad_lite.transports.rabbitmq.topology import (
    Binding,
    Permission,
    Plan,
    Policy,
    queue_arguments,
)
from xroad_lite.transports.replays import PREFIX

TO_EXCHANGE = "exchange "
"""Before the name where a binding that was found leads to an exchange, as no plan has it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one virtual host holds.

    ``wrong`` names exchanges and queues that were declared otherwise than a plan would;
    ``privileged`` are users with tags, who are the operator's own; ``hashes`` are of passwords.
    """

    plan: Plan
    wrong: tuple[str, ...]
    privileged: frozenset[str]
    hashes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Drift:
    """Where a broker is not as planned; false when it is."""

    missing: Plan
    surplus: Plan
    wrong: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.wrong) or any(self.lines())

    def lines(self) -> list[str]:
        """One line for each difference: ``+`` is missing, ``-`` is too much, ``!`` is otherwise."""
        return [
            *(f"+ {line}" for line in _lines(self.missing)),
            *(f"- {line}" for line in _lines(self.surplus)),
            *(
                f"! {name} was declared otherwise: move its messages and delete it"
                for name in self.wrong
            ),
        ]


def read_definitions(text: str, virtual_host: str) -> Found:
    """Read what ``rabbitmqctl export_definitions`` or the management API gave."""
    try:
        document = json.loads(text)
        return _read(document, virtual_host)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TransportError(
            "transport.definitions", f"the broker's definitions cannot be read: {error!r:.200}"
        ) from None


def compare(plan: Plan, found: Found) -> Drift:
    """What the broker lacks and what it has beyond the plan."""
    there = found.plan
    missing, surplus = {}, {}
    for name in _PARTS:
        wanted, held = getattr(plan, name), getattr(there, name)
        known = set(found.wrong) if name in ("exchanges", "queues") else set()
        missing[name] = tuple(one for one in wanted if one not in {*held, *known})
        surplus[name] = tuple(one for one in held if one not in set(wanted))
    planned = {*plan.exchanges, *plan.queues}
    return Drift(
        Plan(**missing, virtual_host=plan.virtual_host),
        Plan(**surplus, virtual_host=plan.virtual_host),
        tuple(name for name in found.wrong if name in planned),
    )


_PARTS = tuple(one.name for one in fields(Plan) if one.name != "virtual_host")


def _read(document: Any, virtual_host: str) -> Found:
    def here(part: str) -> list[Any]:
        return [one for one in document.get(part, []) if one["vhost"] == virtual_host]

    users = document.get("users", [])
    privileged = frozenset(one["name"] for one in users if one.get("tags"))
    right, wrong = _split(here("exchanges"), _is_ours_exchange)
    planned = [one for one in here("queues") if not one["name"].startswith(PREFIX)]
    queues, wrong_queues = _split(planned, _is_ours_queue)
    permissions = [one for one in here("permissions") if one["user"] not in privileged]
    plan = Plan(
        exchanges=right,
        queues=queues,
        bindings=tuple(sorted(map(_binding, here("bindings")))),
        users=tuple(sorted(one["name"] for one in users if one["name"] not in privileged)),
        permissions=tuple(sorted(map(_permission, permissions))),
        policies=tuple(sorted(map(_policy, here("policies")), key=lambda one: one.name)),
        virtual_host=virtual_host,
    )
    hashes = {one["name"]: one.get("password_hash", "") for one in users}
    return Found(plan, (*wrong, *wrong_queues), privileged, hashes)


def _split(rows: Iterable[Any], is_right: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rows = list(rows)
    right = sorted(one["name"] for one in rows if is_right(one))
    return tuple(right), tuple(sorted(one["name"] for one in rows if not is_right(one)))


def _is_ours_exchange(row: Any) -> bool:
    plain = not row.get("arguments") and not row["auto_delete"] and not row.get("internal")
    return bool(plain and row["durable"] and row["type"] == "topic")


def _is_ours_queue(row: Any) -> bool:
    same = row["arguments"] == queue_arguments(row["name"])
    return bool(same and row["durable"] and not row["auto_delete"])


def _binding(row: Any) -> Binding:
    target = row["destination"]
    if row["destination_type"] != "queue":  # no plan has such a binding: it is always too much
        target = f"{TO_EXCHANGE}{target}"
    return Binding(row["source"], target, row["routing_key"])


def _permission(row: Any) -> Permission:
    return Permission(row["user"], row["configure"], row["write"], row["read"])


def _policy(row: Any) -> Policy:
    return Policy(row["name"], row["pattern"], tuple(sorted(row["definition"].items())))


def _lines(plan: Plan) -> Iterable[str]:
    yield from (f"exchange {name}" for name in plan.exchanges)
    yield from (f"queue {name}" for name in plan.queues)
    for binding in plan.bindings:
        yield f"binding {binding.exchange} -> {binding.queue} by {binding.key}"
    yield from (f"user {name}" for name in plan.users)
    for one in plan.permissions:
        yield f"permission {one.user}: write {one.write} read {one.read} configure {one.configure}"
    for policy in plan.policies:
        yield f"policy {policy.name} on {policy.pattern}: {dict(policy.definition)}"


def lines(plan: Plan) -> list[str]:
    """A plan for people, a line for each thing."""
    return list(_lines(plan))
