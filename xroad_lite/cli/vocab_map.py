"""``xroad-lite vocab map``: proposes how two vocabularies meet, and asks. Adopts nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from xroad_lite.cli import options, output
from xroad_lite.cli.vocab import vocab_app
from xroad_lite.cli.vocab_source import Source, catalogue
from xroad_lite.errors import ConfigurationError, SemanticsError

if TYPE_CHECKING:
    from xroad_lite.semantics.catalogue import Catalogue
    from xroad_lite.semantics.proposing import Proposal

_ANSWERS = "y yes, n no, < the left is narrower, > the left is wider, q enough"


@vocab_app.command("map")
@output.command
def map_(
    left: Annotated[
        str, typer.Argument(metavar="A", help="A vocabulary: citizens, or a namespace's IRI.")
    ],
    right: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    yes_above: Annotated[
        float | None,
        typer.Option(help="Ask nothing: take what has at least this confidence.", min=0, max=1),
    ] = None,
    least: Annotated[float, typer.Option(help="Propose nothing below it.", min=0, max=1)] = 0.6,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the mapping to this new file.")
    ] = None,
    source: Source = None,
    json: options.Json = False,
) -> None:
    """Propose mappings between two vocabularies, each with a confidence and its reasons.

    On a terminal each is asked about. What is taken goes into a mapping file, every cell marked
    as proposed: none is used until a steward deletes the mark.
    """
    from xroad_lite.semantics.mapping_file import mapping_file
    from xroad_lite.semantics.proposing import propose

    if file is not None and file.exists():
        raise ConfigurationError(
            "config.output", f"{file} is there already", hint="give the name of a new file"
        )
    known = catalogue(source)
    found = propose(known, _terms(known, left), _terms(known, right), least)
    taken = _taken(known, found.found, yes_above)
    if file is not None:
        file.write_text(mapping_file(taken, f"{_word(left)}--{_word(right)}"), "utf-8")
    value = {
        "proposals": [_as_json(one, one in taken) for one in found.found],
        "already_mapped": found.mapped,
        "file": str(file) if file is not None else None,
    }
    output.give(value, lambda: _summary(known, found.found, taken, found.mapped, file))


def _terms(known: Catalogue, text: str) -> list[str]:
    """The terms that a vocabulary's file declares, or that lie in a namespace."""
    paths = {f"vocabularies/{text}.ttl", text}
    found = [iri for iri, entry in sorted(known.lexicon.items()) if entry.file in paths]
    found = found or [iri for iri in sorted(known.lexicon) if iri.startswith(text)]
    if not found:
        names = sorted(path for path in known.vocabulary_files if path.count("/") == 1)
        words = ", ".join(Path(path).stem for path in names if path.endswith(".ttl"))
        raise SemanticsError(
            "semantics.unknown_vocabulary",
            f"no vocabulary is called {text!r}",
            hint=f"vocabularies here: {words}",
        )
    return found


def _word(text: str) -> str:
    return Path(text.rstrip("#/")).stem


def _taken(known: Catalogue, found: Sequence[Proposal], yes_above: float | None) -> list[Proposal]:
    if yes_above is not None:
        return [one for one in found if one.confidence >= yes_above]
    if output.state.json or not sys.stdin.isatty():
        return list(found)
    output.say(f"{len(found)} proposals: {_ANSWERS}")
    taken = []
    for number, one in enumerate(found, 1):
        output.out.print()
        _proposal(known, one)
        answer = typer.prompt(f"{number}/{len(found)} [y/n/</>/q]", default="y").strip()[:1]
        if answer == "q":
            break
        if answer in "<>":
            one = replace(one, relation=answer)
        if answer in "y<>":
            taken.append(one)
    return taken


def _proposal(known: Catalogue, one: Proposal) -> None:
    function = f" by {one.function.name}" if one.function is not None else ""
    output.paragraph(
        f"[bold]{one.confidence:.2f}[/]  {escape(known.brief(one.left))} {one.relation} "
        f"{escape(known.brief(one.right))}{function}"
    )
    for reason in one.reasons:
        output.paragraph(f"[dim]{escape(reason)}[/]", 6)


def _summary(
    known: Catalogue,
    found: Sequence[Proposal],
    taken: Sequence[Proposal],
    mapped: int,
    file: Path | None,
) -> None:
    for one in found if output.state.json or not sys.stdin.isatty() else ():
        _proposal(known, one)
    output.out.print(f"{len(found)} proposed, {len(taken)} taken, {mapped} mapped already")
    if file is None:
        output.say("to keep them: --output FILE")
    else:
        output.out.print(
            f"written to {file}; no cell is used until its line 'xm:proposed true' is deleted",
            soft_wrap=True,
            highlight=False,
        )


def _as_json(one: Proposal, taken: bool) -> dict[str, Any]:
    return {**asdict(one), "taken": taken}
