"""A bundle in an ASiC-E container with CAdES (ETSI EN 319 162-1): written, and its frame verified.

The container is a zip of the bundle's own files: ``mimetype`` comes first, ``ASiCManifest.xml``
names every file with its SHA-256, and ``signature.p7s`` is over that. Whose signature that must be
says the registry in the bundle: the log's own subsystem's. Does not verify the bundle.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from xroad_lite import times
from xroad_lite.audit import cades
from xroad_lite.audit.cades import Signature, Stamp
from xroad_lite.audit.opening import Bundle
from xroad_lite.audit.registries import Registries
from xroad_lite.errors import LogError, XRoadError
from xroad_lite.exchange.identity import standing
from xroad_lite.identifiers import SubsystemId, url_path
from xroad_lite.keys import Signer
from xroad_lite.messagelog.evidence.containers import (
    ASICE_TYPE,
    FRAME,
    MIMETYPE,
    Asice,
    ZipSink,
)
from xroad_lite.messagelog.evidence.manifest import Manifest
from xroad_lite.messagelog.evidence.parts import CONTAINER, Finding
from xroad_lite.registry import Snapshot
from xroad_lite.timestamps import Authorities

MANIFEST, SIGNATURE = f"{FRAME}ASiCManifest.xml", f"{FRAME}signature.p7s"
_ASIC = "http://uri.etsi.org/02918/v1.2.1#"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_MAX_MANIFEST = 256 * 1_048_576


@dataclass(frozen=True, slots=True)
class Seal:
    """Who signs a container, when (Unix seconds), and who stamps the signature."""

    signer: Signer
    at: float
    stamp: Stamp = lambda _: None


class AsiceSink(ZipSink):
    """Writes a bundle into a new container, and signs it when the bundle is complete."""

    def __init__(self, file: Path, seal: Seal) -> None:
        super().__init__(file)
        self.seal = seal
        self._digests: dict[str, bytes] = {}

    def __enter__(self) -> AsiceSink:
        super().__enter__()
        super().write(MIMETYPE, ASICE_TYPE, stored=True)
        return self

    def write(self, path: str, data: bytes, *, stored: bool = False) -> None:
        """See ``Sink``."""
        super().write(path, data, stored=stored)
        self._digests[path] = hashlib.sha256(data).digest()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                said = _manifest(self._digests)
                signed = cades.sign(said, self.seal.signer, self.seal.at, self.seal.stamp)
                super().write(MANIFEST, said)
                super().write(SIGNATURE, signed)
        except BaseException as failed:
            super().__exit__(type(failed))
            raise
        super().__exit__(kind, *rest)


def _manifest(digests: dict[str, bytes]) -> bytes:
    """ASiCManifest (EN 319 162-1, annex A.4), with the files in the order of their paths."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<asic:ASiCManifest xmlns:asic="{_ASIC}" xmlns:ds="{_DSIG}">',
        f'<asic:SigReference URI="{SIGNATURE}" MimeType="application/pkcs7-signature"/>',
    ]
    for path, digest in sorted(digests.items()):
        lines += [
            f"<asic:DataObjectReference URI={quoteattr(quote(path))}>",
            f'<ds:DigestMethod Algorithm="{_SHA256}"/>',
            f"<ds:DigestValue>{base64.b64encode(digest).decode()}</ds:DigestValue>",
            "</asic:DataObjectReference>",
        ]
    return "\n".join([*lines, "</asic:ASiCManifest>\n"]).encode()


@dataclass(slots=True)
class Verified:
    """What came of verifying a frame: a sentence if it holds, and what is wrong with it."""

    said: str
    findings: list[Finding]


def verify(
    bundle: Bundle,
    container: Asice,
    registries: Registries | None,
    now: float,
    authorities: Sequence[bytes] = (),
) -> Verified:
    """Verify the frame of a bundle; ``now`` is Unix seconds, ``authorities`` more roots of TSAs."""
    found = [
        _finding(place, "log.container", why) for place, why in problems(container, bundle.manifest)
    ]
    try:
        signature = cades.read(container.read(SIGNATURE), container.read(MANIFEST))
        proved = _proved(signature, registries, authorities, found)
        who = _check_signer(signature, bundle.manifest.log, registries, now, proved)
    except XRoadError as error:
        wrong = error.code not in _OPEN
        return Verified(
            "", [*found, Finding(CONTAINER, SIGNATURE, error.code, error.message, wrong)]
        )
    at = proved or signature.claimed
    how = "time stamp" if proved else "its own word, without a time stamp"
    return Verified(f"{who} signed it all, at {times.to_text(at)} by {how}", found)


_OPEN = ("identity.revoked", "identity.not_proved_in_time", "registry.missing")
"""What leaves open whether the signature is good."""


def _proved(
    signature: Signature,
    registries: Registries | None,
    authorities: Sequence[bytes],
    found: list[Finding],
) -> float | None:
    """When the signature was there at the latest, if a time stamp says so."""
    if signature.token is None:
        return None
    roots = [*authorities, *(registries.time_authorities() if registries is not None else ())]
    try:
        return Authorities(roots).verify(signature.token, signature.value).time
    except XRoadError as error:
        found.append(_finding(f"{SIGNATURE}: its time stamp", error.code, error.message))
        return None


def _check_signer(
    signature: Signature,
    log: str,
    registries: Registries | None,
    now: float,
    proved: float | None,
) -> str:
    """The subsystem whose log it is, by whose certificate the signature must be."""
    newest = None if registries is None else registries.newest
    if newest is None:
        raise LogError(
            "registry.missing", "it holds, but whose certificate that is, no registry here says"
        )
    owner = _owner(newest, log)
    found = standing(newest, owner, signature.chain, signature.claimed)
    existed = now if proved is None else proved
    found.check_revoked(max(now, existed), existed)
    return owner


def _owner(snapshot: Snapshot, log: str) -> str:
    for identifier in snapshot.subsystems:
        if url_path(SubsystemId.parse(identifier)) == log:
            return identifier
    raise LogError("log.container_signature", f"the registry knows no subsystem whose log is {log}")


def _finding(place: str, code: str, message: str) -> Finding:
    return Finding(CONTAINER, place, code, message)


def problems(container: Asice, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """What is wrong with the frame: where, and how.

    Of files that the bundle's own manifest names, the two manifests are held against each other:
    the check of files reads them. Others are read here.
    """
    for why in container.faults():
        yield "", why
    strangers = set(container.frame()) - {MIMETYPE, MANIFEST, SIGNATURE}
    for path in sorted(strangers):
        yield path, "an ASiC-E container of evidence has no such file"
    try:
        named = _references(container.read(MANIFEST))
    except XRoadError as error:
        yield MANIFEST, error.message
        return
    known = {one.path: one.sha256 for one in manifest.files}
    there = set(container.paths())
    for path in sorted(there - named.keys()):
        yield path, f"{MANIFEST} does not name it, so nobody signed it"
    for path, digest in sorted(named.items()):
        if path not in there:
            yield path, f"{MANIFEST} names it, and it is not there"
        elif digest.hex() != (known.get(path) or _digest(container, path)):
            yield path, f"{MANIFEST} says another SHA-256 of it"


def _digest(container: Asice, path: str) -> str | None:
    """Of a file, in hexadecimal; None where it cannot be read, which no digest equals."""
    try:
        return hashlib.sha256(container.read(path)).hexdigest()
    except LogError:
        return None


def _references(data: bytes) -> dict[str, bytes]:
    """Path and SHA-256 of every file that an ASiCManifest names."""
    if len(data) > _MAX_MANIFEST or b"<!" in data:
        raise _no_manifest("it is too large, or has a document type or comments")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - without a document type no entities
    except ElementTree.ParseError as error:
        raise _no_manifest(str(error)) from None
    references = root.findall(f"{{{_ASIC}}}SigReference")
    if root.tag != f"{{{_ASIC}}}ASiCManifest" or len(references) != 1:
        raise _no_manifest("expected an ASiCManifest with one SigReference")
    if references[0].get("URI") != SIGNATURE:
        raise _no_manifest(f"it is about another signature than {SIGNATURE}")
    found: dict[str, bytes] = {}
    for one in root:
        if one is references[0]:
            continue
        path, digest = _reference(one)
        if path in found:
            raise _no_manifest(f"it names {path:.120} twice")
        found[path] = digest
    return found


def _reference(one: ElementTree.Element) -> tuple[str, bytes]:
    method = one.find(f"{{{_DSIG}}}DigestMethod")
    text = one.findtext(f"{{{_DSIG}}}DigestValue") or ""
    if one.tag != f"{{{_ASIC}}}DataObjectReference" or method is None:
        raise _no_manifest("expected DataObjectReferences alone")
    try:
        path = unquote(one.get("URI") or "", errors="strict")
        digest = base64.b64decode(text, validate=True)
    except ValueError:
        raise _no_manifest(
            "a reference is not percent-encoded UTF-8 with a base64 digest"
        ) from None
    if method.get("Algorithm") != _SHA256:
        raise _no_manifest(f"the digest of {path:.120} is not SHA-256")
    return path, digest


def _no_manifest(why: str) -> LogError:
    return LogError("log.container", why)
