"""The rules of the decision, in their order: each says in a sentence that it holds, or refuses.

Does not combine or remember them: ``deciding`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from xroad_lite import times
from xroad_lite.envelope import RECEIPT_TYPE
from xroad_lite.errors import PolicyError
from xroad_lite.registry import Agreement, Snapshot, endpoints
from xroad_lite.registry.agreements import Force
from xroad_lite.registry.models import Endpoint, Maintenance
from xroad_lite.registry.trusted import instance_of

PUBLISH, REQUEST, REPLY, RECEIPT = "publish", "request", "reply", "receipt"
ERROR_TYPE = "xroad.error"
"""The type of a sealed error, which may answer any request."""


class Call(NamedTuple):
    """A call of a REST service: its code, the method, and the path without query, as sent.

    ``by_rule`` when method and path are those of the rule that it goes by, as a seal names it.
    """

    service: str
    method: str
    path: str
    by_rule: bool = False


class Movement(NamedTuple):
    """What somebody wants to do. ``recipient`` None means everybody.

    ``at`` is Unix seconds: when it is decided; ``sealed`` when it was sealed, if that was earlier.
    ``call`` is what a request of a REST service calls.
    """

    operation: str
    sender: str
    recipient: str | None
    type: str
    purpose: str
    at: float
    sealed: float | None = None
    call: Call | None = None


class Case(NamedTuple):
    """One movement under one agreement of one snapshot."""

    snapshot: Snapshot
    agreement: Agreement
    movement: Movement

    @property
    def name(self) -> str:
        """The agreement, for sentences."""
        return f"agreement {self.agreement.agreement}/{self.agreement.version}"

    @property
    def provider(self) -> str:
        """The side that publishes or answers."""
        return (self.movement.recipient or "") if self._goes_back else self.movement.sender

    @property
    def consumer(self) -> str | None:
        """The side that receives or asks; None for everybody."""
        return self.movement.sender if self._goes_back else self.movement.recipient

    @property
    def _goes_back(self) -> bool:
        """Whether it goes to the provider: a request, or a receipt for what the provider sent."""
        _, sender, recipient, *_ = self.movement
        if self.movement.operation != RECEIPT:
            return self.movement.operation == REQUEST
        return not self.are_parties(sender, recipient)

    def are_parties(self, provider: str, consumer: str | None) -> bool:
        """Whether two subsystems stand under the agreement's parties, on these sides."""
        agreement, stands_for = self.agreement, self.snapshot.parties.stands_for
        if provider == consumer or not stands_for(agreement.provider, provider):
            return False
        if consumer is None:
            return agreement.open
        return agreement.consumer is not None and stands_for(agreement.consumer, consumer)

    def refuse(self, rule: str, message: str, hint: str = "") -> PolicyError:
        """The error by which a rule refuses."""
        return PolicyError(f"policy.{rule}", message, hint=hint)


Rule = Callable[[Case], str]


def operation(case: Case) -> str:
    """The agreement is for what is being done."""
    wanted = {PUBLISH: PUBLISH, RECEIPT: case.agreement.operation}.get(
        case.movement.operation, REQUEST
    )
    if case.agreement.operation != wanted:
        raise case.refuse(
            "operation",
            f"{case.name} is to {case.agreement.operation}: got a {case.movement.operation}",
        )
    return f"{case.name} is to {wanted}"


def parties(case: Case) -> str:
    """Sender and recipient are its parties, or stand under them, on the right sides."""
    agreement = case.agreement
    between = f"{case.name} is between {agreement.provider} and {agreement.consumer or 'everybody'}"
    if not case.are_parties(case.provider, case.consumer):
        raise case.refuse(
            "parties", f"{between}: got {case.movement.sender} to {case.movement.recipient}"
        )
    return between


def member(case: Case) -> str:
    """Both are registered, and their members are not suspended; or another's, which is trusted."""
    snapshot = case.snapshot
    for subsystem in filter(None, (case.provider, case.consumer)):
        party = snapshot.party(subsystem)
        if not snapshot.parties.is_own(subsystem):
            if instance_of(subsystem) not in snapshot.trusted:
                raise case.refuse(
                    "untrusted_instance",
                    f"{snapshot.instance.instance} does not trust the instance of {subsystem}",
                )
        elif party is None or not party.active:
            raise case.refuse("member", f"{subsystem} is suspended or not registered")
    return "its parties are registered and active"


def type_(case: Case) -> str:
    """It covers the message type; of a request also the service, of a reply what it answers.

    What somebody of another instance offers, that one's registry says.
    """
    movement = case.movement
    asks = movement.operation in (REQUEST, REPLY)
    if asks and not case.snapshot.parties.is_own(case.provider):
        return f"what {case.provider} offers is its own instance's to say"
    allowed = _types(case)
    covered = ", ".join(sorted(allowed)) or "nothing"
    if movement.type not in allowed:
        raise case.refuse(
            "type",
            f"{case.name} does not cover a {movement.operation} of {movement.type}: "
            f"it covers {covered}",
        )
    return f"it covers {movement.type}"


def _types(case: Case) -> set[str]:
    agreement, operation = case.agreement, case.movement.operation
    if operation == PUBLISH:
        return set(agreement.types)
    if operation == RECEIPT:
        return {RECEIPT_TYPE} if agreement.receipt else set()
    party = case.snapshot.party(case.provider)
    services = {one: party.service(one) for one in agreement.types} if party else {}
    if operation == REQUEST:
        return {one for one, service in services.items() if service}
    return {service[1] for service in services.values() if service} | {ERROR_TYPE}


def purpose(case: Case) -> str:
    """It is for this purpose, or for a broader one."""
    asked, allowed = case.movement.purpose, case.agreement.purposes
    by = [one for one in allowed if case.snapshot.purposes.covers(one, asked)]
    if not by:
        raise case.refuse(
            "purpose",
            f"the purpose {asked} is not among those of {case.name}, nor narrower than one: "
            f"{', '.join(allowed)}",
        )
    return f"its purpose {by[0]}" + ("" if by[0] == asked else f" covers {asked}")


def approved(case: Case) -> str:
    """Both parties have approved the file, by keys that the registry lists."""
    force = case.snapshot.force(case.agreement)
    if isinstance(force, str):
        raise case.refuse(
            "not_approved",
            f"{case.name} is not in force: {force}",
            f"let them approve it with: xroad-lite agreement sign {case.agreement.agreement}",
        )
    given = case.snapshot.approvals(case.agreement)
    return "approved by " + " and ".join(f"its {one.role}" for one in given)


def endpoint(case: Case) -> str:
    """Of a REST service it lists what is called, as X-Road's rules by method and path do."""
    call = case.movement.call
    if call is None:
        return "no REST service is called"
    rule = endpoint_of(case.agreement, call)
    if rule is None:
        raise case.refuse(
            "endpoint",
            f"{case.name} does not list {call.method} {call.path!r:.120} of {call.service}",
            f"see what it lists with: xroad-lite agreement show {case.agreement.agreement}",
        )
    return f"it lists {rule.method} {rule.path} of {call.service}"


def endpoint_of(agreement: Agreement, call: Call) -> Endpoint | None:
    """The first endpoint of an agreement that covers a call, if one does."""
    find = endpoints.listed if call.by_rule else endpoints.allowed
    return find(agreement.endpoints.get(call.service, ()), call.method, call.path)


def in_force(case: Case) -> str:
    """It was in force when the message was sealed, and what it still drains has not run out."""
    force, at = case.snapshot.force(case.agreement), case.movement.at
    assert isinstance(force, Force)
    sealed = at if case.movement.sealed is None else case.movement.sealed
    begins, ends = times.to_text(force.start), times.to_text(force.until)
    if not force.start <= sealed < force.until:
        raise case.refuse(
            "not_in_force",
            f"{case.name} is in force from {begins} until {ends} (by {force.ends_by}), "
            f"not at {times.to_text(sealed)}",
        )
    if at >= force.drained:
        raise case.refuse(
            "drained",
            f"{case.name} ended at {ends} (by {force.ends_by}), and what was sealed before was "
            f"received until {times.to_text(force.drained)}",
        )
    return f"in force from {begins} until {ends}"


def maintenance(case: Case) -> str:
    """Who is asked is not in maintenance."""
    movement = case.movement
    party = case.snapshot.party(case.provider) if movement.operation == REQUEST else None
    code = movement.call.service if movement.call else None
    for planned in party.maintenance(movement.type, code) if party else ():
        if planned.covers(movement.at):
            raise _in_maintenance(case, planned)
    return "nobody who is asked is in maintenance"


def _in_maintenance(case: Case, planned: Maintenance) -> PolicyError:
    words = "; ".join(f"{language}: {text}" for language, text in planned.message.items())
    return case.refuse(
        "maintenance_mode",
        f"{case.movement.recipient} is in maintenance from {planned.start} until "
        f"{planned.until or 'further notice'}{f' ({words})' if words else ''}",
        "ask again after it" if planned.until else "ask its contact in the registry",
    )


LASTING: tuple[Rule, ...] = (operation, parties, member, type_, purpose, approved)
"""What a snapshot says of a movement whatever the time is."""

MOMENTARY: tuple[Rule, ...] = (endpoint, in_force, maintenance)
"""What depends on the moment, or on the very call."""
