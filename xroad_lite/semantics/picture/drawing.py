"""Draws a layout as SVG: two columns of rows and curves between them. Does not lay out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from xroad_lite.semantics.picture.escaping import cut, safe
from xroad_lite.semantics.picture.rows import Layout, Line, Row

WIDTH: Final = 1120
COLUMN: Final = 400
ROW: Final = 26
HEAD: Final = 40
_STUB: Final = 92
"""The straight end of a line, on which its function is written."""
_LEFT, _RIGHT = COLUMN, WIDTH - COLUMN
_CHARACTERS: Final = 50
"""How many characters of a row's texts fit beside each other."""
SIGNS: Final = {
    "exact": "=",
    "reversible": "≈",
    "broadened": "<",
    "narrowed": "∩",
    "ambiguous": "?",
    "defaulted": "·",
    "missing": "∅",
    "unbound": "–",
    "dropped": "×",
}


def svg(layout: Layout, source: str, target: str) -> str:
    """The whole drawing; rows have the ids ``s0``, ``t0``, lines the classes of both ends."""
    height = HEAD + ROW * max(len(layout.left), len(layout.right), 1) + 8
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="'
        f'{safe(source)} read as {safe(target)}" xmlns="http://www.w3.org/2000/svg">',
        _patterns(),
        _head(1, source, f"{len(layout.left)} fields"),
        _head(_RIGHT, target, f"{len(layout.right)} fields"),
        '<g class="lines">',
        *(_line(line) for line in sorted(layout.lines, key=_under)),
        "</g>",
        *_side(layout.left, "s", 1),
        *_side(layout.right, "t", _RIGHT),
        "</svg>",
    ]
    return "\n".join(parts)


def _under(line: Line) -> bool:
    """Lines that are all right are drawn first, so that doubtful ones lie above them."""
    return line.status != "exact"


def _patterns() -> str:
    """Hatches for rows that get nothing or give nothing: seen without colours too."""
    hatch = (
        '<pattern id="{name}" width="7" height="7" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate({angle})"><rect class="{name}" width="2.2" height="7"/></pattern>'
    )
    made = "".join(
        hatch.format(name=f"hatch-{name}", angle=angle)
        for name, angle in (("missing", 45), ("dropped", -45))
    )
    return f"<defs>{made}</defs>"


def _head(x: int, name: str, about: str) -> str:
    return (
        f'<text class="head" x="{x + 10}" y="24">{safe(cut(name, 40))}</text>'
        f'<text class="about" x="{x + COLUMN - 12}" y="24" text-anchor="end">{about}</text>'
    )


def _middle(row: int) -> float:
    return HEAD + ROW * row + (ROW - 3) / 2


def _line(line: Line) -> str:
    start, end, bend = _middle(line.source), _middle(line.target), _RIGHT - _STUB
    half = (_LEFT + bend) / 2
    curve = f"M{_LEFT} {start}C{half} {start} {half} {end} {bend} {end}H{_RIGHT - 7}"
    how = f'<text class="how" x="{bend + 4}" y="{end - 4}">{safe(cut(line.how, 15))}</text>'
    return (
        f'<g class="line {line.status} s{line.source} t{line.target}">'
        f'<path class="wide" d="{curve}"/><path class="ink" d="{curve}"/>'
        f"{how if line.how else ''}</g>"
    )


def _side(rows: tuple[Row, ...], letter: str, x: int) -> Iterator[str]:
    for number, row in enumerate(rows):
        y = HEAD + ROW * number
        yield (
            f'<g class="row {row.status}" id="{letter}{number}" tabindex="0">'
            f"<title>{safe(_title(row))}</title>"
            f'<rect class="box" x="{x}" y="{y}" width="{COLUMN - 2}" height="{ROW - 3}" rx="4"/>'
            f"{_shading(row, x, y)}{_texts(row, x, y)}{_port(row, letter, y)}</g>"
        )


def _title(row: Row) -> str:
    return "\n".join((f"{row.pointer}: {row.status}", *row.words))


def _shading(row: Row, x: int, y: int) -> str:
    hatch = {"missing": "missing", "ambiguous": "missing", "dropped": "dropped"}.get(row.status)
    if hatch is None:
        return ""
    return (
        f'<rect fill="url(#hatch-{hatch})" x="{x}" y="{y}" width="{COLUMN - 2}" '
        f'height="{ROW - 3}" rx="4"/>'
    )


def _texts(row: Row, x: int, y: int) -> str:
    baseline = y + ROW / 2 + 3
    star = '<tspan class="required"> *</tspan>' if row.required else ""
    room = _CHARACTERS - 2 * row.depth
    key = cut(row.key, room - 2)
    label = cut(row.label, room - len(key) - 3) if len(key) < room - 6 else ""
    return (
        f'<text class="key" x="{x + 12 + 14 * row.depth}" y="{baseline}">{safe(key)}{star}</text>'
        f'<text class="label" x="{x + COLUMN - 30}" y="{baseline}" text-anchor="end">'
        f"{safe(label)}</text>"
    )


def _port(row: Row, letter: str, y: int) -> str:
    x = _LEFT if letter == "s" else _RIGHT
    inside = x - 14 if letter == "s" else x + COLUMN - 16
    sign = SIGNS.get(row.status, "")
    return (
        f'<circle class="port" cx="{x}" cy="{y + (ROW - 3) / 2}" r="4"/>'
        f'<text class="sign" x="{inside}" y="{y + ROW / 2 + 3}" text-anchor="middle">{sign}</text>'
    )
