"""Reads YAML so that no two readers can disagree about it; does not know what documents mean.

A small part of YAML: mappings with text keys, sequences, texts, decimal numbers, ``true``,
``false``, ``null``. No aliases (no bombs), no repeated or merge keys, no tags, no directives, one
document. ``yes``, ``no``, ``on``, ``off`` are booleans for some readers and texts for others, so
they stand in quotes or are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

MAX_DEPTH: Final = 100
"""How deep mappings and sequences may nest: far beyond real documents."""
MAX_VALUES: Final = 100_000
"""How many keys and values a document may hold."""

Path = tuple[str | int, ...]
Places = dict[Path, tuple[int, int] | None]
"""Line and column, from 1, of the value at a path; a value in a mapping stands where its key does.
"""

_EVENTS: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, ten times faster
# Of tabs, line separators and byte order marks inside a text, readers make different things.
_ODD = re.compile(
    "\r(?!\n)|[^\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd"
    "\U00010000-\U0010ffff]"
)
_PLAIN = re.compile(
    r"(?P<null>|~|null|Null|NULL)"
    r"|(?P<true>true|True|TRUE)"
    r"|(?P<false>false|False|FALSE)"
    # YAML 1.1 counts in sixties and octal too: a number here is decimal, and of bounded length
    r"|(?P<int>-?(?:0|[1-9][0-9]{0,17}))"
    r"|(?P<float>-?[0-9]{1,17}\.[0-9]{1,17})"
    r"|(?P<odd>yes|no|on|off)",
    re.ASCII,
)
_CONSTANTS: Final = {"null": None, "true": True, "false": False}


class YAMLRefusedError(ValueError):
    """What is wrong, with the line and column (from 1) where it stands."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.column = column


def read(data: bytes, places: Places | None = None) -> Any:
    """The value of a document, None for an empty one; ``YAMLRefusedError`` says what is wrong.

    Where the values stand whose paths are keys of ``places`` is put there, as far as reading comes.
    """
    text = _text(data)
    composer = _Composer(places)
    try:
        for number, event in enumerate(_events(text)):
            if number > MAX_VALUES:
                raise _fault(event, f"it holds more than {MAX_VALUES:,} keys and values")
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        problem = error.problem or error.context or "not YAML"
        raise YAMLRefusedError(f"not YAML: {problem}", line + 1, column + 1) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, YAMLRefusedError):
            raise
        raise YAMLRefusedError(f"not YAML: {str(error)[:200]}", 1, 1) from None
    return composer.value


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset in characters."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        place = line_and_column(before, len(before))
        raise YAMLRefusedError("not YAML: not UTF-8 text", *place) from None
    text = text.removeprefix("\ufeff")
    if (found := _ODD.search(text)) is not None:
        name = "a tab: write spaces" if found[0] == "\t" else f"the character U+{ord(found[0]):04X}"
        place = line_and_column(text, found.start())
        raise YAMLRefusedError(f"not YAML: it holds {name}", *place)
    return text


def _events(text: str) -> Iterator[Any]:
    loader = _EVENTS(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


class _Composer:
    """Builds the value event by event, without recursion; refuses what is not of this subset."""

    __slots__ = ("_path", "_places", "_stack", "_started", "value")

    def __init__(self, places: Places | None) -> None:
        self.value: Any = None
        self._started = False
        self._stack: list[Any] = []  # the open containers, from the outermost
        self._path: list[Any] = []  # the step that leads to each of them, and to the next value
        self._places = places

    def take(self, event: Any) -> None:
        """Go on by one event."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._open(event, {})
        elif kind is yaml.SequenceStartEvent:
            self._open(event, [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._stack.pop()
            self._path.pop()
            self._close()
        elif kind is yaml.AliasEvent:
            raise _fault(event, "aliases are not allowed: write the value out")
        elif kind is yaml.DocumentStartEvent:
            self._start(event)

    def _start(self, event: Any) -> None:
        if event.version or event.tags:
            raise _fault(event, "directives are not allowed")
        if self._started:
            raise _fault(event, "a second document begins: a file holds one")
        self._started = True

    def _scalar(self, event: Any) -> None:
        _check_tag(event)
        value = event.value if event.style else _plain(event)
        if self._path and self._path[-1] is None:
            self._begin_entry(event, value)
        else:
            self._put(event, value)
            self._close()

    def _begin_entry(self, event: Any, key: Any) -> None:
        mapping = self._stack[-1]
        if not isinstance(key, str):
            raise _fault(event, f'the key {event.value[:80]} is no text: write "{event.value}"')
        if key == "<<" and not event.style:
            raise _fault(event, "merge keys are not allowed: write the values out")
        if key in mapping:
            raise _fault(event, f"the key {key[:80]!r} stands twice")
        mapping[key] = None
        self._path[-1] = key
        self._note(event)

    def _open(self, event: Any, container: Any) -> None:
        _check_tag(event)
        if self._path and self._path[-1] is None:
            raise _fault(event, "a key is a mapping or a sequence: expected a text")
        if len(self._stack) >= MAX_DEPTH:
            raise _fault(event, f"nested deeper than {MAX_DEPTH} levels")
        self._put(event, container)
        self._stack.append(container)
        self._path.append(None if type(container) is dict else 0)

    def _put(self, event: Any, value: Any) -> None:
        if not self._stack:
            self.value = value
            self._note(event)
        elif type(self._stack[-1]) is dict:
            self._stack[-1][self._path[-1]] = value
        else:
            self._stack[-1].append(value)
            self._note(event)

    def _note(self, event: Any) -> None:
        if self._places and (path := tuple(self._path)) in self._places:
            self._places[path] = _place(event)

    def _close(self) -> None:
        """A value is complete: a key follows in a mapping, the next item in a sequence."""
        if self._stack:
            mapping = type(self._stack[-1]) is dict
            self._path[-1] = None if mapping else self._path[-1] + 1


def _plain(event: Any) -> Any:
    text = event.value
    found = _PLAIN.fullmatch(text) if len(text) < 40 else None
    if found is None:
        if len(text) < 4 and text.lower() in ("yes", "no", "on", "off"):
            raise _ambiguous(event)
        return text
    kind = found.lastgroup
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "odd":
        raise _ambiguous(event)
    return _CONSTANTS[kind or "null"]


def _ambiguous(event: Any) -> YAMLRefusedError:
    return _fault(
        event,
        f"{event.value} is true or false for some readers and a text for others: "
        f'write true or false, or "{event.value}" in quotes',
    )


def _check_tag(event: Any) -> None:
    if event.tag is not None:
        raise _fault(event, f"the tag {event.tag[:80]} is not allowed")


def _fault(event: Any, problem: str) -> YAMLRefusedError:
    return YAMLRefusedError(problem, *_place(event))


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
