"""Agreements in a registry's source: begun, approved by a party, ended; reads and gives bytes.

Does not check a document (``checking`` does), write files, or decide what a message may do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from xroad_lite import times
from xroad_lite.envelope.jws import APPROVAL, sign_detached
from xroad_lite.errors import RegistryError
from xroad_lite.keys import Signer, read_certificate
from xroad_lite.registry import Agreement, Snapshot
from xroad_lite.registry.agreements import (
    CONSUMER,
    ENDED,
    FOLDER,
    PROVIDER,
    Force,
    agreement_path,
    approval_path,
    ending_path,
)
from xroad_lite.registry.documents import read_document
from xroad_lite.registry.models import REST_REQUEST, Ending
from xroad_lite.stewardship.drafts import TODO

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FILE: Final = re.compile(r"agreements/([a-z0-9][a-z0-9-]{0,63})-([1-9][0-9]*)\.yaml")
_VERSION_LINE: Final = re.compile(r"^version:[ ]*[0-9]+", re.MULTILINE)
_PAST_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Shelf:
    """The agreements of a source with all that they refer to, as far as they can be read."""

    files: Mapping[str, bytes] = field(repr=False)
    snapshot: Snapshot = field(repr=False)
    faulty: Mapping[str, str]
    """By path, what is wrong with a file that cannot be read; it is not in the snapshot."""

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> Shelf:
        """From documents by path; a faulty agreement keeps no other from being read."""
        faulty = {}
        for path, data in files.items():
            if path.startswith(FOLDER) and path.endswith(".yaml"):
                try:
                    read_document(Ending if path.endswith(ENDED) else Agreement, path, data)
                except RegistryError as error:
                    faulty[path] = error.message.removeprefix(path).lstrip(": ")
        sound = {path: data for path, data in files.items() if path not in faulty}
        return cls(files, Snapshot.draft(sound), faulty)

    def versions(self, name: str) -> list[int]:
        """The versions of an agreement, faulty ones too, in order."""
        named = (match for path in self.files if (match := _FILE.fullmatch(path)))
        return sorted(int(match[2]) for match in named if match[1] == name)

    def path(self, text: str) -> str:
        """The file that is meant by ``births`` (its newest version), ``births/1``, a path or IRI.

        ``RegistryError`` says what there is instead.
        """
        inside = text[text.rfind(FOLDER) :] if FOLDER in text else text
        if inside in self.files and inside.endswith(".yaml"):
            return inside
        name, _, number = inside.removeprefix(FOLDER).partition("/")
        versions = self.versions(name)
        if versions and (not number or (number.isdecimal() and int(number) in versions)):
            return agreement_path(name, int(number or versions[-1]))
        has = f"{name} has {', '.join(map(str, versions))}" if versions else "nothing of that name"
        raise RegistryError(
            "registry.no_agreement",
            f"there is no agreement {text!r:.80}: {has}",
            hint="see what there is with: xroad-lite agreement list",
        )

    def agreement(self, text: str) -> Agreement:
        """The agreement that is meant, of an ending's file the one it ends; ``RegistryError``."""
        path = self.path(text)
        if path.endswith(ENDED):
            path = path.removesuffix(ENDED) + ".yaml"
        if path in self.faulty:
            raise RegistryError("registry.document", f"{path}: {self.faulty[path]}")
        return read_document(Agreement, path, self.files[path])

    def roles(self, agreement: Agreement, sha256: str) -> list[str]:
        """The sides of an agreement for which the certificate's key approves; may be none."""
        lead = self.snapshot.instance.agreement_certificates
        parties = {PROVIDER: agreement.provider, CONSUMER: agreement.consumer}
        return [
            role
            for role, party in parties.items()
            if party is not None
            for one in self.snapshot.parties.approvers(party, lead) or ()
            if one.sha256 == sha256 and one.revoked is None
        ]


def next_version(shelf: Shelf, name: str, given: Mapping[str, object]) -> tuple[str, str]:
    """Path and text of an agreement's next version, to be edited.

    The first is a form, filled in with what is ``given``; a later one is the version before it,
    of which a reviewer sees the changes alone. ``RegistryError`` if the name is none.
    """
    if not _NAME.fullmatch(name):
        raise RegistryError(
            "registry.document",
            f"got {name!r:.80} as the name of an agreement: expected lower-case letters, digits "
            "and -, at most 64",
        )
    versions = shelf.versions(name)
    if not versions:
        return agreement_path(name, 1), _form(name, given)
    before = shelf.files[agreement_path(name, versions[-1])].decode()
    text, found = _VERSION_LINE.subn(f"version: {versions[-1] + 1}", before, count=1)
    if given or not found:
        what = f"{name} has version {versions[-1]}, and its next begins as a copy of it"
        raise RegistryError("registry.agreement", what, hint="say nothing more, and edit the file")
    return agreement_path(name, versions[-1] + 1), text


def _form(name: str, given: Mapping[str, object]) -> str:
    today = str(given.get("from", TODO))
    types = _listed(given, "types")
    values = {
        "agreement": name,
        "version": 1,
        "title": dict.fromkeys(_listed(given, "languages"), TODO),
        "provider": given.get("provider", TODO),
        "consumer": given.get("consumer", TODO),
        "operation": given.get("operation", "publish"),
        "types": types,
        "endpoints": {} if REST_REQUEST in types else None,
        "purposes": _listed(given, "purposes"),
        "legal_basis": {"text": dict.fromkeys(_listed(given, "languages"), TODO), "iri": TODO},
        "fields": {},
        "period": {"from": today, "until": str(given.get("until", TODO))},
        "drain": "PT24H",
        "retention": "P365D",
        "receipt": False,
        "confidential": False,
    }
    if values["consumer"] == "everybody":
        values |= {"consumer": None, "open": True}
    return "".join(
        _said({key: value}, _WHY.get(key, "")) for key, value in values.items() if value is not None
    )


def _said(value: Mapping[str, object], why: str) -> str:
    text: str = yaml.safe_dump(dict(value), allow_unicode=True, sort_keys=False, width=100)
    return f"# {why}\n{text}" if why else text


def _listed(given: Mapping[str, object], key: str) -> list[str]:
    found = given.get(key)
    return [str(one) for one in found] if isinstance(found, list | tuple) and found else [TODO]


_WHY: Final = {
    "provider": "A subsystem, a member for all its subsystems, or group:CODE.",
    "operation": "publish: the provider sends; request: the consumer asks, the provider answers.",
    "endpoints": "What may be called, as {persons: [{method: GET, path: /a/*}]}; nothing else is.",
    "purposes": "IRIs of vocabularies/purposes.yaml; each covers the narrower ones.",
    "legal_basis": "The law that allows it, as people and programs find it.",
    "fields": "Per type, JSON Pointers of what may be sent, as [/identifier]; all of it if silent.",
    "drain": "How long what was sealed in time is still received after the end.",
    "retention": "After how long bodies are erased.",
}


def approvals(shelf: Shelf, path: str, signer: Signer, *, now: float) -> dict[str, bytes]:
    """The approvals, by path, of a file by the parties whose key it is; ``now`` is Unix seconds.

    Of an ending the party alone approves that ends it. ``RegistryError`` if it is nobody's key.
    """
    agreement = shelf.agreement(path)
    data = shelf.files[path]
    wanted = entitled(shelf, agreement, signer)
    if path.endswith(ENDED):
        by = read_document(Ending, path, data).by
        if by not in wanted:
            raise _not_entitled(agreement, signer, f"the {by} has ended it, and must approve that")
        wanted = [by]
    return {
        approval_path(path, role): sign_detached(data, signer, APPROVAL, issued_at=int(now)) + b"\n"
        for role in wanted
    }


def approved_by(shelf: Shelf, path: str) -> list[str]:
    """The sides whose approval of a file lies beside it, whether it holds or not."""
    return [role for role in (PROVIDER, CONSUMER) if approval_path(path, role) in shelf.files]


def entitled(shelf: Shelf, agreement: Agreement, signer: Signer) -> list[str]:
    """The sides for which the signer's key speaks; ``RegistryError`` if there is none."""
    found = shelf.roles(agreement, read_certificate(signer.chain[0]).sha256)
    if not found:
        parties = f"{agreement.provider} and {agreement.consumer or 'everybody'}"
        raise _not_entitled(agreement, signer, f"it is between {parties}")
    return found


def _not_entitled(agreement: Agreement, signer: Signer, why: str) -> RegistryError:
    sha256 = read_certificate(signer.chain[0]).sha256
    return RegistryError(
        "registry.approval",
        f"the key does not approve {agreement.agreement}/{agreement.version}: {why}; the "
        f"certificate is {sha256}",
        hint="list it below agreement_certificates: of its member, or of the instance for groups",
    )


def ending(
    shelf: Shelf,
    agreement: Agreement,
    signer: Signer,
    *,
    role: str | None,
    at: float,
    reason: Mapping[str, str],
    now: float,
) -> dict[str, bytes]:
    """Path and bytes of an ending by the party whose key it is, and of its approval.

    ``RegistryError`` where the end lies in the past, it was ended before, or ``role`` is open.
    """
    path = ending_path(agreement.agreement, agreement.version)
    roles = entitled(shelf, agreement, signer)
    if path in shelf.files:
        raise RegistryError("registry.ending", f"{path} is there: it was ended already")
    if at < now - _PAST_SECONDS:
        raise RegistryError(
            "registry.ending",
            f"got the end {times.to_text(at)}, which is past: expected now or later, since what "
            "was sealed until now was sealed under it",
        )
    if role is None and len(roles) > 1:
        problem = "the key is the provider's and the consumer's"
        raise RegistryError("registry.ending", problem, hint="say --as provider or --as consumer")
    by = role or roles[0]
    if by not in roles:
        raise _not_entitled(agreement, signer, f"it is the {roles[0]}'s key, not the {by}'s")
    document: dict[str, object] = {
        "agreement": agreement.agreement,
        "version": agreement.version,
        "by": by,
        "at": times.to_text(at),
    }
    data = _said(document | ({"reason": dict(reason)} if reason else {}), "").encode()
    return {
        path: data,
        approval_path(path, by): sign_detached(data, signer, APPROVAL, issued_at=int(now)) + b"\n",
    }


def status(force: Force | str, now: float) -> str:
    """In two words, where an agreement stands at ``now``, Unix seconds."""
    if isinstance(force, str):
        return "not approved"
    if now < force.start:
        return "not begun"
    if now < force.until:
        return "in force"
    return "drains" if now < force.drained else "ended"
