"""``xroad-lite vocab check`` and ``vocab score``: do words hold, and how much do they explain?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.findings import Form, as_json, counted, write
from xroad_lite.cli.vocab import vocab_app
from xroad_lite.cli.vocab_source import files_of

if TYPE_CHECKING:
    from xroad_lite.stewardship.vocabularies import Score

_INSTANCE = "instance.yaml"
_Source = Annotated[
    Path | None,
    typer.Argument(
        help="A folder with schemas/ and vocabularies/, or one .ttl or .tsv file. Default: the "
        "present folder, if it has them; else what comes with the package.",
        envvar="XROAD_LITE_SOURCE",
    ),
]


@vocab_app.command("check")
@output.command
def check(
    source: _Source = None,
    language: Annotated[
        list[str] | None,
        typer.Option(
            "--language",
            "-l",
            help="A language in which everything must be named; may be given several times. "
            "Default: those of the instance, else of the vocabularies' own titles.",
        ),
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="For people, or for the pages of a code review.")
    ] = Form.TEXT,
    json: options.Json = False,
) -> None:
    """Check vocabularies, mappings and the terms that schemas use; exit code 1 if any is wrong.

    Turtle and SSSOM, SHACL shapes, labels and definitions in every language, unknown terms, rings
    of broader terms, codes given twice, cells that contradict or cannot be used.
    """
    from xroad_lite.stewardship.vocabularies import check_words

    files, languages = _read(source, tuple(language or ()))
    with output.progress("checking vocabularies") as progress:
        findings = check_words(files, languages=languages, progress=progress)
    wrong = counted(findings)["wrong"]

    def people() -> None:
        write(findings, form, source or Path())
        if form is Form.TEXT:
            count = sum(path.endswith((".ttl", ".tsv")) for path in files)
            said = f"{count} files, {len(findings)} findings, {wrong} wrong"
            output.out.print(f"vocabularies and mappings: {said}", highlight=False)

    output.give({"ok": not wrong, "findings": [as_json(one) for one in findings]}, people)
    if wrong:
        raise typer.Exit(output.FOUND_WRONG)


def _read(
    source: Path | None, languages: tuple[str, ...]
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files of a source, and the languages in which its words must be."""
    if source is not None and source.is_file():
        return _single(source), languages
    instance = (source or Path()) / _INSTANCE
    if not languages and instance.is_file() and (source or Path("vocabularies").is_dir()):
        from xroad_lite.registry.documents import read_document
        from xroad_lite.registry.models import Instance

        found = read_document(Instance, _INSTANCE, instance.read_bytes())
        languages = tuple(found.languages or found.title)
    return files_of(source), languages


def _single(file: Path) -> dict[str, bytes]:
    """One file as if it lay in a registry."""
    from xroad_lite.errors import ConfigurationError
    from xroad_lite.registry.documents import check_size, limit_of

    if file.suffix not in (".ttl", ".tsv"):
        raise ConfigurationError(
            "config.source",
            f"{file} is no vocabulary: expected .ttl or .tsv, or a folder",
            hint="give the registry's source directory",
        )
    limit = limit_of(file.name)
    with file.open("rb") as opened:
        data = opened.read(limit + 1)
    check_size(file.name, data, limit)
    return {f"vocabularies/{file.name}": data}


@vocab_app.command("score")
@output.command
def score(
    source: _Source = None,
    minimum: Annotated[
        float,
        typer.Option(
            "--min", min=0.0, max=1.0, help="Exit code 1 if a schema has less; as 0.9 in CI."
        ),
    ] = 0.0,
    json: options.Json = False,
) -> None:
    """Say which share of each schema's fields is bound to a registered term, and which is not."""
    from xroad_lite.stewardship.vocabularies import score as scored

    scores = scored(files_of(source))
    below = [one for one in scores if one.share < minimum]
    total = sum(one.fields for one in scores)
    share = sum(one.bound for one in scores) / total if total else 1.0

    def people() -> None:
        _table(scores, share, minimum)
        for one in scores:
            _unbound(one)

    output.give(
        {
            "ok": not below,
            "share": round(share, 4),
            "fields": total,
            "schemas": [_score_as_json(one) for one in scores],
            "below": [one.schema for one in below],
        },
        people,
    )
    if below:
        raise typer.Exit(output.FOUND_WRONG)


def _table(scores: list[Score], share: float, minimum: float) -> None:
    table = output.table("", "schema", "fields#", "bound#", "share#")
    for one in scores:
        style = "bold red" if one.share < minimum else ""
        table.add_row(one.schema, str(one.fields), str(one.bound), _percent(one.share), style=style)
    total, bound = sum(one.fields for one in scores), sum(one.bound for one in scores)
    table.add_row("all", str(total), str(bound), _percent(share), style="bold")
    output.out.print(table)


def _percent(share: float) -> str:
    """Rounded down, so that only what is whole is called 100 %."""
    return f"{int(share * 1000) / 10:.1f} %"


def _unbound(one: Score) -> None:
    from xroad_lite.semantics.names import short

    if one.fault:
        output.paragraph(f"[bold red]wrong[/] {escape(one.schema)}: {escape(one.fault)}")
    for field in one.unbound:
        near = f"; nearest: {short(field.nearest)}" if field.nearest else ""
        output.paragraph(escape(f"{one.schema}#{field.pointer}: {field.reason}{near}"))


def _score_as_json(one: Score) -> dict[str, Any]:
    return {
        "schema": one.schema,
        "fields": one.fields,
        "bound": one.bound,
        "share": round(one.share, 4),
        "unbound": [
            {"pointer": field.pointer, "reason": field.reason, "nearest": field.nearest}
            for field in one.unbound
        ],
        "fault": one.fault,
    }
