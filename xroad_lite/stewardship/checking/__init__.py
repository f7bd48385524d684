"""Checks a registry's source whole, across its documents, and never stops at the first fault.

Does not publish, change anything, or need a key: it runs in a pull request of anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from xroad_lite.errors import XRoadError
from xroad_lite.registry.source import SourceFault, walk_source
from xroad_lite.stewardship.checking import layout
from xroad_lite.stewardship.checking.agreements import check_agreements
from xroad_lite.stewardship.checking.certificates import check_authorities, check_certificates
from xroad_lite.stewardship.checking.encryption import check_encryption
from xroad_lite.stewardship.checking.findings import Finding, Severity, located
from xroad_lite.stewardship.checking.log_keys import check_log_keys
from xroad_lite.stewardship.checking.members import check_groups, check_instance, check_members
from xroad_lite.stewardship.checking.own_groups import check_own_groups
from xroad_lite.stewardship.checking.reading import Reading, read_all
from xroad_lite.stewardship.checking.revocations import check_revocation_lists
from xroad_lite.stewardship.checking.schemas import check_numbers, check_subjects, check_versions
from xroad_lite.stewardship.checking.timestamping import check_timestamping
from xroad_lite.stewardship.checking.trusted import check_trusted
from xroad_lite.stewardship.checking.vocabularies import check_purposes, check_vocabularies
from xroad_lite.stewardship.checking.wording import check_wording

__all__ = ["Finding", "Severity", "check_registry", "check_source"]

Check = Callable[[Reading], Iterator[Finding]]
CHECKS: Final[tuple[Check, ...]] = (
    check_instance,
    check_wording,
    check_authorities,
    check_certificates,
    check_members,
    check_log_keys,
    check_timestamping,
    check_groups,
    check_trusted,
    check_subjects,
    check_versions,
    check_numbers,
    check_agreements,
    check_own_groups,
    check_encryption,
    check_revocation_lists,
    check_vocabularies,
    check_purposes,
)
"""Each asks one thing of all documents. A new kind of document brings its check here."""


def check_source(
    source: Path, *, now: float, progress: Callable[[str, int, int], None] = lambda *_: None
) -> tuple[list[Finding], int]:
    """What is wrong with a source directory, and how many documents it holds.

    ``now`` is Unix seconds, for what expires. ``RegistryError`` only if there is no directory.
    """
    found = walk_source(source)
    findings = [_refused(fault) for fault in found.faults]
    findings += _check(found.documents, found.others, now, progress)
    return located(findings, found.documents), len(found.documents)


def check_registry(documents: Mapping[str, bytes], *, now: float) -> list[Finding]:
    """The same for documents by path; nothing in it ``is_wrong``: it may be published."""
    return located(_check(documents, (), now, lambda *_: None), documents)


def _refused(fault: SourceFault) -> Finding:
    return Finding(fault.path, fault.code, fault.problem, hint=_SOURCE_HINTS.get(fault.code, ""))


_SOURCE_HINTS: Final = {
    "registry.symbolic_link": "put the file itself there",
    "registry.too_large": "split it, or keep it elsewhere and refer to it",
}


def _check(
    documents: Mapping[str, bytes],
    others: tuple[str, ...] | list[str],
    now: float,
    progress: Callable[[str, int, int], None],
) -> list[Finding]:
    findings: list[Finding] = []
    reading = read_all(documents, now, findings)
    findings += layout.unread(documents, others, _named(reading))
    for number, check in enumerate(CHECKS):
        progress(check.__name__.removeprefix("check_"), number, len(CHECKS))
        try:
            findings += check(reading)
        except XRoadError as error:  # no check should come here; none is left out in silence
            findings.append(Finding("instance.yaml", error.code, error.message, hint=error.hint))
    return findings


def _named(reading: Reading) -> frozenset[str]:
    """The files that documents name by path."""
    named = {
        service.openapi
        for _, member in reading.members
        for subsystem in member.subsystems
        for service in subsystem.services
        if service.openapi
    }
    if reading.instance is not None:
        named |= {*reading.instance.authorities, *reading.instance.intermediates}
    named |= {one.root for _, one in reading.trusted}
    return frozenset(named)
