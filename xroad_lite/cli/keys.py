"""``xroad-lite keys``: a node's keys, from the first to the last that replaced it."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import encryption_key, log_key, options, output, passphrases
from xroad_lite.errors import KeysError, XRoadError

if TYPE_CHECKING:
    from xroad_lite.keys import Keyring, Pair, PublicKey
    from xroad_lite.node import Settings
    from xroad_lite.registry import Snapshot

keys_app = typer.Typer(
    no_args_is_help=True, help="A node's keys and certificates: new, csr, install, renew, list."
)
_DAY = 86_400.0
_Algorithm = Annotated[str, typer.Option(help="ES256 or EdDSA.")]


class Use(StrEnum):
    """What a key is for."""

    SEAL = "seal"
    LOG = "log"
    ENCRYPTION = "encryption"


_Use = Annotated[
    Use,
    typer.Option(
        help="To seal messages, to sign the log's checkpoints, to read what is confidential."
    ),
]


@keys_app.command("new")
@output.command
def new(
    node: options.NodeFolder = Path(),
    use: _Use = Use.SEAL,
    algorithm: _Algorithm = "ES256",
    passphrase_from: passphrases.From = None,
    no_passphrase: passphrases.Without = False,
    json: options.Json = False,
) -> None:
    """Make the key that node.yaml names, in a file or in a token; then ask for a certificate."""
    _make(node, use, algorithm, passphrase_from, without=no_passphrase, first=True)


@keys_app.command("renew")
@output.command
def renew(
    node: options.NodeFolder = Path(),
    use: _Use = Use.SEAL,
    algorithm: _Algorithm = "ES256",
    passphrase_from: passphrases.From = None,
    no_passphrase: passphrases.Without = False,
    json: options.Json = False,
) -> None:
    """Make a new key beside the old, which goes on until the registry lists the new one."""
    _make(node, use, algorithm, passphrase_from, without=no_passphrase, first=False)


def _make(
    node: Path, use: Use, algorithm: str, source: str | None, *, without: bool, first: bool
) -> None:
    settings, keyring = _opened(node, source)
    if use is Use.LOG:
        log_key.make(settings, source, without=without, first=first)
    elif use is Use.ENCRYPTION:
        encryption_key.make(settings, source, without=without, first=first)
    else:
        pair = keyring.pair(1) if first else keyring.next()
        _make_pair(settings, pair, algorithm, source, without=without)


def _make_pair(
    settings: Settings, pair: Pair, algorithm: str, source: str | None, *, without: bool
) -> None:
    from xroad_lite.identifiers import SubsystemId
    from xroad_lite.keys import make_request, new_key

    secret = passphrases.of_new(pair.uri, source or settings.passphrase_source(), without=without)
    key = new_key(pair.uri, algorithm, passphrase=secret)
    pair.request.write_bytes(make_request(key, SubsystemId.parse(settings.subsystem)))

    def people() -> None:
        output.out.print(f"made the key {escape(pair.uri)}", highlight=False, soft_wrap=True)
        output.out.print(f"wrote its request {pair.request}", highlight=False, soft_wrap=True)
        output.say("send the request to your authority; then: xroad-lite keys install ANSWER")

    output.give({"key": pair.uri, "number": pair.number, "request": str(pair.request)}, people)


@keys_app.command("csr")
@output.command
def csr(
    node: options.NodeFolder = Path(),
    number: Annotated[int, typer.Option(help="Which key; the newest if left out.", min=0)] = 0,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Write the certificate request (PKCS#10) of a key again."""
    from xroad_lite.identifiers import SubsystemId
    from xroad_lite.keys import make_request

    settings, keyring = _opened(node, passphrase_from)
    pair = keyring.pair(number) if number else keyring.pairs()[-1]
    pem = make_request(keyring.open(pair), SubsystemId.parse(settings.subsystem))
    pair.request.write_bytes(pem)
    output.give(
        {"number": pair.number, "request": str(pair.request), "pem": pem.decode()},
        lambda: output.out.print(f"wrote {pair.request}", highlight=False, soft_wrap=True),
    )


@keys_app.command("install")
@output.command
def install(
    answer: Annotated[Path, typer.Argument(help="The authority's answer: PEM, DER or PKCS#7.")],
    node: options.NodeFolder = Path(),
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in place of the key's present certificate.")
    ] = False,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Check the authority's answer, and put it beside its key."""
    from xroad_lite.identifiers import SubsystemId
    from xroad_lite.keys import check_answer, read_certificate, read_certificates, to_pem

    settings, keyring = _opened(node, passphrase_from)
    ders = read_certificates(answer.read_bytes())
    pair, key = _wanted(keyring, ders)
    if pair.certificates.exists() and not replace:
        raise KeysError(
            "keys.exists",
            f"{pair.certificates} is there already",
            hint="say --replace, if the authority has certified the same key again",
        )
    snapshot = _snapshot(settings)
    chain = check_answer(
        ders,
        key,
        SubsystemId.parse(settings.subsystem),
        now=time.time(),
        trust=snapshot.trust if snapshot else None,
    )
    _write(pair.certificates, b"".join(to_pem(der) for der in chain))
    sha256 = read_certificate(chain[0]).sha256

    def people() -> None:
        output.out.print(f"wrote {pair.certificates}", highlight=False, soft_wrap=True)
        if snapshot is None:
            output.say("the registry is out of reach: its authorities were not asked")
        output.say(f"have it listed for {settings.subsystem} in the registry:")
        output.out.print(f"  certificates:\n  - sha256: {sha256}", highlight=False, soft_wrap=True)

    output.give(
        {
            "sha256": sha256,
            "number": pair.number,
            "certificates": str(pair.certificates),
            "checked": snapshot is not None,
        },
        people,
    )


@keys_app.command("list")
@output.command
def list_(node: options.NodeFolder = Path(), json: options.Json = False) -> None:
    """The node's keys: certificate, days left, and whether the registry lists it."""
    settings, keyring = _opened(node, None)
    snapshot, now = _snapshot(settings), time.time()
    found = [_described(pair, settings.subsystem, snapshot, now) for pair in keyring.pairs()]
    of_log = log_key.described(settings, snapshot)
    encryption = encryption_key.described(settings, snapshot)

    def people() -> None:
        made = output.table(settings.subsystem, "#", "SHA-256", "until", "days left#", "state")
        for one in found:
            until = (one["until"] or "-")[:10]
            days = "-" if one["days_left"] is None else f"{one['days_left']:.0f}"
            digest = (one["sha256"] or "-")[:16]
            made.add_row(str(one["number"]), digest, until, days, one["state"])
        output.out.print(made)
        for one in found:
            output.say(f"{one['number']}: {one['key']}")
        log_key.show(of_log)
        encryption_key.show(encryption)

    value = {"subsystem": settings.subsystem, "keys": found, "log_keys": of_log}
    output.give(value | {"encryption_keys": encryption}, people)


def _described(pair: Pair, subsystem: str, snapshot: Snapshot | None, now: float) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "number": pair.number,
        "key": pair.uri,
        "algorithm": None,
        "sha256": None,
        "until": None,
        "days_left": None,
    }
    certificate = pair.certificate()
    if certificate is None:
        return shown | {"state": "no certificate yet" if pair.has_key() else "no key"}
    party = snapshot.party(subsystem) if snapshot else None
    entry = party.certificate(certificate.sha256) if party else None
    if entry is not None and entry.revoked is not None:
        state = "revoked"
    elif certificate.not_after < now:
        state = "ended"
    elif certificate.not_before > now:
        state = "not valid yet"
    elif snapshot is None:
        state = "registry out of reach"
    else:
        state = "listed" if entry is not None else "not listed"
    return shown | {
        "algorithm": certificate.algorithm,
        "sha256": certificate.sha256,
        "until": times.to_text(certificate.not_after),
        "days_left": round((certificate.not_after - now) / _DAY, 2),
        "state": state,
    }


def _opened(node: Path, source: str | None) -> tuple[Settings, Keyring]:
    """The node's settings, and its keys, whose passphrase a person may also type."""
    from xroad_lite.keys import Keyring
    from xroad_lite.node import Settings

    settings = Settings.read(node)
    secret = passphrases.asked(source or settings.passphrase_source())
    return settings, Keyring(settings.key_uri, settings.path(settings.certificates), secret)


def _wanted(keyring: Keyring, ders: tuple[bytes, ...]) -> tuple[Pair, PublicKey]:
    """The newest pair of which one of the certificates is; else the newest, for the message."""
    from xroad_lite.keys.installing import is_of

    pairs = [(pair, _public(keyring, pair)) for pair in reversed(keyring.pairs())]
    return next(
        ((pair, key) for pair, key in pairs if any(is_of(der, key) for der in ders)), pairs[0]
    )


def _public(keyring: Keyring, pair: Pair) -> PublicKey:
    """From the request, which needs no passphrase; else from the key."""
    from xroad_lite.keys import read_request

    if pair.request.exists():
        return read_request(pair.request.read_bytes()).key
    return keyring.open(pair).public_key()


def _snapshot(settings: Settings) -> Snapshot | None:
    try:
        return settings.registry_client().newest(time.time())
    except XRoadError:
        return None


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: a running node may read it now."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
