"""``xroad-lite schema sample``, ``docs``, ``infer``: what is made from a schema, or from data."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from xroad_lite import strict_json
from xroad_lite.cli import options, output
from xroad_lite.cli.schema import clean, schema_app
from xroad_lite.cli.schema_given import (
    Schema,
    Source,
    given,
    languages_of,
    to_read,
    vocabulary_of,
)
from xroad_lite.errors import SchemaError
from xroad_lite.schema.violations import counted


class PageForm(StrEnum):
    """In which form a page is written."""

    MARKDOWN = "markdown"
    HTML = "html"


_ENDINGS = {PageForm.MARKDOWN: ".md", PageForm.HTML: ".html"}


@schema_app.command("sample")
@output.command
def sample(
    schema: Schema,
    count: Annotated[int, typer.Option("--count", "-c", help="How many.", min=1, max=10_000)] = 3,
    seed: Annotated[int, typer.Option(help="Another number, other examples.")] = 0,
    near_misses: Annotated[
        bool, typer.Option("--near-misses", help="Bodies that each break exactly one rule.")
    ] = False,
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Make valid bodies, one JSON line each, or near misses with the rule that each breaks."""
    from xroad_lite.schema import compile_schema, sampling

    schemas = to_read(source)
    one = given(schemas, schema)
    resources = schemas.resources(one.kind)
    compiled = compile_schema(one.document, one.kind, resources=resources)
    value: dict[str, Any] = {"schema": one.label, "seed": seed}
    if not near_misses:
        bodies = sampling.examples(compiled, count, seed, resources=resources)
        output.give(value | {"examples": bodies}, lambda: _lines(bodies))
        return
    missed = sampling.near_misses(compiled, count, seed, resources=resources)
    shown = [
        {"path": miss.path, "rule": miss.rule, "message": miss.message, "body": miss.body}
        for miss in missed
    ]

    def people() -> None:
        for miss in missed:
            output.out.print(
                f"[bold]{escape(clean(miss.path or 'the body'))}[/]  {miss.rule}  "
                f"[dim]{escape(clean(miss.message))}[/]",
                soft_wrap=True,
                highlight=False,
            )
            _lines([miss.body])
        if not missed:
            output.out.print("no near miss was found: the schema accepts almost everything")

    output.give(value | {"near_misses": shown}, people)


def _lines(bodies: list[Any]) -> None:
    for body in bodies:
        typer.echo(strict_json.dumps(body).decode())


@schema_app.command("docs")
@output.command
def docs(
    schemas: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SCHEMA]...", help="Names; the newest of all types, if none."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A folder to write a page for each into.")
    ] = None,
    form: Annotated[PageForm, typer.Option("--format", help="Markdown or HTML.")] = (
        PageForm.MARKDOWN
    ),
    language: Annotated[
        str, typer.Option("--language", "-l", help="Language of titles and labels, as es.")
    ] = "",
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Write a page for each schema: fields, meanings, codes, what changed, an example."""
    from xroad_lite.stewardship.page_forms import index, markdown, markup
    from xroad_lite.stewardship.schema_pages import page_of

    found = to_read(source)
    language = language or next(iter(languages_of(found, None)), "en")
    vocabulary = vocabulary_of(found)
    wanted = schemas or found.types()
    if not out and len(wanted) != 1:
        raise SchemaError(
            "schema.no_folder",
            f"{len(wanted)} pages do not fit on one screen",
            hint="write them into a folder with --out FOLDER, or name one schema",
        )
    pages = []
    for text in wanted:
        one = given(found, text)
        if not one.type:
            raise SchemaError(
                "schema.unknown_type",
                f"{one.label} lies in no type's folder: a page is of a registered version",
                hint="register it as a draft first: xroad-lite schema register --draft",
            )
        version = found.version(one.type, one.version)
        pages.append(page_of(found, version, vocabulary, language))
    write = markdown if form is PageForm.MARKDOWN else markup
    if out is None:
        text = write(pages[0])
        output.give({"type": pages[0].type, "page": text}, lambda: typer.echo(text, nl=False))
        return
    ending = _ENDINGS[form]
    out.mkdir(parents=True, exist_ok=True)
    files = [out / f"{page.type}-{page.version}{ending}" for page in pages]
    for page, file in zip(pages, files, strict=True):
        file.write_text(write(page), encoding="utf-8")
    first = out / f"index{ending}"
    first.write_text(
        index([(page, file.name) for page, file in zip(pages, files, strict=True)],
              as_html=form is PageForm.HTML), encoding="utf-8",
    )  # fmt: skip
    output.give(
        {"pages": [str(file) for file in files], "index": str(first)},
        lambda: output.out.print(
            f"{counted(len(files), 'page')} in {out}, beginning with {first.name}",
            highlight=False,
        ),
    )


@schema_app.command("infer")
@output.command
def infer(
    data: Annotated[Path, typer.Argument(help="Samples: JSON array, lines of JSON, or CSV.")],
    title: Annotated[str, typer.Option(help="What one sample is; the file's name, if none.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the draft here.")] = None,
    language: Annotated[
        list[str] | None, typer.Option("--language", "-l", help="A language to name it in.")
    ] = None,
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Draft a JSON Schema that accepts all samples; what only you know says TODO."""
    from xroad_lite.stewardship.drafts import inferred
    from xroad_lite.stewardship.lint import lint
    from xroad_lite.stewardship.samples import MAX_BYTES, read_samples

    with data.open("rb") as file:
        samples = read_samples(data.name, file.read(MAX_BYTES + 1))
    languages = languages_of(to_read(source), language) or ["en"]
    draft = inferred(samples, title or data.stem, languages)
    left = lint(draft, "json", languages=languages)
    text = _pretty(draft)
    if out is not None:
        if out.exists():
            raise SchemaError(
                "schema.file_exists", f"{out} is there already", hint="name another file with --out"
            )
        out.write_text(text, encoding="utf-8")
    todo = [{"rule": one.rule, "at": one.at, "message": one.message} for one in left]
    output.give(
        {"schema": draft, "todo": todo},
        lambda: typer.echo(text, nl=False) if out is None else None,
    )
    where = f"written to {out}, " if out else ""
    output.say(f"{where}{len(left)} rules to keep yet: see them with xroad-lite schema lint")


def _pretty(document: Any) -> str:
    import json

    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
