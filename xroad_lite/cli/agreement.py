"""``xroad-lite agreement new``, ``check``, ``sign``, ``end``: how an agreement comes about."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xroad_lite import times
from xroad_lite.cli import findings as findings_output
from xroad_lite.cli import options, output, passphrases
from xroad_lite.cli.agreement_given import (
    Certificates,
    Key,
    Name,
    Others,
    Source,
    newest,
    purpose,
    read,
    signer,
)
from xroad_lite.cli.moments import moment
from xroad_lite.errors import ConfigurationError, RegistryError

if TYPE_CHECKING:
    from xroad_lite.stewardship import Finding
    from xroad_lite.stewardship.agreements import Shelf

agreement_app = typer.Typer(
    no_args_is_help=True, help="Agreements: new, key, check, sign, end, show, list, why."
)
_KEY, _PEM = "file:key.pem", Path("certificates.pem")


@agreement_app.command("new")
@output.command
def new(
    name: Annotated[str, typer.Argument(help="Its name, as births.")],
    provider: Annotated[str, typer.Option(help="Who publishes or answers.")] = "",
    consumer: Annotated[str, typer.Option(help="Who receives or asks; or: everybody.")] = "",
    operation: Annotated[str, typer.Option(help="publish or request.")] = "",
    types: Annotated[list[str] | None, typer.Option("--type", help="A message type.")] = None,
    purposes: Annotated[
        list[str] | None, typer.Option("--purpose", help="An IRI, or a name as LegalCompliance.")
    ] = None,
    begins: Annotated[str, typer.Option("--from", help="A day or a time in UTC.")] = "",
    until: Annotated[str, typer.Option(help="A day or a time in UTC.")] = "",
    others: Others = None,
    source: Source = Path(),
    json: options.Json = False,
) -> None:
    """Write a form of an agreement; of one that is there, its next version, to be edited."""
    from xroad_lite.stewardship.agreement_keys import has_key, with_key, without_key
    from xroad_lite.stewardship.agreements import next_version

    shelf = read(source)
    snapshot = shelf.snapshot
    given: dict[str, Any] = {
        "provider": provider,
        "consumer": consumer,
        "operation": operation,
        "types": types,
        "purposes": [purpose(snapshot, one) for one in purposes or ()],
        "from": times.to_text(moment(begins)) if begins else "",
        "until": times.to_text(moment(until)) if until else "",
    }
    given = {key: value for key, value in given.items() if value}
    if not shelf.versions(name):
        given["languages"] = snapshot.instance.languages or list(snapshot.instance.title)
        given.setdefault("from", times.to_text(time.time()))
    path, text = next_version(shelf, name, given)
    without = ""
    if has_key(text) or not shelf.versions(name):
        try:
            text = with_key(text, snapshot, time.time(), newest(others))
        except RegistryError as error:
            text, without = without_key(text), error.message
    (source / path).parent.mkdir(parents=True, exist_ok=True)
    with (source / path).open("x", encoding="utf-8") as file:
        file.write(text)

    def people() -> None:
        output.out.print(f"wrote {source / path}", highlight=False, soft_wrap=True)
        if without:
            output.say(f"{without}; without one no person can be named in a seal")
        output.say(f"edit it; then: xroad-lite agreement check {name}")

    output.give({"path": path, "text": text, "pseudonym_key": has_key(text)}, people)


@agreement_app.command("key")
@output.command
def make_key(
    name: Name, others: Others = None, source: Source = Path(), json: options.Json = False
) -> None:
    """Make the key of an agreement's pseudonyms anew, before anybody has approved it."""
    from xroad_lite.stewardship.agreement_keys import with_key
    from xroad_lite.stewardship.agreements import approved_by

    shelf = read(source)
    path = shelf.path(name)
    if roles := approved_by(shelf, path):
        raise RegistryError(
            "registry.approved",
            f"{path} is approved by its {' and '.join(roles)}: another key is another agreement",
            hint=f"make its next version with: xroad-lite agreement new {name.partition('/')[0]}",
        )
    text = with_key(shelf.files[path].decode(), shelf.snapshot, time.time(), newest(others))
    _write(source, {path: text.encode()})
    output.give(
        {"path": path},
        lambda: output.out.print(f"wrote {source / path}", highlight=False, soft_wrap=True),
    )


@agreement_app.command("check")
@output.command
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="births, births/1, or a file; all if left out.")
    ] = None,
    source: Source = Path(),
    json: options.Json = False,
) -> None:
    """Check agreements against parties, schemas and purposes; exit code 1 if one is wrong."""
    shelf = read(source)
    wanted = {shelf.path(one) for one in names or ()}
    found = _findings(shelf, wanted)
    failed = any(one.is_wrong for one in found)
    shown = [findings_output.as_json(one) for one in found]

    def people() -> None:
        findings_output.write(found, findings_output.Form.TEXT, source)
        if not found:
            output.out.print("nothing to say against them")

    output.give({"ok": not failed, "findings": shown}, people)
    if failed:
        raise typer.Exit(output.FOUND_WRONG)


def _findings(shelf: Shelf, wanted: set[str]) -> list[Finding]:
    """What is found about these files and their approvals; about all agreements if none."""
    from xroad_lite.stewardship import check_registry

    found = check_registry(shelf.files, now=time.time())
    about = tuple(one.removesuffix(".yaml") + "." for one in wanted) or ("agreements/",)
    return [one for one in found if one.path.startswith(about)]


@agreement_app.command("sign")
@output.command
def sign(
    name: Name,
    key: Key = _KEY,
    certificates: Certificates = _PEM,
    source: Source = Path(),
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """Approve an agreement, or an ending's file, as the party whose key it is.

    The signature lies beside the file and is over its very bytes: who changes a letter needs it
    anew. Refused while the check finds anything wrong.
    """
    from xroad_lite.stewardship.agreements import approvals

    shelf = read(source)
    path = shelf.path(name)
    _refuse_if_wrong(shelf, path)
    made = approvals(shelf, path, signer(key, certificates, passphrase_from), now=time.time())
    _write(source, made)
    _told(made, {"path": path, "approvals": sorted(made)})


def _refuse_if_wrong(shelf: Shelf, path: str) -> None:
    wrong = [one for one in _findings(shelf, {path}) if one.is_wrong and one.path == path]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RegistryError(
            wrong[0].code,
            f"{wrong[0].place}: {wrong[0].message}{more}: nobody should approve that",
            hint=wrong[0].hint or f"see all with: xroad-lite agreement check {path}",
        )


@agreement_app.command("end")
@output.command
def end(
    name: Name,
    at: Annotated[str, typer.Option(help="A day or a time in UTC; now if left out.")] = "",
    reason: Annotated[
        list[str] | None, typer.Option(help="Why, by language, as es=Derogada; again for more.")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--as", help="provider or consumer, if the key is of both.")
    ] = None,
    key: Key = _KEY,
    certificates: Certificates = _PEM,
    source: Source = Path(),
    passphrase_from: passphrases.From = None,
    json: options.Json = False,
) -> None:
    """End an agreement, alone, as one of its parties; what was sealed before still drains."""
    from xroad_lite.stewardship.agreements import ending

    shelf = read(source)
    now = time.time()
    made = ending(
        shelf,
        shelf.agreement(name),
        signer(key, certificates, passphrase_from),
        role=role,
        at=moment(at) if at else now,
        reason=_reasons(reason or []),
        now=now,
    )
    _write(source, made)
    _told(made, {"files": sorted(made)})


def _reasons(given: list[str]) -> dict[str, str]:
    found = {}
    for one in given:
        language, equals, text = one.partition("=")
        if not (language and equals and text):
            problem = f"got the reason {one!r:.80}: expected language=text, as es=Derogada"
            raise ConfigurationError("config.reason", problem)
        found[language] = text
    return found


def _write(source: Path, files: dict[str, bytes]) -> None:
    if (source / "metadata").is_dir():
        raise ConfigurationError(
            "config.source",
            f"{source} is a published registry: files are added to its source",
            hint="name the source directory with --source",
        )
    for path, data in files.items():
        (source / path).write_bytes(data)


def _told(made: dict[str, bytes], value: dict[str, Any]) -> None:
    def people() -> None:
        for path in sorted(made):
            output.out.print(f"wrote {path}", highlight=False, soft_wrap=True)
        output.say("it counts from the next snapshot: xroad-lite registry publish")

    output.give(value, people)
