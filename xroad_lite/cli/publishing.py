"""``xroad-lite registry``: make a registry, delegate, publish, rotate keys, stamp the time.

Does not know how a role is signed: ``stewardship`` does.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import times
from xroad_lite.cli import options, output, passphrases, role_keys
from xroad_lite.cli.registry import registry_app
from xroad_lite.errors import ConfigurationError, RegistryError

if TYPE_CHECKING:
    from xroad_lite.stewardship import Outcome, Repository

_SOON = 1 / 4


@registry_app.command("key")
@output.command
def key(
    file: Annotated[str, typer.Argument(help="A new file for it, or pkcs11:…")],
    algorithm: Annotated[str, typer.Option(help="EdDSA or ES256.")] = "EdDSA",
    plain: passphrases.Without = False,
    public: Annotated[
        Path | None, typer.Option(help="Where its public part goes; beside the file if not said.")
    ] = None,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Make a key that signs a role; its public part, beside it, is for whoever delegates."""
    from xroad_lite.stewardship import make_role_key

    secret = passphrases.chosen(passphrase_from, without=plain)
    signer = make_role_key(file, algorithm, passphrase=secret, public=public)
    found = {"key": file, "id": signer.public_key.keyid, "encrypted": not plain}
    output.give(found, lambda: _say(f"{file}: key {signer.public_key.keyid[:16]}"))


@registry_app.command("init")
@output.command
def init(
    registry: role_keys.Registry,
    root: role_keys.Public = None,
    threshold: Annotated[int, typer.Option(help="How many root keys must sign.", min=1)] = 1,
    targets: role_keys.Public = None,
    snapshot: role_keys.Public = None,
    timestamp: role_keys.Public = None,
    keys: role_keys.Keys = None,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Make a registry: who holds the root, who signs for the lead agency, what stamps the time."""
    from xroad_lite.stewardship import read_public
    from xroad_lite.stewardship.publishing_lock import publishing

    named = {"root": root, "targets": targets, "snapshot": snapshot, "timestamp": timestamp}
    lacking = [f"--{name}" for name, given in named.items() if not given]
    if lacking:
        raise ConfigurationError(
            "config.init",
            f"no public key for {', '.join(lacking)}",
            hint="make keys with: xroad-lite registry key root.pem; the same may stand for several",
        )
    public = {name: [read_public(one) for one in given or ()] for name, given in named.items()}
    with publishing(registry):
        repository = _repository(registry, keys, passphrase_from)
        repository.create(**public, threshold=threshold)
        outcome = repository.commit()
    _tell(outcome)


@registry_app.command("delegate")
@output.command
def delegate(
    registry: role_keys.Registry,
    domain: Annotated[str, typer.Argument(help="The domain, as health.")],
    to: Annotated[list[Path], typer.Option(help="A steward's public key (.pub).")],
    threshold: Annotated[int, typer.Option(help="How many of them must sign.", min=1)] = 1,
    keys: role_keys.Keys = None,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Give a domain to its steward: the schemas, the vocabulary and the mappings from it.

    For a domain that is delegated already it replaces the keys: what the old ones signed no longer
    counts.
    """
    from xroad_lite.stewardship import delegate_domain, read_public

    public = [read_public(one) for one in to]
    signing = role_keys.opened(keys, passphrase_from)
    _tell(delegate_domain(registry, domain, public, signing, threshold, now=time.time()))


@registry_app.command("publish")
@output.command
def publish(
    source: Annotated[Path, typer.Argument(help="The directory with instance.yaml, members/, …")],
    registry: role_keys.Registry,
    role: Annotated[
        str | None, typer.Option(help="Publish this role's documents alone, as its steward.")
    ] = None,
    keys: role_keys.Keys = None,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Check the documents, sign what changed, and publish it if the online keys are at hand."""
    from xroad_lite.stewardship import publish as publish_source

    signing = role_keys.opened(keys, passphrase_from)
    _tell(publish_source(source, registry, signing, now=time.time(), role=role))


@registry_app.command("refresh")
@output.command
def refresh(
    registry: role_keys.Registry,
    keys: role_keys.Keys = None,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Sign what waits, publish what is complete, stamp the time: run it every few hours."""
    _refresh(registry, keys, passphrase_from)


@registry_app.command("sign")
@output.command
def sign(
    registry: role_keys.Registry,
    keys: role_keys.Keys = None,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Add this holder's signatures to what waits for them: of the root, or of a role."""
    _refresh(registry, keys, passphrase_from)


def _refresh(registry: Path, keys: list[str] | None, passphrase_from: str | None) -> None:
    from xroad_lite.stewardship import refresh as refresh_registry

    _tell(refresh_registry(registry, role_keys.opened(keys, passphrase_from), now=time.time()))


@registry_app.command("rotate")
@output.command
def rotate(
    registry: role_keys.Registry,
    role: Annotated[str, typer.Argument(help="root, targets, snapshot, timestamp, or a domain.")],
    add: role_keys.Public = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="A key that goes: its .pub file, or its id.")
    ] = None,
    threshold: Annotated[int | None, typer.Option(help="How many must sign.", min=1)] = None,
    keys: role_keys.Keys = None,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Change the keys of a role. A new root needs the signatures of old and new holders."""
    from xroad_lite.stewardship import read_public, rotate_keys

    public = [read_public(one) for one in add or ()]
    signing = role_keys.opened(keys, passphrase_from)
    gone = [_key_id(one) for one in remove or ()]
    _tell(
        rotate_keys(
            registry,
            role,
            signing,
            now=time.time(),
            add=public,
            remove=gone,
            threshold=threshold,
        )
    )


@registry_app.command("expire")
@output.command
def expire(
    registry: role_keys.Registry,
    role: Annotated[str | None, typer.Argument(help="A role to sign again.")] = None,
    days: Annotated[float, typer.Option(help="Days until it expires; 0 ends it now.", min=0)] = 180,
    keys: role_keys.Keys = None,
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Say when each role expires, with exit code 1 if one has; or sign one with another end."""
    from xroad_lite.stewardship.publishing_lock import publishing

    if role is None:
        _tell_roles(_repository(registry, None, passphrase_from))
        return
    with publishing(registry):
        repository = _repository(registry, keys, passphrase_from)
        repository.renew(role, days * 86_400)
        outcome = repository.commit()
    _tell(outcome)


@registry_app.command("root")
@output.command
def root(
    registry: Annotated[str, typer.Argument(help="The registry: a folder, or an https: address.")],
    out: Annotated[Path, typer.Option(help="Where the root goes that a node will trust.")] = Path(
        "root.json"
    ),
    sha256: Annotated[
        str | None, typer.Option(help="Its digest, as the lead agency made it known.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Fetch the root that a node is to trust. Compare its digest with the lead agency's."""
    from xroad_lite.registry import newest_root

    data, version = newest_root(registry)
    digest = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, digest):
        raise RegistryError(
            "registry.root",
            f"the root has the SHA-256 {digest}: expected {sha256}",
            hint="do not trust it: ask its lead agency for the digest, by another way",
        )
    out.write_bytes(data)
    known = "as expected" if sha256 else "compare it with what the lead agency has made known"
    output.give(
        {"root": str(out), "version": version, "sha256": digest},
        lambda: _say(f"{out}: root {version}\nSHA-256 {digest}\n{known}"),
    )


def _key_id(name: str) -> str:
    from xroad_lite.stewardship import read_public

    return read_public(Path(name)).keyid if Path(name).is_file() else name


def _repository(registry: Path, keys: list[str] | None, passphrase_from: str | None) -> Repository:
    from xroad_lite.registry import RegistryFolder
    from xroad_lite.stewardship import Repository

    signing = role_keys.opened(keys, passphrase_from)
    return Repository(RegistryFolder(registry), signing, now=time.time())


def _tell(outcome: Outcome) -> None:
    """What became of it: published, stamped, or what it waits for."""
    problems = {}
    if outcome.snapshot is not None:
        problems = {one.name: one.problem for one in outcome.snapshot.edition.roles if one.problem}
    found: dict[str, Any] = {
        "snapshot": outcome.name or None,
        "published": outcome.snapshot is not None,
        "staged": list(outcome.staged),
        "waiting": dict(outcome.waiting),
        "stopped": problems,
    }

    def people() -> None:
        if outcome.snapshot is not None:
            _say(f"published {outcome.name}")
        elif outcome.stamped:
            _say(f"stamped the time: {outcome.name} is the newest")
        elif not outcome.staged:
            _say("nothing has changed, so nothing was signed or published")
        for name in outcome.staged:
            reason = outcome.waiting.get(name, "signed; it waits for the online keys")
            _say(f"staged {name}: {reason}")
        for name, problem in problems.items():
            _say(f"the domain {name} stands still: {problem}")

    output.give(found, people)


def _tell_roles(repository: Repository) -> None:
    now, rows = time.time(), []
    for name in sorted(repository.names()):
        signed = repository.published(name)
        if signed is None:
            continue
        keyids, threshold = repository.keys(name)
        left = signed.expires.timestamp() - now
        soon = left < repository.life(name) * _SOON
        state = "expired" if left <= 0 else "soon" if soon else "good"
        rows.append(
            {
                "role": name,
                "version": signed.version,
                "keys": keyids,
                "threshold": threshold,
                "expires": times.to_text(signed.expires.timestamp()),
                "state": state,
            }
        )
    ok = all(row["state"] != "expired" for row in rows)

    def people() -> None:
        made = output.table("", "role", "version#", "signed by", "expires", "state")
        for row in rows:
            held = f"{row['threshold']} of " + " ".join(one[:8] for one in row["keys"])
            expires = str(row["expires"])[:16].replace("T", " ")
            made.add_row(str(row["role"]), str(row["version"]), held, expires, str(row["state"]))
        output.out.print(made)

    output.give({"ok": ok, "roles": rows}, people)
    if not ok:
        raise typer.Exit(output.FOUND_WRONG)


def _say(text: str) -> None:
    output.out.print(escape(text), highlight=False, soft_wrap=True)
