"""Checks who is registered: members, their systems and services, groups; not what they agreed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from xroad_lite.errors import IdentifierError
from xroad_lite.identifiers import GroupId, SubsystemId, parse_party
from xroad_lite.registry.models import Group, Member, Service, Subsystem
from xroad_lite.registry.yaml_values import Path
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import INSTANCE, Reading
from xroad_lite.stewardship.checking.trusted import check_foreign_party
from xroad_lite.stewardship.checking.wording import (
    check_contact,
    check_named,
    check_script,
    folded,
)

_ELSEWHERE: Final = ("http://", "https://")


class Names:
    """Names that were met, and where; a second one that is, or looks, the same is told."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._met: dict[str, tuple[str, str]] = {}

    def meet(self, name: str, path: str, at: Path) -> Iterator[Finding]:
        """Note a name that must be the only one of its kind."""
        key = folded(name)
        if key not in self._met:
            self._met[key] = name, path
            return
        other, other_path = self._met[key]
        where = f"in {other_path}" if other_path != path else "in this file"
        if other == name:
            message = f"the {self._what} {name} is registered twice: it stands {where} too"
            yield Finding(path, "registry.duplicate", message, at=at)
        else:
            message = (
                f"the {self._what} {name} differs from {other}, {where}, only by case or by "
                "letters that look alike"
            )
            yield Finding(path, "registry.confusable", message, at=at)


def check_instance(reading: Reading) -> Iterator[Finding]:
    """What ``instance.yaml`` says of itself."""
    if reading.instance is not None:
        yield from check_named(INSTANCE, reading.instance.title, ("title",))


def check_members(reading: Reading) -> Iterator[Finding]:
    """Each member, and that no identifier and no certificate is there twice."""
    names, certificates = Names("member"), dict[str, str]()
    for path, member in reading.members:
        yield from names.meet(member.member, path, ("member",))
        yield from check_script(path, member.member, ("member",))
        yield from check_named(path, member.name, ("name",))
        yield from check_contact(path, member.contact, ("contact",))
        if reading.instance and member.member.partition("/")[0] != reading.instance.instance:
            message = f"{member.member} is not of the instance {reading.instance.instance}"
            yield Finding(path, "registry.instance", message, at=("member",))
        subsystems = Names(f"subsystem of {member.member}")
        for index, subsystem in enumerate(member.subsystems):
            at: Path = ("subsystems", index)
            yield from subsystems.meet(subsystem.code, path, (*at, "code"))
            yield from check_script(path, subsystem.code, (*at, "code"))
            yield from _certificates(path, member, subsystem, at, certificates)
            yield from _services(reading, path, subsystem, at)
            yield from _reads(reading, path, subsystem, at)
            yield from _groups(reading, path, subsystem.groups, (*at, "groups"))


def _certificates(
    path: str, member: Member, subsystem: Subsystem, at: Path, met: dict[str, str]
) -> Iterator[Finding]:
    name = f"{member.member}/{subsystem.code}"
    for index, entry in enumerate(subsystem.certificates):
        other = met.setdefault(entry.sha256, f"{name} #{index}")
        if other == f"{name} #{index}":
            continue
        of = other.rpartition(" #")[0]
        if of == name:
            code, message = "registry.duplicate", "is listed twice"
        else:
            code = "registry.shared_certificate"
            message = f"is listed for {of} and for {name}: either could speak for the other"
        place = (*at, "certificates", index, "sha256")
        yield Finding(path, code, f"the certificate {entry.sha256} {message}", at=place)
    if all(entry.revoked for entry in subsystem.certificates):
        message = f"{name} has no certificate in force: it can receive nothing and send nothing"
        yield Finding(path, "registry.no_certificate", message, "note", at=(*at, "code"))


def _services(reading: Reading, path: str, subsystem: Subsystem, at: Path) -> Iterator[Finding]:
    codes, asked = Names("service"), Names("request type")
    for index, service in enumerate(subsystem.services):
        here: Path = (*at, "services", index)
        code = f"{service.code}/{service.version}" if service.version else service.code
        yield from codes.meet(code, path, (*here, "code"))
        if service.request is not None:
            yield from asked.meet(service.request, path, (*here, "request"))
        for name in ("request", "response"):
            type_ = getattr(service, name)
            if type_ is not None:
                yield from check_type(reading, path, type_, (*here, name))
        yield from _description(reading, path, service, here)


def _description(reading: Reading, path: str, service: Service, at: Path) -> Iterator[Finding]:
    described = service.openapi
    if described and not described.startswith(_ELSEWHERE) and described not in reading.files:
        message = f"service {service.code}: there is no {described} in the source"
        yield Finding(path, "registry.missing_file", message, at=(*at, "openapi"))


def check_type(reading: Reading, path: str, type_: str, at: Path) -> Iterator[Finding]:
    """That a message type has a schema of which some version may be used."""
    if type_ not in reading.subjects:
        folder = f"schemas/{type_.replace('.', '/', 1)}/"
        if not any(one.startswith(folder) for one in reading.faulty):
            yield Finding(
                path,
                "registry.unknown_type",
                f"there is no schema of {type_}: expected {folder}subject.yaml"
                f"{reading.nearest(type_, reading.subjects)}",
                at=at,
            )
        return
    _, subject = reading.subjects[type_]
    if not any(one.status == "active" for one in subject.versions.values()):
        message = f"no version of {type_} is active: nothing can be sent"
        yield Finding(path, "registry.no_version", message, "warning", at=at)


def _reads(reading: Reading, path: str, subsystem: Subsystem, at: Path) -> Iterator[Finding]:
    for type_, number in subsystem.reads.items():
        here: Path = (*at, "reads", type_)
        yield from check_type(reading, path, type_, here)
        if type_ in reading.subjects:
            versions = reading.subjects[type_][1].versions
            entry = versions.get(str(number))
            if entry is None or entry.status not in ("active", "deprecated"):
                state = entry.status if entry else "not there"
                message = f"reads {type_} version {number}, which is {state}"
                yield Finding(path, "registry.unknown_version", message, at=here)


def check_groups(reading: Reading) -> Iterator[Finding]:
    """The instance's groups: that no name is there twice, and that who is in them is registered."""
    names = Names("group")
    for path, group in reading.groups:
        yield from names.meet(group.group, path, ("group",))
        yield from _members_of(reading, path, group, ())


def _groups(reading: Reading, path: str, groups: list[Group], at: Path) -> Iterator[Finding]:
    names = Names("group")
    for index, group in enumerate(groups):
        yield from names.meet(group.group, path, (*at, index, "group"))
        yield from _members_of(reading, path, group, (*at, index))


def _members_of(reading: Reading, path: str, group: Group, at: Path) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, one in enumerate(group.members):
        here: Path = (*at, "members", index)
        yield from check_party(reading, path, one, here, in_group=True)
        if one in seen:
            message = f"{one} is in the group {group.group} twice"
            yield Finding(path, "registry.duplicate", message, "warning", at=here)
        seen.add(one)


def check_party(
    reading: Reading, path: str, party: str, at: Path, *, in_group: bool = False
) -> Iterator[Finding]:
    """That a subsystem, member or group is registered, or of another instance that is trusted."""
    parties = reading.parties
    if not parties.is_own(party):
        yield from check_foreign_party(reading, path, party, at, in_group=in_group)
        return
    if parties.knows(party) or _may_be_faulty(reading, party):
        return
    known = [*parties.subsystems, *parties.groups]
    yield Finding(
        path,
        "registry.unknown_subsystem",
        f"{party} is not registered{reading.nearest(party, known)}",
        hint="register it below members/ or groups/, or correct the name",
        at=at,
    )


def _may_be_faulty(reading: Reading, party: str) -> bool:
    """Whether a document that cannot be read speaks of it: that document's fault is told."""
    try:
        named = parse_party(party)
    except IdentifierError:
        return True
    if isinstance(named, GroupId):
        return reading.may_name(named.group_code, "groups/") or (
            named.subsystem is not None and reading.may_name(named.group_code, "members/")
        )
    member = named.member if isinstance(named, SubsystemId) else named
    return reading.may_name(str(member), "members/")
