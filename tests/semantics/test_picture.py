"""The picture of a translation: whole, self-contained, harmless, and true to the report."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from semantic_cases import IRIS, TEXT, bundled, cell, record, terms, world

from xroad_lite.semantics import translator
from xroad_lite.semantics.picture import drawn
from xroad_lite.semantics.picture.drawing import SIGNS
from xroad_lite.semantics.picture.rows import MEANINGS, laid_out

VOID = {"meta", "circle", "rect", "path", "li", "tr", "th", "td"}


class Page(HTMLParser):
    """What a browser would make of the page: its elements with their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep one text."""
        self.texts.append(data)

    def classed(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this class."""
        return [a for _, a in self.elements if name in (a.get("class") or "").split()]


def test_every_field_and_every_link_is_drawn() -> None:
    """A row for each field of both schemas, a line for each source of each target field."""
    there = bundled("health/birth", "citizens/person")
    page = Page(drawn(there, "health/birth/1", "citizens/person/1"))
    source, target = there.bindings
    assert len(page.classed("row")) == sum(len(list(b.everywhere())) for b in (source, target))
    assert len(page.classed("line")) == sum(len(entry.sources) for entry in there.report.target)
    shown = "".join(page.texts)
    for entry in there.report.target:
        assert entry.pointer in shown
    assert "fecha" in drawn(there, "a", "b", language="es")


def test_lines_have_the_status_of_the_report() -> None:
    """Each line's class is the status of the field that it ends at."""
    there = bundled("health/birth", "citizens/person")
    layout = laid_out(there, "en")
    for line in layout.lines:
        entry = there.report.field(layout.right[line.target].pointer)
        assert line.status == entry.status
        assert layout.left[line.source].pointer in entry.sources
    assert {row.status for row in layout.right} <= {*MEANINGS}
    assert set(SIGNS) == set(MEANINGS)


def test_the_page_needs_nothing_from_outside() -> None:
    """No script, no link but into the page itself, nothing loaded; a policy says so too."""
    text = drawn(bundled("health/birth", "welfare/allowance"), "a", "b")
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        assert (attributes.get("href") or "#").startswith("#")
    assert re.findall(r"url\((?!#)", text) == []
    assert "@import" not in text
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_a_refused_subscription_is_said_first() -> None:
    """Required fields without a source are named above the drawing."""
    text = drawn(bundled("citizens/person", "citizens/birth-registered"), "a", "b")
    assert text.index("is refused") < text.index("/fechaInscripcion") < text.index("<svg")


def test_a_schema_within_itself_is_drawn() -> None:
    """Recursion is entered once; lines end at the rows that are there."""
    properties = {"name": TEXT, "child": {"type": "array", "items": {"$ref": "#"}}}
    a, b = ({**record(letter, properties), "$id": letter} for letter in "ab")
    names = ["a:name", "a:child", "b:name", "b:child"]
    known = world(terms(*names) + cell("a:name", "b:name") + cell("a:child", "b:child"))
    assert len(laid_out(translator(a, b, known), "en").lines) == 2


HOSTILE = st.text(st.sampled_from("<>&\"'/ scriptonload=\\\x00\x1b\u202e\u2066#{}`$é]"), min_size=1)


@settings(max_examples=15, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_names_stay_text(key: str, label: str, name: str) -> None:
    """Keys, labels and names of schemas never become elements, attributes or rules of style."""
    context: dict[str, Any] = {key: {"@id": IRIS["a"] + "x"}}
    source = {"type": "object", "properties": {key: TEXT}, "x-jsonld-context": context}
    plain = {
        "type": "object",
        "properties": {"k": TEXT},
        "x-jsonld-context": {"k": f"{IRIS['a']}x"},
    }
    quoted = label.replace("\\", "\\\\").replace('"', '\\"').replace("\x00", "")
    known = world(terms("a:x") + f'a:x rdfs:label "{quoted}"@en .')
    if key.startswith("@"):
        return
    text = drawn(translator(source, source | {"title": "t"}, known), name, name)
    expected = drawn(translator(plain, plain | {"title": "t"}, world(terms("a:x"))), "n", "n")
    assert [tag for tag, _ in Page(text).elements] == [tag for tag, _ in Page(expected).elements]
    for _, attributes in Page(text).elements:
        assert not [one for one in attributes if one.startswith("on")]
    assert not re.search("[\x00\x1b\u202e\u2066]", text)
