"""Who is registered, and for whom a party of an agreement stands; does not say what is allowed.

A registry speaks for its own instance alone: members of another that it lists are not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xroad_lite.encryption import PublicKey
from xroad_lite.identifiers import GroupId, MemberId, SubsystemId, parse_party
from xroad_lite.registry.encryption_keys import key_in_force, public_key
from xroad_lite.registry.models import CertificateEntry, Group, Maintenance, Member
from xroad_lite.registry.models import Subsystem as SubsystemEntry
from xroad_lite.registry.trusted import instance_of


@dataclass(frozen=True, slots=True)
class Party:
    """A subsystem with the member that answers for it."""

    member: Member
    subsystem: SubsystemEntry

    @property
    def active(self) -> bool:
        """Whether its member may take part."""
        return self.member.status == "active"

    def certificate(self, sha256: str) -> CertificateEntry | None:
        """The entry of the certificate with this digest (hex), if it is listed for this party."""
        for entry in self.subsystem.certificates:
            if entry.sha256 == sha256:
                return entry
        return None

    def encryption_key(self, at: float) -> PublicKey | None:
        """The key to encrypt to at Unix time ``at``; None while none is in force."""
        return key_in_force(self.subsystem.encryption_keys, at)

    def lists_encryption_key(self, kid: str) -> bool:
        """Whether a key, by its JWK thumbprint, is listed for this party, ended ones too."""
        return any(public_key(one).kid == kid for one in self.subsystem.encryption_keys)

    def service(self, request_type: str) -> tuple[str, str] | None:
        """Code and response type of the first service that is asked by ``request_type``."""
        for service in self.subsystem.services:
            if service.asked_by == request_type:
                return service.code, service.answers_with
        return None

    def maintenance(
        self, request_type: str | None = None, code: str | None = None
    ) -> tuple[Maintenance, ...]:
        """The planned times of the subsystem, and of services asked by ``request_type``.

        With ``code`` of that service alone: one type asks all services of REST endpoints.
        """
        return tuple(self.subsystem.maintenance) + tuple(
            planned
            for service in self.subsystem.services
            if service.asked_by == request_type and code in (None, service.code)
            for planned in service.maintenance
        )


class Parties:
    """Members with their subsystems, and the groups, indexed for questions.

    ``instance`` is whose they are; left out, whoever is there is its own.
    """

    def __init__(
        self, members: Iterable[Member], groups: Iterable[Group], instance: str | None = None
    ) -> None:
        self._instance = instance
        self._parties: dict[str, Party] = {}
        self._groups = {str(GroupId(one.group)): one for one in groups}
        self._of_member: dict[str, list[str]] = {}
        self._standing: dict[str, frozenset[str]] = {}
        self._members: dict[str, Member] = {}
        for member in members:
            if not self.is_own(member.member):
                continue
            self._members[member.member] = member
            for one in member.subsystems:
                identifier = SubsystemId.parse(f"{member.member}/{_escaped(one.code)}")
                self._parties[str(identifier)] = Party(member, one)
                self._of_member.setdefault(member.member, []).append(str(identifier))
                for group in one.groups:
                    self._groups[str(GroupId(group.group, identifier))] = group

    @property
    def subsystems(self) -> tuple[str, ...]:
        """The identifiers of all subsystems."""
        return tuple(self._parties)

    @property
    def groups(self) -> dict[str, Group]:
        """All groups, the instance's and the subsystems' own, by the name agreements use."""
        return self._groups

    def get(self, subsystem: str) -> Party | None:
        """The subsystem with this identifier, if it is registered."""
        return self._parties.get(subsystem)

    def is_own(self, party: str) -> bool:
        """Whether a subsystem, member or group is of this instance."""
        return self._instance is None or instance_of(party) in ("", self._instance)

    def stands_for(self, party: str, subsystem: str) -> bool:
        """Whether a party of an agreement stands for a subsystem.

        Of another instance the name alone is asked: who is registered there, its registry says.
        """
        if self.is_own(party):
            return subsystem in self.standing(party)
        return subsystem == party or subsystem.startswith(f"{party}/")

    def knows(self, party: str) -> bool:
        """Whether a party of an agreement is a registered subsystem, member or group."""
        return party in self._parties or party in self._groups or party in self._of_member

    def standing(self, party: str) -> frozenset[str]:
        """The subsystems that a party of an agreement stands for; none for an unknown one."""
        found = self._standing.get(party)
        if found is None:
            found = frozenset(self._stands_for(party))
            if self.knows(party):  # strangers are not remembered
                self._standing[party] = found
        return found

    def approvers(self, party: str, lead: list[CertificateEntry]) -> list[CertificateEntry] | None:
        """Whose keys approve agreements for a party: its member's; the lead's for its groups.

        None for a party of another instance: its own registry says.
        """
        if not self.is_own(party):
            return None
        named = parse_party(party)
        if isinstance(named, GroupId):
            if named.subsystem is None:
                return lead
            named = named.subsystem
        member = named if isinstance(named, MemberId) else named.member
        found = self._members.get(str(member))
        return found.agreement_certificates if found else []

    def _stands_for(self, party: str) -> Iterable[str]:
        named = parse_party(party)
        if isinstance(named, GroupId):
            group = self._groups.get(party)
            members = filter(self.is_own, group.members) if group else ()
            return {one for each in members for one in self.standing(each)}
        if isinstance(named, MemberId):
            return self._of_member.get(party, ())
        return (party,)


def _escaped(code: str) -> str:
    return code.replace("%", "%25").replace("/", "%2F")
