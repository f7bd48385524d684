"""The agreements of a snapshot: who has approved each, and from when until when it is in force.

An agreement's file is approved by each party with a detached JWS beside it, over its exact bytes,
by a key that the registry lists for that party's agreements; either party alone may end it, by a
file of its own. Between two instances both registries list the same bytes, and each judges its own
party's approval. Does not decide what a message may do: ``policy`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from xroad_lite import times
from xroad_lite.envelope import jws
from xroad_lite.errors import RegistryError, SealError
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.models import Agreement, CertificateEntry, Ending
from xroad_lite.registry.trusted import instance_of

FOLDER, ENDED = "agreements/", ".ended.yaml"
PROVIDER, CONSUMER = "provider", "consumer"

Approvers = Callable[[str], Collection[CertificateEntry] | None]
"""The certificates whose keys approve for a party; None where another registry lists them."""


def agreement_path(name: str, version: int) -> str:
    """Where an agreement's version lies in a registry."""
    return f"{FOLDER}{name}-{version}.yaml"


def ending_path(name: str, version: int) -> str:
    """Where its ending lies, once a party has ended it."""
    return f"{FOLDER}{name}-{version}{ENDED}"


def approval_path(path: str, role: str) -> str:
    """Where the approval of the party ``role`` lies, of an agreement or its ending."""
    return f"{path}.{role}.jws"


class Approval(NamedTuple):
    """Whether a party has approved a file: when and by which certificate, or why not."""

    role: str
    party: str
    at: float | None
    sha256: str
    problem: str = ""

    @property
    def given(self) -> bool:
        """Whether it holds."""
        return not self.problem


class Force(NamedTuple):
    """When an agreement's version is in force: sealed from ``start`` until ``until``, Unix seconds.

    What was sealed in time is received until ``drained``. ``ends_by`` says in words what ends it.
    """

    start: float
    until: float
    drained: float
    ends_by: str


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    path: str
    data: bytes
    agreement: Agreement


class Agreements:
    """All agreements of one snapshot; approvals are verified at the first question, and once."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        base: str,
        approvers: Approvers,
        read: Mapping[str, Agreement] | None = None,
        bases: Mapping[str, str] | None = None,
    ) -> None:
        """``files`` are those below ``agreements/``, ``read`` what has been read of them already.

        ``base`` is the instance's IRI, ``bases`` those of others: an agreement is named in the
        instance of its provider, whose types it is about.
        """
        self._files = files
        self._base = base
        self._bases = bases or {}
        self._approvers = approvers
        self._read: dict[str, _File] = {}
        self._versions: dict[str, list[Agreement]] = {}
        self._force: dict[str, Force | str] = {}
        self._approvals: dict[str, list[Approval]] = {}
        for path in sorted(files):
            if path.endswith(".yaml") and not path.endswith(ENDED):
                found = (read or {}).get(path) or read_document(Agreement, path, files[path])
                self._read[self.iri(found)] = _File(path, files[path], found)
                self._versions.setdefault(found.agreement, []).append(found)

    @property
    def all(self) -> tuple[Agreement, ...]:
        """Every version of every agreement, by file name."""
        return tuple(one.agreement for one in self._read.values())

    def iri(self, agreement: Agreement) -> str:
        """The name by which a seal refers to an agreement's version."""
        base = self._bases.get(instance_of(agreement.provider), self._base)
        return f"{base}agreements/{agreement.agreement}/{agreement.version}"

    def data(self, agreement: Agreement) -> bytes:
        """The bytes of its file, which both parties approve."""
        return self._read[self.iri(agreement)].data

    def get(self, iri: str) -> Agreement | None:
        """The version with this IRI, if it is here."""
        found = self._read.get(iri)
        return found.agreement if found else None

    def approvals(self, agreement: Agreement) -> list[Approval]:
        """What each party says of an agreement; an open one needs its provider's word alone."""
        iri = self.iri(agreement)
        if iri not in self._approvals:
            file = self._read[iri]
            roles = [(PROVIDER, agreement.provider)]
            if agreement.consumer is not None:
                roles.append((CONSUMER, agreement.consumer))
            self._approvals[iri] = [self._approval(file.path, file.data, *one) for one in roles]
        return self._approvals[iri]

    def ending(self, agreement: Agreement) -> tuple[Ending, Approval] | None:
        """The ending of an agreement, if a file says so, and whether its party has approved it."""
        path = ending_path(agreement.agreement, agreement.version)
        data = self._files.get(path)
        if data is None:
            return None
        found = read_document(Ending, path, data)
        if (found.agreement, found.version) != (agreement.agreement, agreement.version):
            raise RegistryError(
                "registry.ending", f"{path} is about {found.agreement}/{found.version}"
            )
        party = agreement.provider if found.by == PROVIDER else agreement.consumer or ""
        return found, self._approval(path, data, found.by, party)

    def force(self, agreement: Agreement) -> Force | str:
        """When it is in force; or, as a sentence, why it never is."""
        iri = self.iri(agreement)
        if iri not in self._force:
            self._decide(self._versions[agreement.agreement])
        return self._force[iri]

    def _decide(self, versions: list[Agreement]) -> None:
        """The newest first: where a version begins, the earlier ones end."""
        next_begins, next_version = float("inf"), 0
        for one in sorted(versions, key=lambda each: each.version, reverse=True):
            force = self._alone(one)
            if isinstance(force, Force):
                if next_begins < force.until:
                    drained = next_begins + times.duration(one.drain)
                    by = f"version {next_version}, which followed it"
                    force = Force(force.start, next_begins, drained, by)
                if force.start < next_begins:
                    next_begins, next_version = force.start, one.version
            self._force[self.iri(one)] = force

    def _alone(self, agreement: Agreement) -> Force | str:
        for one in self.approvals(agreement):
            if not one.given:
                return f"its {one.role}, {one.party}, {one.problem}"
        until, by = times.to_unix(agreement.period.until), "its period"
        ended = self.ending(agreement)
        if ended is not None and ended[1].given and times.to_unix(ended[0].at) < until:
            until, by = times.to_unix(ended[0].at), f"its {ended[0].by}, who ended it"
        drained = until + times.duration(agreement.drain)
        return Force(times.to_unix(agreement.period.start), until, drained, by)

    def _approval(self, path: str, data: bytes, role: str, party: str) -> Approval:
        token = self._files.get(approval_path(path, role))
        if token is None:
            return Approval(role, party, None, "", "has not approved it")
        try:
            found = jws.read_detached(token.strip(), data, jws.APPROVAL)
            jws.verify(found)
        except SealError as error:
            return Approval(role, party, None, "", f"approved something else: {error.message}")
        sha256 = found.certificate.sha256
        approvers = self._approvers(party)
        listed = {one.sha256: one for one in approvers or ()}
        problem = ""
        if approvers is None:
            problem = ""  # by whose key, the party's own registry judges
        elif sha256 not in listed:
            problem = f"approved it with a key that is not listed for its agreements ({sha256})"
        elif listed[sha256].revoked is not None:
            problem = f"approved it with a key that was revoked ({sha256})"
        return Approval(role, party, float(found.issued_at), sha256, problem)
