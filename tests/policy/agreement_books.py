"""A registry of five agencies in as many states as a test needs; holds no test.

``Books`` are its documents, written, approved by every party, and then tampered with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from xroad_lite import times
from xroad_lite.envelope.jws import APPROVAL, sign_detached
from xroad_lite.identifiers import SubsystemId
from xroad_lite.registry import Snapshot
from xroad_lite.registry.agreements import agreement_path, approval_path, ending_path
from xroad_lite.stewardship import Authority
from xroad_lite.stewardship.publication import bundled_files

NOW, DAY = 1_790_000_000.0, 86_400.0
DPV = "https://w3id.org/dpv#"
OBLIGATION, LEGAL = DPV + "FulfilmentOfObligation", DPV + "LegalCompliance"
CIVIL, HEALTH, TAX = "DEMO/GOV/CIVIL/registry", "DEMO/GOV/HEALTH/births", "DEMO/GOV/TAX/office"
BASE = "https://demo.example/agreements/"
_AUTHORITY = Authority.create("Test CA", now=NOW - 2 * DAY)
KEYS = {
    one: _AUTHORITY.issue(SubsystemId.parse(one), now=NOW - 2 * DAY)
    for one in (CIVIL, HEALTH, TAX, "DEMO/GOV/LEAD/office")
}
LEAD = KEYS["DEMO/GOV/LEAD/office"]
PURPOSES = bundled_files()["vocabularies/purposes.yaml"]
SERVICES = [{"code": "person", "request": "citizens.person-query", "response": "citizens.person"}]


class Books:
    """The documents: ``births``, published by HEALTH to CIVIL; ``persons``, of which CIVIL asks."""

    def __init__(self) -> None:
        listed = [{"sha256": LEAD.sha256}]
        self.documents: dict[str, Any] = {
            "instance.yaml": {
                "instance": "DEMO",
                "base": "https://demo.example/",
                "title": {"en": "Demo"},
                "authorities": ["a.pem"],
                "agreement_certificates": listed,
            }
        }
        for subsystem in (CIVIL, HEALTH, TAX):
            self._member(subsystem)
        self.agree()
        self.agree("persons", operation="request", types=["citizens.person-query"], provider=CIVIL,
                   consumer=HEALTH)  # fmt: skip
        self.late: list[Callable[[dict[str, bytes]], object]] = []
        self.unsigned: set[tuple[str, str]] = set()

    def _member(self, subsystem: str) -> None:
        member, _, code = subsystem.rpartition("/")
        listed = [{"sha256": KEYS[subsystem].sha256}]
        entry = {"code": code, "certificates": listed}
        if subsystem == CIVIL:
            entry["services"] = SERVICES
        self.documents[_path(member)] = {
            "member": member,
            "name": {"en": member},
            "contact": "a@b.example",
            "subsystems": [entry],
            "agreement_certificates": [dict(one) for one in listed],
        }

    def agree(self, name: str = "births", version: int = 1, **changed: Any) -> None:
        """Write an agreement's version, or change it."""
        path = agreement_path(name, version)
        before = self.documents.get(path) or {
            "agreement": name,
            "version": version,
            "title": {"en": name},
            "provider": HEALTH,
            "consumer": CIVIL,
            "operation": "publish",
            "types": ["health.birth"],
            "purposes": [OBLIGATION],
            "legal_basis": {"text": {"en": "Act 1"}, "iri": "https://law.example/1"},
            "period": period(-DAY, 100 * DAY),
        }
        made = before | changed
        self.documents[path] = {key: one for key, one in made.items() if one is not None}

    def end(self, by: str, at: float, name: str = "births", version: int = 1) -> None:
        """A party ends it, ``at`` seconds from now."""
        self.documents[ending_path(name, version)] = {
            "agreement": name,
            "version": version,
            "by": by,
            "at": times.to_text(NOW + at),
        }

    def unapprove(self, path: str, *roles: str) -> None:
        """Leave out the approvals of a file by these parties."""
        self.unsigned |= {(path, role) for role in roles}

    def member(self, subsystem: str, **changed: Any) -> None:
        """Change a member."""
        self.documents[_path(subsystem.rpartition("/")[0])] |= changed

    def group(self, code: str, *members: str) -> None:
        """Write a group."""
        self.documents[f"groups/{code}.yaml"] = {"group": code, "members": list(members)}

    def tamper(self, change: Callable[[dict[str, bytes]], object]) -> None:
        """Change the files after they were approved."""
        self.late.append(change)

    def files(self) -> dict[str, bytes]:
        """All files, with the approvals."""
        found = {
            path: yaml.safe_dump(one, sort_keys=False).encode()
            for path, one in self.documents.items()
        }
        found |= {"a.pem": _AUTHORITY.pem, "vocabularies/purposes.yaml": PURPOSES}
        for path in [one for one in found if one.startswith("agreements/")]:
            document = self.documents[path.replace(".ended.yaml", ".yaml")]
            for role in ("provider", "consumer"):
                if role in document and (path, role) not in self.unsigned:
                    found[approval_path(path, role)] = approval(found[path], document[role])
        for change in self.late:
            change(found)
        return found

    def snapshot(self, version: int = 1) -> Snapshot:
        """What would be published."""
        return Snapshot.draft(self.files(), version=version, published=NOW)


def approval(data: bytes, party: str) -> bytes:
    """The approval of a subsystem, of its member, or by the lead agency for a group."""
    named = [key for one, key in KEYS.items() if one == party or one.startswith(f"{party}/")]
    signer = (named or [LEAD])[0].signer
    return sign_detached(data, signer, APPROVAL, issued_at=int(NOW))


def period(begins: float, ends: float) -> dict[str, str]:
    """From and until, in seconds from now."""
    return {"from": times.to_text(NOW + begins), "until": times.to_text(NOW + ends)}


def _path(member: str) -> str:
    return f"members/{member.rpartition('/')[2].lower()}.yaml"
