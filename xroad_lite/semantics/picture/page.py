"""Puts the drawing, its legend and its words on one page. Does not draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

from xroad_lite.semantics.names import brief
from xroad_lite.semantics.picture.drawing import SIGNS, svg
from xroad_lite.semantics.picture.escaping import safe
from xroad_lite.semantics.picture.rows import MEANINGS, Layout, Row, laid_out
from xroad_lite.semantics.translation import Translator

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_HATCHED = {"missing": "missing", "dropped": "dropped"}
_DOUBTFUL = ("missing", "ambiguous", "narrowed", "broadened", "defaulted", "unbound")


def drawn(translator: Translator, source: str, target: str, *, language: str = "en") -> str:
    """The page as HTML text: both schemas, the links between them, the reasons in words.

    ``source`` and ``target`` are the names of the two schemas; ``language`` is that of the labels.
    The page loads nothing, runs nothing, and reads well in light, in dark and on paper.
    """
    layout = laid_out(translator, language)
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{safe(source)} read as {safe(target)}</title>",
            f"<style>{_style()}{''.join(_hovers(layout))}</style></head><body>",
            *_heading(translator, layout, source, target),
            *_legend(layout),
            svg(layout, source, target),
            *_words(layout),
            *(_why(f"wt{number}", row) for number, row in enumerate(layout.right)),
            *(_why(f"ws{number}", row) for number, row in enumerate(layout.left) if row.words),
            "</body></html>\n",
        )
    )


@cache
def _style() -> str:
    return (files(__package__) / "style.css").read_text("utf-8")


def _hovers(layout: Layout) -> Iterator[str]:
    """Rules that light up the lines of the row under the pointer, and show its reasons."""
    for letter, rows in (("t", layout.right), ("s", layout.left)):
        for number in range(len(rows)):
            row = f"#{letter}{number}:is(:hover,:focus,:target)"
            line = f".line.{letter}{number}"
            yield f"svg:has({row}) {line}{{opacity:1!important}}"
            yield f"svg:has({row}) {line} .ink{{stroke-width:3.5}}"
            seen = f",body:has({line}:hover)" if letter == "t" else ""
            for one in (f"body:has({row})", seen.lstrip(",")):
                if one:
                    yield f"{one} #w{letter}{number}{{display:block}}"


def _heading(translator: Translator, layout: Layout, source: str, target: str) -> Iterator[str]:
    yield f"<h1><b>{safe(source)}</b> <span>read as</span> <b>{safe(target)}</b></h1>"
    yield f'<p class="soft">{len(layout.right)} fields to fill: {_counted(layout.right)}.</p>'
    yield f'<p class="soft">{len(layout.left)} fields to read: {_counted(layout.left)}.</p>'
    yield f'<p class="soft">Mapping {safe(translator.digest)}</p>'
    if translator.missing_required:
        names = ", ".join(map(safe, translator.missing_required))
        yield (
            '<p class="refused"><b>A subscription that reads it so is refused.</b> '
            f"Required, and nothing leads to it: {names}</p>"
        )
    for note in translator.report.notes:
        yield f'<p class="soft">{safe(note)}</p>'


def _counted(rows: Sequence[Row]) -> str:
    counts = Counter(row.status for row in rows)
    known = [name for name in (*MEANINGS, "kept") if counts[name]]
    return ", ".join(f"{counts[name]} {name}" for name in known)


def _legend(layout: Layout) -> Iterator[str]:
    yield '<ul class="legend">'
    for name, meaning in MEANINGS.items():
        count = layout.counts.get(name, 0)
        yield (
            f'<li class="{name}{"" if count else " none"}">{_sample(name)}'
            f"<span>{name} <b>{count}</b> <small>{meaning}</small></span></li>"
        )
    yield "</ul>"


def _sample(name: str) -> str:
    mark = f'<text class="sign" x="39" y="12.5" text-anchor="middle">{SIGNS[name]}</text>'
    if name in _HATCHED or name == "unbound":
        fill = f' style="fill:url(#hatch-{_HATCHED[name]})"' if name in _HATCHED else ""
        box = f'<rect class="box" x="1" y="2" width="28" height="12" rx="3"{fill}/>'
        return f'<svg viewBox="0 0 46 16" aria-hidden="true">{box}{mark}</svg>'
    ink = '<path class="ink" fill="none" d="M1 8H29"/>'
    return f'<svg viewBox="0 0 46 16" aria-hidden="true">{ink}{mark}</svg>'


def _words(layout: Layout) -> Iterator[str]:
    """Everything that hovering shows, as a table: for readers of paper and of screens."""
    yield "<h2>In words</h2><table><tr><th>field<th>status<th>why</tr>"
    rows = [(f"t{number}", row) for number, row in enumerate(layout.right)]
    for name, row in sorted(rows, key=lambda pair: pair[1].status not in _DOUBTFUL):
        yield _table_row(name, row)
    yield "</table><h2>Not carried over</h2><table><tr><th>field<th>status<th>why</tr>"
    for number, row in enumerate(layout.left):
        if row.status in ("dropped", "unbound"):
            yield _table_row(f"s{number}", row)
    yield "</table>"


def _table_row(name: str, row: Row) -> str:
    star = " (required)" if row.required else ""
    steps = "".join(f"<li>{_step(word)}</li>" for word in row.words)
    return (
        f'<tr class="{row.status}"><td class="name"><a href="#{name}"><bdi>{safe(row.pointer)}'
        f"</bdi></a>{star}"
        f'<td class="status">{row.status}<td><ol>{steps}</ol></tr>'
    )


def _why(name: str, row: Row) -> str:
    steps = "".join(f"<p>{_step(word)}</p>" for word in row.words)
    label = f" · {safe(row.label)}" if row.label else ""
    return (
        f'<div class="why {row.status}" id="{name}"><p><b><bdi>{safe(row.pointer)}</bdi></b>'
        f"{label}: {row.status}, {MEANINGS.get(row.status, '')}</p>{steps}</div>"
    )


def _step(word: str) -> str:
    """One step of reasoning; the whole IRI of a cell is seen when one points at it."""
    short = brief(word)
    return safe(word) if short == word else f'<span title="{safe(word)}">{safe(short)}</span>'
