"""Agreements in a snapshot: who has approved them, and when they are in force."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from xroad_lite import times
from xroad_lite.envelope import jws
from xroad_lite.errors import RegistryError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import KeySigner
from xroad_lite.registry import Snapshot
from xroad_lite.registry.agreements import (
    Agreements,
    Force,
    agreement_path,
    approval_path,
    ending_path,
)
from xroad_lite.registry.models import CertificateEntry
from xroad_lite.stewardship import Authority

NOW = 1_790_000_000.0
DAY = 86_400.0
BASE = "https://cl.example/"
PROVIDER, CONSUMER = "CL/GOV/CIVIL/births", "CL/GOV/HEALTH/clinics"
AUTHORITY = Authority.create("Test CA", now=NOW)
KEYS = {party: AUTHORITY.issue(SubsystemId.parse(party), now=NOW) for party in (PROVIDER, CONSUMER)}
PARTIES = {"provider": PROVIDER, "consumer": CONSUMER}


def written(version: int = 1, **changed: Any) -> bytes:
    """An agreement's file."""
    document = {
        "agreement": "births",
        "version": version,
        "title": {"en": "Births"},
        "provider": PROVIDER,
        "consumer": CONSUMER,
        "operation": "publish",
        "types": ["health.birth"],
        "purposes": ["https://w3id.org/dpv#LegalCompliance"],
        "legal_basis": {"text": {"en": "Act 1"}, "iri": "https://cl.example/act/1"},
        "period": {"from": times.to_text(NOW), "until": times.to_text(NOW + 100 * DAY)},
    } | changed
    return yaml.safe_dump({key: one for key, one in document.items() if one is not None}).encode()


def signed(data: bytes, role: str) -> bytes:
    """The approval of the party in a role."""
    signer: KeySigner = KEYS[PARTIES[role]].signer
    return jws.sign_detached(data, signer, jws.APPROVAL, issued_at=int(NOW))


def approved(files: dict[str, bytes], *roles: str) -> dict[str, bytes]:
    """The files with every one of them approved by these parties."""
    return files | {
        approval_path(path, role): signed(data, role)
        for path, data in files.items()
        for role in roles
    }


def read(files: dict[str, bytes], revoked: str = "") -> Agreements:
    """The agreements, each party's own key being listed for it."""

    def approvers(party: str) -> list[CertificateEntry]:
        entry: dict[str, Any] = {"sha256": KEYS[party].sha256}
        if party == revoked:
            entry["revoked"] = {"at": times.to_text(NOW)}
        return [CertificateEntry.model_validate(entry)]

    return Agreements(files, BASE, approvers)


def force(agreements: Agreements, version: int = 1) -> Force | str:
    """When a version is in force."""
    found = agreements.get(f"{BASE}agreements/births/{version}")
    assert found is not None
    return agreements.force(found)


FILE = {agreement_path("births", 1): written()}
BOTH = ("provider", "consumer")


def test_approved_by_both_it_is_in_force_for_its_period() -> None:
    """And what was sealed in time drains for a day after it."""
    until = NOW + 100 * DAY
    assert force(read(approved(FILE, *BOTH))) == Force(NOW, until, until + DAY, "its period")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (FILE, "provider, CL/GOV/CIVIL/births, has not approved"),
        (approved(FILE, "provider"), "consumer, CL/GOV/HEALTH/clinics, has not approved"),
        (approved(FILE, "consumer"), "provider, CL/GOV/CIVIL/births, has not approved"),
        (approved(FILE, *BOTH) | {next(iter(FILE)): written() + b"#\n"}, "approved something else"),
        (
            approved(FILE, *BOTH)
            | {approval_path(next(iter(FILE)), "consumer"): signed(written(), "provider")},
            "not listed for its agreements",
        ),
        (
            approved(FILE, *BOTH) | {approval_path(next(iter(FILE)), "consumer"): b"x..y"},
            "approved something else",
        ),
    ],
)
def test_without_a_partys_word_it_is_not_in_force(files: dict[str, bytes], says: str) -> None:
    """One is missing, over other bytes, by another's key, or no signature at all."""
    found = force(read(files))
    assert isinstance(found, str)
    assert says in found


def test_a_revoked_key_approves_nothing() -> None:
    """The party approves again with another key."""
    found = force(read(approved(FILE, *BOTH), revoked=PROVIDER))
    assert isinstance(found, str)
    assert "revoked" in found


def test_an_open_agreement_needs_its_provider_alone() -> None:
    """There is nobody else to ask."""
    files = {agreement_path("births", 1): written(consumer=None, open=True)}
    assert isinstance(force(read(approved(files, "provider"))), Force)


@pytest.mark.parametrize("by", BOTH)
def test_either_party_ends_it_alone(by: str) -> None:
    """From the day it says, and drained from then; an ending that nobody approved ends nothing."""
    at = NOW + 5 * DAY
    ending = {"agreement": "births", "version": 1, "by": by, "at": times.to_text(at)}
    path = ending_path("births", 1)
    file = {path: yaml.safe_dump(ending).encode()}
    ended = force(read(approved(FILE, *BOTH) | approved(file, by)))
    assert ended == Force(NOW, at, at + DAY, f"its {by}, who ended it")
    for roles in ((), tuple({*BOTH} - {by})):
        unended = force(read(approved(FILE, *BOTH) | approved(file, *roles)))
        assert isinstance(unended, Force)
        assert unended.ends_by == "its period"


def test_an_ending_cannot_make_it_longer() -> None:
    """An end after its period's changes nothing."""
    at = times.to_text(NOW + 900 * DAY)
    ending = yaml.safe_dump({"agreement": "births", "version": 1, "by": "provider", "at": at})
    file = approved({ending_path("births", 1): ending.encode()}, "provider")
    found = force(read(approved(FILE, *BOTH) | file))
    assert isinstance(found, Force)
    assert (found.until, found.ends_by) == (NOW + 100 * DAY, "its period")


def test_an_ending_of_another_agreement_is_refused() -> None:
    """A file that says something else than its name is an error, not an ending."""
    ending = yaml.safe_dump(
        {"agreement": "deaths", "version": 1, "by": "provider", "at": times.to_text(NOW)}
    )
    with pytest.raises(RegistryError, match="is about deaths/1"):
        force(read(approved(FILE, *BOTH) | {ending_path("births", 1): ending.encode()}))


@pytest.mark.parametrize("ending", [b"[]", b"agreement: births\nversion: 2\nby: nobody\n"])
def test_a_faulty_ending_is_found_before_a_snapshot_is_used(ending: bytes) -> None:
    """Not when the first message comes, which would be refused for it."""
    files = FILE | {
        ending_path("births", 1): ending,
        "instance.yaml": b"instance: CL\nbase: https://cl.example/\ntitle: {en: One}\n"
        b"authorities: [one.pem]\n",
        "one.pem": AUTHORITY.pem,
    }
    with pytest.raises(RegistryError, match="births-1"):
        Snapshot.draft(files).read()


def test_a_version_ends_where_the_next_one_begins() -> None:
    """Only once that one is approved; later versions still end earlier ones through it."""
    period = {"from": times.to_text(NOW + 3 * DAY), "until": times.to_text(NOW + 9 * DAY)}
    second = {agreement_path("births", 2): written(2, period=period)}
    waiting = read(approved(FILE, *BOTH) | approved(second, "provider"))
    assert isinstance(first := force(waiting), Force)
    assert first.ends_by == "its period"
    both = read(approved(FILE, *BOTH) | approved(second, *BOTH))
    begins = NOW + 3 * DAY
    assert force(both) == Force(NOW, begins, begins + DAY, "version 2, which followed it")
    assert isinstance(force(both, 2), Force)
