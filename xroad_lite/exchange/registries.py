"""Whose registry is asked about a message, and whether it may be relied on: check 2, and 6 in part.

A registry speaks for its own instance. Between two instances the sender's says who may seal and
send, the receiver's who may receive, and both must list the same agreement. A seal names its
sender's snapshot alone: so where the receiver's refuses, it must be newer than the seal.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from xroad_lite import policy, times
from xroad_lite.errors import PolicyError, RegistryError, XRoadError
from xroad_lite.exchange.judgement import LIKENESS, Alike, Judgement, Receiving
from xroad_lite.registry import Agreement, KnownSnapshots, Role, Snapshot
from xroad_lite.registry.trusted import instance_of

_ANSWERING: WeakKeyDictionary[Snapshot, dict[frozenset[str], tuple[Role, ...]]] = (
    WeakKeyDictionary()
)
"""The roles that answer for some files, by snapshot: asked of every message that is translated."""


class UndecidedError(XRoadError):
    """Judge again later: something is not known here yet."""


def check_registry(found: Judgement) -> None:
    """Check 2: what the sender's registry says now, and said then, may be relied on."""
    node, attributes, opened = found.node, found.attributes, found.opened
    assert opened is not None
    target = node.reads(attributes.type, attributes.inreplyto)
    header = opened.signed.header
    likeness = LIKENESS(attributes), header.chain, header.issued_at, target
    alike = node.alike.get(likeness)
    if alike is None:
        alike = node.alike[likeness] = _relied_on(found, target)
    found.alike, found.agreed = alike, alike.agreed
    found.known, found.sender_snapshot = alike.known, alike.snapshot


def _relied_on(found: Judgement, target: str | None) -> Alike:
    """What is so of all that are like this one, of which ``target`` is read."""
    node = found.node
    own = node.known
    _check_fresh(own, node, _read_in(target, own.current))
    known = found.known = _of_sender(found)
    _check_fresh(known, node, known.current.role(found.attributes.type))
    name = found.attributes.registry
    snapshot = known.get(name)
    if snapshot is None:
        if known.never_published(name):
            raise RegistryError(
                "registry.never_published", f"no snapshot {name} was ever published"
            )
        _check_may_exist(found, known)
        found.missing = name
        raise UndecidedError(
            "registry.unknown_snapshot", f"the snapshot {name} is not known here yet"
        )
    _check_newest_then(found, known, snapshot)
    assert found.opened is not None
    agreed, sealed_at = snapshot.agreement(found.attributes.agreement), found.opened.issued_at
    remembered_until = good_until = sealed_at + times.duration(own.current.instance.max_age)
    if agreed is not None and agreed.max_age is not None:
        good_until = min(good_until, sealed_at + times.duration(agreed.max_age))
    return Alike(known, snapshot, agreed, remembered_until, good_until)


def known_of(node: Receiving, subsystem: str) -> KnownSnapshots | None:
    """What is known here of the registry of a subsystem's instance."""
    instance = instance_of(subsystem)
    return node.known if instance == _name(node.known) else node.trusted.get(instance)


def asked(found: Judgement, then: float, now: float) -> Iterator[tuple[Snapshot, float]]:
    """The snapshots that decide check 6, each with the Unix time for which it is asked."""
    assert found.known is not None
    assert found.sender_snapshot is not None
    yield found.sender_snapshot, then
    yield found.known.current, now
    if found.known is not found.node.known:
        yield found.node.known.current, now


def decide(found: Judgement, snapshot: Snapshot, movement: policy.Movement) -> Agreement:
    """What one snapshot decides, as ``policy.decide``; undecided if it must be looked at anew."""
    own, known = found.node.known, found.known
    assert known is not None
    try:
        agreement = policy.decide(snapshot, found.attributes.agreement, movement)
        if known is not own and snapshot is own.current:
            _check_same_bytes(found, agreement, snapshot, known.current)
    except PolicyError as error:
        if known is not own and snapshot is own.current:
            _wait_if_behind(found, error)
        raise
    return agreement


def home(found: Judgement) -> Snapshot:
    """The snapshot that has the schema: a type is of the instance of the agreement's provider.

    So who asks another instance does it in its words. The bus's own types each instance has.
    """
    assert found.sender_snapshot is not None
    assert found.agreement is not None
    own = found.node.known
    provider = instance_of(found.agreement.provider)
    asks_here = is_foreign(found) and provider == _name(own)
    if asks_here and not is_common(found.attributes.type):
        return own.current
    return found.sender_snapshot


def check_mappings(found: Judgement, files: frozenset[str]) -> None:
    """For check 9: the stewards of the mappings that a body is read by have not lapsed.

    Check 2 knows the domains of the message and of its reader; mappings may go through a third.
    """
    current = found.node.known.current
    known = _ANSWERING.setdefault(current, {})
    if files not in known:
        roles = map(current.edition.role, sorted(files))
        known[files] = tuple(one for one in roles if one is not None)
    grace = times.duration(current.instance.grace)
    for role in known[files]:
        if found.node.now > role.expires + grace:
            raise UndecidedError("registry.role_expired", str(role))


def check_stopped(found: Judgement) -> None:
    """For check 9, where words were lost: none of them may be in what a steward signed wrongly."""
    for role in found.node.known.current.edition.roles:
        if role.problem:
            raise UndecidedError("registry.role_expired", str(role))


def is_common(type_: str) -> bool:
    """Whether a type is the bus's own, which every instance has: errors, receipts, calls."""
    return type_.startswith("xroad.")


def is_foreign(found: Judgement) -> bool:
    """Whether the sender is of another instance."""
    return found.known is not found.node.known


def _name(known: KnownSnapshots) -> str:
    return known.current.instance.instance


def _of_sender(found: Judgement) -> KnownSnapshots:
    """The registry of the source's instance: this one's, or one that this one trusts now."""
    node = found.node
    instance = instance_of(found.attributes.source)
    if instance == _name(node.known):
        return node.known
    if instance not in node.known.current.trusted:
        refusal = RegistryError(
            "registry.untrusted_instance",
            f"{found.attributes.source} is of the instance {instance}, which "
            f"{_name(node.known)} does not trust",
            hint="the lead agency decides: xroad-lite registry trust add",
        )
        _wait_if_behind(found, refusal)
        raise refusal
    known = node.trusted.get(instance)
    if known is None:
        raise UndecidedError(
            "registry.out_of_reach",
            f"the registry of {instance} has not been in reach yet",
            hint="see what is in the way: xroad-lite doctor",
        )
    return known


def _check_fresh(known: KnownSnapshots, node: Receiving, *roles: Role | None) -> None:
    """What is known of a registry has not expired; its own instance says for how long it holds."""
    grace = times.duration(known.current.instance.grace)
    if node.now > known.fresh_until + grace:
        whose = "the registry" if known is node.known else f"the registry of {_name(known)}"
        raise UndecidedError(
            "registry.expired",
            f"{whose} known here expired at {times.to_text(known.fresh_until)}",
            hint="publish a new snapshot, or bring the registry within reach",
        )
    for role in roles:
        if role is not None and node.now > role.expires + grace:
            raise UndecidedError("registry.role_expired", str(role))


def _read_in(target: str | None, snapshot: Snapshot) -> Role | None:
    """The role that answers for the words in which a message is read."""
    return None if target is None else snapshot.role(".".join(target.split("/")[-3:-1]))


def _check_newest_then(found: Judgement, known: KnownSnapshots, snapshot: Snapshot) -> None:
    """It was published when the seal was made, had not expired, and was not long superseded."""
    assert found.opened is not None
    name, sealed_at = snapshot.name, found.opened.issued_at
    instance = known.current.instance
    grace, lag = times.duration(instance.grace), times.duration(instance.lag)
    skew = times.duration(found.node.known.current.instance.clock_skew)
    if snapshot.edition.published > sealed_at + skew:
        raise RegistryError(
            "registry.not_yet_published",
            f"the seal is older than the snapshot {name} that it names",
        )
    role = snapshot.role(found.attributes.type)
    expires = min([snapshot.edition.expires, *([] if role is None else [role.expires])])
    if sealed_at > expires + grace:
        raise RegistryError(
            "registry.snapshot_expired",
            f"the snapshot had expired at {times.to_text(expires)}, "
            f"before the seal was made at {times.to_text(sealed_at)}",
        )
    superseded = known.superseded_at(snapshot)
    if superseded is not None and sealed_at > superseded + lag:
        raise RegistryError(
            "registry.outdated_snapshot",
            f"the snapshot was superseded at {times.to_text(superseded)}, more than "
            f"{instance.lag} before the seal was made at {times.to_text(sealed_at)}",
        )


def _check_may_exist(found: Judgement, known: KnownSnapshots) -> None:
    """What is not known here is awaited, but not for ever: anybody can name what never was.

    The sender had the snapshot when it sealed. So a registry that was in reach here for longer than
    the lag since then, and still has no such snapshot, will never have it.
    """
    assert found.opened is not None
    instance, sealed_at = known.current.instance, found.opened.issued_at
    if sealed_at > found.node.now + times.duration(found.node.known.current.instance.clock_skew):
        raise RegistryError(
            "registry.not_yet_published",
            f"the seal, of {times.to_text(sealed_at)}, is from the future, and so is its snapshot",
        )
    if known.refreshed > sealed_at + times.duration(instance.lag):
        raise RegistryError(
            "registry.never_published",
            f"no snapshot {found.attributes.registry} was published within {instance.lag} of the "
            "seal that names it",
        )


def _check_same_bytes(
    found: Judgement, agreement: Agreement, own: Snapshot, theirs: Snapshot
) -> None:
    """Each registry vouches for its own party's approval of the bytes that it lists."""
    listed = theirs.agreement(found.attributes.agreement)
    if listed is None or theirs.agreement_data(listed) != own.agreement_data(agreement):
        raise PolicyError(
            "policy.other_bytes",
            f"{own.instance.instance} and {theirs.instance.instance} list different files as "
            f"{found.attributes.agreement}",
            hint="both registries list the very file that both parties have approved",
        )


def _wait_if_behind(found: Judgement, refusal: XRoadError) -> None:
    """Undecided, if this registry was last looked at before the seal was made: it may be old."""
    assert found.opened is not None
    node, sealed_at = found.node, found.opened.issued_at
    skew = times.duration(node.known.current.instance.clock_skew)
    if node.known.refreshed < sealed_at + 1 <= node.now + skew + 1:
        found.behind = True
        raise UndecidedError(
            "registry.behind",
            f"the registry known here is older than the seal, and as it was then: "
            f"{refusal.message}",
        )
