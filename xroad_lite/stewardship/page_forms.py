"""Writes a schema's page as Markdown or HTML; every text in it may come from strangers."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

from xroad_lite.stewardship.schema_pages import Page, Row

_COLUMNS = ("Field", "Type", "Meaning", "Required", "Personal", "Codes", "Since")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: a text, with what it links to, or written as code."""

    text: str
    link: str = ""
    code: bool = False


def _facts(page: Page) -> Iterator[tuple[str, Cell]]:
    yield "Message type", Cell(page.type, code=True)
    yield "Version", Cell(f"{page.version} ({page.status})")
    yield "Kind", Cell({"json": "JSON Schema", "avro": "Avro"}[page.kind])
    if page.iri:
        yield "IRI", Cell(page.iri, code=True)
    yield "Owner", Cell(page.owner)
    yield "Compatibility", Cell(page.compatibility)
    yield "Versions", Cell(", ".join(f"{number} {status}" for number, status in page.versions))


def _cells(row: Row) -> list[Cell]:
    said = ", ".join([row.type, *row.bounds])
    meaning = row.label or row.term.replace("#", "/").rpartition("/")[2]
    codes = row.codelist.replace("#", "/").rpartition("/")[2]
    return [
        Cell(row.path, code=True),
        Cell(said),
        Cell(meaning, row.term),
        Cell("yes" if row.required else ""),
        Cell("yes" if row.personal else ""),
        Cell(codes, row.codelist),
        Cell(str(row.since)),
    ]


def markdown(page: Page) -> str:
    """The page as Markdown (GitHub's tables)."""
    lines = [f"# {_md(page.title)}", ""]
    if page.description:
        lines += [_md(page.description), ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| {name} | {_md_cell(cell)} |" for name, cell in _facts(page)]
    lines += ["", "## Fields", "", f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|"]
    for row in page.rows:
        first, *others = [_md_cell(cell) for cell in _cells(row)]
        about = " ".join(_md(text) for text in (row.title, row.description) if text)
        shown = f"{first}<br>{about}" if about else first
        lines.append("| " + " | ".join([shown, *others]) + " |")
    for scheme, codes in page.codes.items():
        lines += ["", f"## Codes of {_md(scheme)}", "", "| Code | Label |", "|---|---|"]
        lines += [f"| {_md_cell(Cell(code, code=True))} | {_md(label)} |" for code, label in codes]
    if page.changes:
        lines += ["", f"## Changes since version {_before(page)}", ""]
        lines += [f"- {_md(change)}" for change in page.changes]
    if page.example:
        lines += ["", "## Example", "", "```json", page.example, "```"]
    return "\n".join(lines) + "\n"


def _before(page: Page) -> int:
    return max(number for number, _ in page.versions if number < page.version)


_MD_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|#"})


def _md(text: str) -> str:
    return _plain(text).translate(_MD_SIGNS)


def _plain(text: str) -> str:
    """One line, without invisible characters."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def _md_cell(cell: Cell) -> str:
    if cell.code:
        text = _plain(cell.text).replace("`", "'").replace("|", "\\|")
        return f"`{text}`" if text else ""
    text = _md(cell.text)
    link = cell.link.replace(")", "%29").replace("|", "%7C").replace(" ", "%20")
    return f"[{text}]({link})" if link and _is_web(link) else text


def _is_web(link: str) -> bool:
    return link.startswith(("http://", "https://"))


def markup(page: Page) -> str:
    """The page as HTML that needs nothing from outside."""
    say = html.escape
    parts = [f"<h1>{say(page.title)}</h1>"]
    if page.description:
        parts.append(f"<p>{say(page.description)}</p>")
    facts = [f"<tr><th>{name}</th><td>{_html_cell(cell)}</td></tr>" for name, cell in _facts(page)]
    parts += ["<table>", *facts, "</table>", "<h2>Fields</h2>", "<table>"]
    parts.append("<tr>" + "".join(f"<th>{name}</th>" for name in _COLUMNS) + "</tr>")
    for row in page.rows:
        first, *others = [_html_cell(cell) for cell in _cells(row)]
        about = " ".join(say(text) for text in (row.title, row.description) if text)
        cells = [f"{first}<br>{about}" if about else first, *others]
        parts.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    parts.append("</table>")
    for scheme, codes in page.codes.items():
        parts += [f"<h2>Codes of {say(scheme)}</h2>", "<table>"]
        parts += [
            f"<tr><td><code>{say(c)}</code></td><td>{say(label)}</td></tr>" for c, label in codes
        ]
        parts.append("</table>")
    if page.changes:
        parts.append(f"<h2>Changes since version {_before(page)}</h2>")
        parts += ["<ul>", *(f"<li>{say(change)}</li>" for change in page.changes), "</ul>"]
    if page.example:
        parts += ["<h2>Example</h2>", f"<pre>{say(page.example)}</pre>"]
    title, body = say(page.title), "\n".join(parts)
    return _FRAME.format(language=say(page.language or "en", quote=True), title=title, body=body)


def _html_cell(cell: Cell) -> str:
    text = html.escape(cell.text)
    if cell.code:
        return f"<code>{text}</code>"
    if cell.link and _is_web(cell.link):
        return f'<a href="{html.escape(cell.link, quote=True)}">{text}</a>'
    return text


_FRAME = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ border: 1px solid #bbb; padding: .3rem .6rem; text-align: left; vertical-align: top; }}
th {{ background: #f2f2f2; }}
pre {{ background: #f6f6f6; padding: 1rem; overflow: auto; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def index(pages: list[tuple[Page, str]], *, as_html: bool) -> str:
    """A list of pages, each with the name of its file."""
    rows = [
        [Cell(p.title, name), Cell(p.type, code=True), Cell(str(p.version))] for p, name in pages
    ]
    if as_html:
        lines = [
            f'<tr><td><a href="{html.escape(row[0].link, quote=True)}">{html.escape(row[0].text)}'
            f"</a></td><td>{_html_cell(row[1])}</td><td>{row[2].text}</td></tr>"
            for row in rows
        ]
        body = "\n".join(["<h1>Schemas</h1>", "<table>", *lines, "</table>"])
        return _FRAME.format(language="en", title="Schemas", body=body)
    lines = [
        f"| [{_md(row[0].text)}]({row[0].link}) | {_md_cell(row[1])} | {row[2].text} |"
        for row in rows
    ]
    head = ["# Schemas", "", "| Schema | Message type | Version |", "|---|---|---|"]
    return "\n".join([*head, *lines]) + "\n"
