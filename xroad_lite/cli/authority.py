"""``xroad-lite ca``: the authority of an instance, for members who have none."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output, passphrases
from xroad_lite.errors import KeysError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

ca_app = typer.Typer(
    no_args_is_help=True,
    help="A certificate authority for members who have none: new, issue, revoke, list, crl.",
)
_OF_AUTHORITY = (passphrases.AUTHORITY_VARIABLE, "Passphrase of the authority: ")
_Authority = Annotated[Path, typer.Option(help="The authority's folder.", envvar="XROAD_LITE_CA")]


@ca_app.command("new")
@output.command
def new(
    folder: Annotated[Path, typer.Argument(help="Where the authority's key and certificate go.")],
    name: Annotated[str, typer.Option(help="Its common name.")] = "xroad_lite CA",
    key: Annotated[
        str | None,
        typer.Option(help="Make its key in a token: pkcs11:token=…;object=…?module-path=…"),
    ] = None,
    ca_passphrase_from: passphrases.AuthorityFrom = None,
    no_passphrase: passphrases.Without = False,
    json: options.Json = False,
) -> None:
    """Make an authority; its key is encrypted unless told otherwise, or lies in a token.

    The passphrase is the token's PIN then.
    """
    from xroad_lite.stewardship import Authority

    passphrase = passphrases.chosen(
        ca_passphrase_from, *_OF_AUTHORITY, without=no_passphrase, confirm=key is None
    )
    made = _in_token(key, passphrase) if key is not None else None
    authority = Authority.create(name, now=time.time(), key=made)
    authority.write(folder, passphrase=passphrase, address=key)
    certificate = str(folder / "authority.pem")

    def people() -> None:
        output.out.print(f"wrote {certificate}", highlight=False)
        output.say(
            "copy it into the registry's source, below authorities/, and name it there in "
            "instance.yaml"
        )

    output.give({"certificate": certificate}, people)


def _in_token(address: str, pin: bytes | None) -> ec.EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    from xroad_lite.keys import new_key

    if not address.startswith("pkcs11:"):
        raise KeysError(
            "keys.address",
            f"got the key address {address[:80]!r}: expected pkcs11:…",
            hint="leave --key out for a key in the authority's folder",
        )
    made = new_key(address, passphrase=pin)
    assert isinstance(made, ec.EllipticCurvePrivateKey)
    return made


@ca_app.command("issue")
@output.command
def issue(
    ca: _Authority,
    subsystem: Annotated[
        str | None, typer.Argument(help="For whom, as CL/GOV/CIVIL/births; with --csr optional.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Argument(help="Where a new key.pem and certificates.pem go.")
    ] = None,
    csr: Annotated[
        Path | None, typer.Option(help="Answer this request instead of making a key.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --csr: the file for the certificate.")
    ] = None,
    days: Annotated[float, typer.Option(help="How long it is valid.", min=0.01)] = 730,
    algorithm: Annotated[str, typer.Option(help="Of the new key: ES256 or EdDSA.")] = "ES256",
    passphrase_from: passphrases.From = None,
    ca_passphrase_from: passphrases.AuthorityFrom = None,
    no_passphrase: passphrases.Without = False,
    json: options.Json = False,
) -> None:
    """Certify a subsystem's request, or make a key and a certificate for it."""
    from xroad_lite.keys import read_certificate
    from xroad_lite.stewardship import Authority
    from xroad_lite.stewardship.register import Register

    if (csr is None) is (folder is None):
        raise typer.BadParameter("expected SUBSYSTEM and FOLDER, or --csr FILE")
    now = time.time()
    authority = Authority.read(ca, passphrase=passphrases.asked(ca_passphrase_from, *_OF_AUTHORITY))
    if csr is not None:
        name, der = _answered(authority, csr, subsystem, now, days)
        target = out or csr.with_name("certificate.pem")
        _write_new(target, der)
    else:
        assert folder is not None
        passphrase = passphrases.chosen(passphrase_from, without=no_passphrase)
        name, der = _made(authority, subsystem or "", folder, algorithm, passphrase, now, days)
        target = folder / "certificates.pem"
    Register(ca).add(der, name, now)
    sha256 = read_certificate(der).sha256

    def people() -> None:
        output.out.print(f"wrote {target}", highlight=False)
        output.say(f"list it for {name} in the registry:")
        output.out.print(f"  certificates:\n  - sha256: {sha256}", highlight=False, soft_wrap=True)

    output.give({"sha256": sha256, "subsystem": str(name), "certificate": str(target)}, people)


def _answered(
    authority: Any, csr: Path, subsystem: str | None, now: float, days: float
) -> tuple[Any, bytes]:
    """The subsystem that a request names, and the certificate for its key."""
    from xroad_lite.errors import KeysError
    from xroad_lite.identifiers import SubsystemId
    from xroad_lite.keys import read_request

    request = read_request(csr.read_bytes())
    if subsystem is not None and SubsystemId.parse(subsystem) != request.subsystem:
        raise KeysError(
            "keys.identifier",
            f"the request is of {request.subsystem}: expected {subsystem}",
            hint="see who sent it; or leave out whom you expect, and certify what it says",
        )
    return request.subsystem, authority.certify(request.key, request.subsystem, now=now, days=days)


def _made(
    authority: Any,
    subsystem: str,
    folder: Path,
    algorithm: str,
    passphrase: bytes | None,
    now: float,
    days: float,
) -> tuple[Any, bytes]:
    """The subsystem, and the certificate of a new key in ``folder``."""
    from xroad_lite.errors import KeysError
    from xroad_lite.identifiers import SubsystemId

    identifier = SubsystemId.parse(subsystem)
    if algorithm not in ("ES256", "EdDSA"):
        raise KeysError("keys.algorithm", f"got {algorithm}: expected ES256 or EdDSA")
    if (folder / "key.pem").exists():
        raise KeysError(
            "keys.exists",
            f"{folder / 'key.pem'} is there already",
            hint="name a new folder with --out",
        )
    identity = authority.issue(identifier, now=now, algorithm=algorithm, days=days)
    identity.write(folder, passphrase=passphrase)
    return identifier, identity.signer.chain[0]


def _write_new(target: Path, der: bytes) -> None:
    from xroad_lite.errors import KeysError
    from xroad_lite.keys import to_pem

    if target.exists():
        raise KeysError(
            "keys.exists", f"{target} is there already", hint="name another file with --out"
        )
    target.write_bytes(to_pem(der))


@ca_app.command("revoke")
@output.command
def revoke(
    sha256: Annotated[str, typer.Argument(help="The certificate's SHA-256, or how it begins.")],
    ca: _Authority,
    reason: Annotated[str, typer.Option(help="As keyCompromise, superseded.")] = "",
    since: Annotated[
        str | None,
        typer.Option(help="In doubt since, as 2026-01-31T12:00:00Z: the theft, if known."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Revoke a certificate, and say what the registry must publish: that is what counts."""
    from xroad_lite.stewardship.register import Register

    try:
        doubtful = None if since is None else times.to_unix(since)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    one = Register(ca).revoke(sha256, now=time.time(), since=doubtful, reason=reason)
    assert one.revoked is not None
    at, from_ = (times.to_text(moment) for moment in one.revoked[:2])
    entry = {"at": at, "doubtful_since": from_, "reason": reason}

    def people() -> None:
        output.say(f"publish it in the registry, in the member's file of {one.subsystem}:")
        output.out.print(
            f"  - sha256: {one.sha256}\n    revoked: {{at: {at}, doubtful_since: {from_}, "
            f"reason: {reason or 'unspecified'}}}",
            highlight=False,
            soft_wrap=True,
        )

    output.give({"sha256": one.sha256, "subsystem": one.subsystem, "revoked": entry}, people)


@ca_app.command("list")
@output.command
def list_(ca: _Authority, json: options.Json = False) -> None:
    """What this authority issued, until when, and what it revoked."""
    from xroad_lite.stewardship.register import Register

    issued, now = Register(ca).issued(), time.time()
    found = [
        {
            "subsystem": one.subsystem,
            "sha256": one.sha256,
            "until": times.to_text(one.not_after),
            "state": "revoked" if one.revoked else "ended" if one.not_after < now else "valid",
            "reason": one.revoked.by if one.revoked else "",
        }
        for one in issued
    ]

    def people() -> None:
        made = output.table("", "subsystem", "SHA-256", "until", "state")
        for one in found:
            state = f"{one['state']} {one['reason']}".strip()
            made.add_row(escape(one["subsystem"]), one["sha256"][:16], one["until"][:10], state)
        output.out.print(made)

    output.give({"certificates": found}, people)


@ca_app.command("crl")
@output.command
def crl(
    out: Annotated[Path, typer.Argument(help="The file for the list, as SOURCE/crls/ca.crl.")],
    ca: _Authority,
    days: Annotated[float, typer.Option(help="Days until the next one.", min=0.01)] = 30,
    ca_passphrase_from: passphrases.AuthorityFrom = None,
    json: options.Json = False,
) -> None:
    """Sign the list of what this authority revoked, for the registry or for others."""
    from xroad_lite.stewardship import Authority
    from xroad_lite.stewardship.register import Register

    authority = Authority.read(ca, passphrase=passphrases.asked(ca_passphrase_from, *_OF_AUTHORITY))
    register, now = Register(ca), time.time()
    revoked = [(one.serial, one.revoked) for one in register.issued() if one.revoked is not None]
    number = register.next_list(now)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(authority.revocation_list(revoked, number=number, now=now, days=days))
    output.give(
        {"file": str(out), "number": number, "revoked": len(revoked)},
        lambda: output.out.print(f"wrote {out}: {len(revoked)} revoked", highlight=False),
    )
