"""A bundle in an ASiC-E container: openssl accepts its signature; every trick with it is named."""

from __future__ import annotations

import re
import shutil
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from test_independent_tools import good
from world import World, der

from xroad_lite import timestamps
from xroad_lite.audit import cades
from xroad_lite.audit.asice import MANIFEST, SIGNATURE, AsiceSink, Seal
from xroad_lite.audit.exporting import export
from xroad_lite.audit.gathering import material_of
from xroad_lite.audit.opening import open_evidence
from xroad_lite.audit.report import Check
from xroad_lite.audit.verifying import Asked, verify
from xroad_lite.errors import LogError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys import KeySigner, Signer
from xroad_lite.messagelog import Store
from xroad_lite.messagelog.evidence.choosing import Choice
from xroad_lite.messagelog.evidence.containers import ASICE_TYPE, MIMETYPE
from xroad_lite.stewardship import Authority
from xroad_lite.testing import CIVIL

Files = list[tuple[str, bytes]]


def signer_of(world: World) -> Signer:
    """The signing key of the node whose log it is."""
    return world.settings.keyring().signer(lambda _: True, time.time())


def stamp_of(world: World) -> Callable[[bytes], bytes]:
    """What the test authority stamps."""

    def stamp(value: bytes) -> bytes:
        request = timestamps.request(value)
        answer = world.authority.answer(request.der)
        trusted = timestamps.Authorities([der(world.authority.root)])
        return trusted.read_answer(answer, request)[0]

    return stamp


def exported(world: World, place: Path, seal: Seal, *, registry: bool = True) -> Path:
    """A container of the whole log."""
    store = Store(world.log, readonly=True)
    try:
        material = material_of(store, [world.signer().verifier()])
        export(
            AsiceSink(place, seal),
            store,
            material,
            Choice(),
            signer=world.signer(),
            registry=world.registry if registry else None,
        )
    finally:
        store.close()
    return place


@pytest.fixture(scope="module")
def container(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that nobody changed, with a time stamp."""
    seal = Seal(signer_of(world), time.time(), stamp_of(world))
    return exported(world, tmp_path_factory.mktemp("asice") / "evidence.asice", seal)


def frame(place: Path) -> Check:
    """What verification says of the frame."""
    return next(
        one
        for one in verify(open_evidence(place), Asked(now=time.time())).checks
        if one.name == "container"
    )


def rewritten(files: Iterable[tuple[str, bytes]], place: Path, compressed: str = "") -> Path:
    """A zip of these files; ``mimetype`` is stored unless it is the one to be compressed."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files:
            plain = name == MIMETYPE != compressed
            made.writestr(name, data, zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED)
    return place


def files_of(place: Path) -> Files:
    """All files, in their order."""
    with zipfile.ZipFile(place) as read:
        return [(one.filename, read.read(one)) for one in read.infolist()]


def test_all_checks_hold(container: Path) -> None:
    """The bundle's twelve, and the frame's."""
    report = verify(open_evidence(container), Asked(now=time.time()))
    assert {one.verdict for one in report.checks} == {"established"}
    assert "by time stamp" in report.checks[-1].said
    assert CIVIL in report.checks[-1].said


def test_it_is_a_container_by_the_standard(container: Path) -> None:
    """EN 319 162-1, annex A.1: the type can be read at a fixed place of the file."""
    start = container.read_bytes()[:100]
    assert start[30:38] == MIMETYPE.encode()
    assert start[38 : 38 + len(ASICE_TYPE)] == ASICE_TYPE


def test_openssl_accepts_it_by_the_commands_of_its_page(container: Path, tmp_path: Path) -> None:
    """The signature, and by it every file; a changed manifest is refused."""
    with zipfile.ZipFile(container) as read:
        read.extractall(tmp_path)
    good(tmp_path, "container")
    manifest = tmp_path / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b"SigReference", b"SigReference ", 1))
    with pytest.raises(AssertionError):
        good(tmp_path, "container")


def test_an_ed25519_key_signs_as_well(world: World, eddsa: KeySigner) -> None:
    """RFC 8419: SHA-512, and the signature over the attributes themselves."""
    signed = cades.sign(b"manifest", eddsa, 1_790_000_000)
    assert cades.read(signed, b"manifest").chain[0] == eddsa.chain[0]
    with pytest.raises(LogError, match="another file"):
        cades.read(signed, b"another")


def replaced(files: Files, name: str, data: bytes) -> Files:
    """The files with other bytes under one name."""
    return [(path, data if path == name else old) for path, old in files]


def manifest_of(files: Files) -> bytes:
    """The bytes of ASiCManifest.xml."""
    return dict(files)[MANIFEST]


TRICKS: dict[str, tuple[Callable[[Files], Files], str]] = {
    "mimetype comes last": (lambda files: [*files[1:], files[0]], "must come first"),
    "mimetype says something else": (
        lambda files: replaced(files, MIMETYPE, b"application/zip"),
        "must come first",
    ),
    "a file that nobody signed": (
        lambda files: [*files, ("more.txt", b"more")],
        "nobody signed it",
    ),
    "a stranger in the frame": (
        lambda files: [*files, ("META-INF/container.xml", b"<x/>")],
        "has no such file",
    ),
    "a file is taken away": (
        lambda files: [one for one in files if one[0] != "README.md"],
        "it is not there",
    ),
    "the manifest names one less": (
        lambda files: replaced(
            files,
            MANIFEST,
            re.sub(
                rb'<asic:DataObjectReference URI="README.md">.*?</asic:DataObjectReference>\n',
                b"",
                manifest_of(files),
                flags=re.S,
            ),
        ),
        "another file than this one",
    ),
    "the manifest has a document type": (
        lambda files: replaced(
            files, MANIFEST, manifest_of(files).replace(b"?>", b"?><!DOCTYPE x>", 1)
        ),
        "document type",
    ),
    "a reference is no text": (
        lambda files: replaced(
            files, MANIFEST, manifest_of(files).replace(b'URI="README.md"', b'URI="%FF"', 1)
        ),
        "percent-encoded",
    ),
    "the bundle's manifest is another": (
        lambda files: replaced(
            files, "manifest.json", dict(files)["manifest.json"].replace(b"a small", b"a tiny")
        ),
        "another SHA-256",
    ),
    "the signature is cut": (
        lambda files: replaced(files, SIGNATURE, dict(files)[SIGNATURE][:-1]),
        "no CMS signature",
    ),
    "a path leads outside": (
        lambda files: [*files, ("../outside", b"x")],
        "no path inside a bundle",
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_found_and_named(container: Path, tmp_path: Path, trick: str) -> None:
    """Nothing is reported good that is not."""
    change, expected = TRICKS[trick]
    place = rewritten(change(files_of(container)), tmp_path / "changed.asice")
    check = frame(place)
    assert check.verdict == "wrong"
    assert any(expected in str(one) for one in check.findings), check.findings


def test_what_is_behind_the_end_is_found(container: Path, tmp_path: Path) -> None:
    """Bytes after the zip's end could be anything to another program."""
    place = Path(shutil.copy(container, tmp_path))
    with place.open("ab") as file:
        file.write(b"more")
    assert any("behind its last file" in str(one) for one in frame(place).findings)


def test_a_compressed_mimetype_is_found(container: Path, tmp_path: Path) -> None:
    """Programs that look at the first bytes would not know what it is."""
    place = rewritten(files_of(container), tmp_path / "x.asice", compressed=MIMETYPE)
    assert frame(place).verdict == "wrong"


def signatures(world: World, data: bytes, health: KeySigner) -> dict[str, tuple[bytes, str]]:
    """Signatures that hold, and should not be believed; by name, with what must be said."""
    own = signer_of(world)
    now = time.time()
    stranger = Authority.create("Another CA", now=now).issue(SubsystemId.parse(CIVIL), now=now)
    return {
        "another certificate's": (cades.sign(data, stranger.signer, now), "lists no certificate"),
        "another institution's": (cades.sign(data, health, now), "lists no certificate"),
        "over another file": (cades.sign(data + b" ", own, now), "another file than this one"),
        "before its certificate was": (cades.sign(data, own, now - 99_999_999), "not at"),
        "a stamp over something else": (
            cades.sign(data, own, now, lambda _: stamp_of(world)(b"else")),
            "its time stamp",
        ),
    }


def test_a_signature_that_should_not_count(
    world: World, container: Path, tmp_path: Path, es256: KeySigner
) -> None:
    """By a stranger, by another institution, over another file, in an impossible time."""
    files = files_of(container)
    for number, (name, (signed, expected)) in enumerate(
        signatures(world, manifest_of(files), es256).items()
    ):
        place = rewritten(replaced(files, SIGNATURE, signed), tmp_path / f"{number}.asice")
        check = frame(place)
        assert check.verdict == "wrong", name
        assert any(expected in str(one) for one in check.findings), (name, check.findings)


@pytest.mark.long
def test_every_byte_of_the_signature_counts(container: Path) -> None:
    """Changed anywhere it is refused as our own error, or it is the very same statement.

    The certificate's own signature is the chain's to check, and the stamp's bytes the stamp's.
    """
    files = dict(files_of(container))
    signed, data = files[SIGNATURE], files[MANIFEST]
    true = cades.read(signed, data)
    for at in range(len(signed)):
        changed = signed[:at] + bytes((signed[at] ^ 0x55,)) + signed[at + 1 :]
        try:
            found = cades.read(changed, data)
        except LogError:
            continue
        assert (found.value, found.claimed) == (true.value, true.claimed)
        assert (found.chain, found.token) != (true.chain, true.token), at


def test_without_a_registry_it_is_open(world: World, tmp_path: Path) -> None:
    """Whose certificate it is cannot be established."""
    seal = Seal(signer_of(world), time.time())
    place = exported(world, tmp_path / "bare.asice", seal, registry=False)
    assert frame(place).verdict == "could not be established"


def test_a_failed_signature_leaves_no_container(world: World, tmp_path: Path) -> None:
    """Neither the file nor a part of it stays behind."""

    def fails(_: bytes) -> bytes:
        raise LogError("log.test", "no stamp")

    with pytest.raises(LogError, match="no stamp"):
        exported(world, tmp_path / "x.asice", Seal(signer_of(world), time.time(), fails))
    assert list(tmp_path.iterdir()) == []
