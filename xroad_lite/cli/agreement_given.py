"""Options of the agreement commands, and what they mean: source, key, language, purpose, time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xroad_lite.cli import passphrases
from xroad_lite.errors import KeysError

if TYPE_CHECKING:
    from xroad_lite.keys import KeySigner
    from xroad_lite.registry import Snapshot
    from xroad_lite.registry.models import Texts
    from xroad_lite.stewardship.agreements import Shelf

Source = Annotated[
    Path,
    typer.Option(
        "--source",
        "-s",
        help="The registry's source directory; to read, also a published registry's folder.",
        envvar="XROAD_LITE_SOURCE",
    ),
]
Name = Annotated[str, typer.Argument(help="births (its newest version), births/1, or its file.")]
Key = Annotated[
    str, typer.Option("--key", "-k", help="file:PATH or pkcs11:…", envvar="XROAD_LITE_KEY")
]
Certificates = Annotated[
    Path,
    typer.Option(
        "--certificates", "-c", help="Its certificates, PEM.", envvar="XROAD_LITE_CERTIFICATES"
    ),
]
Language = Annotated[
    str,
    typer.Option(
        "--language",
        "-l",
        help="Language of texts, as es; the terminal's if left out.",
        envvar="XROAD_LITE_LANGUAGE",
    ),
]


Others = Annotated[
    list[Path] | None,
    typer.Option("--with", help="Another instance's published registry, for its parties' keys."),
]


def newest(folders: list[Path] | None) -> list[Snapshot]:
    """What other instances have published last."""
    from xroad_lite.registry import RegistryFolder

    return [RegistryFolder(one).newest() for one in folders or ()]


def read(source: Path) -> Shelf:
    """The agreements of a source directory, or of what is published in a folder."""
    from xroad_lite.registry import RegistryFolder, read_source
    from xroad_lite.stewardship.agreements import Shelf

    if (source / "metadata").is_dir():
        snapshot = RegistryFolder(source).newest()
        return Shelf({path: snapshot.file(path) for path in snapshot.paths}, snapshot, {})
    return Shelf.read(read_source(source))


def signer(key: str, certificates: Path, source: str | None) -> KeySigner:
    """The key that approves, with a passphrase or PIN that a person may also type."""
    from xroad_lite.keys import open_signer

    address = key if ":" in key else f"file:{key}"
    if not certificates.exists():
        raise KeysError(
            "keys.certificate",
            f"there is no file {certificates}",
            hint="name the key's certificates with --certificates",
        )
    return open_signer(address, certificates, passphrase=passphrases.asked(source))


def reader(language: str) -> str:
    """The language asked for, else the terminal's."""
    return language or os.environ.get("LC_ALL", os.environ.get("LANG", ""))[:2] or "en"


def said(texts: Texts, language: str) -> str:
    """A text in a language; else in English, else in any."""
    return texts.get(language) or texts.get("en") or next(iter(texts.values()), "")


def purpose(snapshot: Snapshot, text: str) -> str:
    """A purpose's IRI, of the IRI itself, ``dpv:Name`` or the end of a known one."""
    if "://" in text:
        return text
    name = text.partition(":")[2] or text
    known = [one for one in snapshot.purposes.titles if one.rpartition("#")[2] == name]
    return known[0] if len(known) == 1 else text
