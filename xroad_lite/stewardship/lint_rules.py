"""The house rules, each a name, a reason and a search for what breaks it; reads no files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xroad_lite.errors import SchemaError
from xroad_lite.schema import compile_schema
from xroad_lite.schema.evolution.texts import is_asserted
from xroad_lite.schema.fields import Field
from xroad_lite.schema.persons import SUBJECT, USER_ID, field_at
from xroad_lite.schema.pointers import escaped
from xroad_lite.schema.references import BASE, Documents, Place
from xroad_lite.schema.violations import shortened
from xroad_lite.stewardship.lint import View
from xroad_lite.stewardship.lint_words import DATES, PERSONAL, words

Found = Iterator[tuple[str, str, str]]
"""Where in the file, where in bodies, and what is wrong."""

_STYLES = {
    "camelCase": re.compile(r"[a-z][A-Za-z0-9]{0,63}"),
    "snake_case": re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*"),
}
_DATE_FORMATS = ("date", "date-time", "time", "duration")
_DATE_LOGICALS = ("date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros",
                  "local-timestamp-millis", "local-timestamp-micros")  # fmt: skip
_ALTERNATIVES = ("anyOf", "oneOf")
_DIGITS = re.compile(r"(\\d|\[0-9\])\{?[24]?\}?.{0,3}[-/]")
_EXAMPLES = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """A house rule."""

    name: str
    reason: str
    check: Callable[[View], Found]


def _named(view: View) -> Iterator[tuple[Field, str]]:
    """The body and the fields with names that this file declares, and where."""
    for one in view.fields:
        if one.at is not None and (one.is_named or one.is_root):
            yield one, one.at


def _missing(view: View, one: Field, word: str, plain: str) -> str:
    """In which languages a text is missing, or the empty text."""
    texts = one.says.get(f"x-{word}")
    texts = texts if isinstance(texts, dict) else {}
    has = {tag for tag, text in texts.items() if _says(text)}
    alone = one.says.get(plain, one.says.get(word))
    if _says(alone):
        if not view.languages:
            return ""
        has |= set(view.languages[:1])
    if not view.languages:
        return "" if has else "any language"
    return ", ".join(tag for tag in view.languages if tag not in has)


def _says(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip()) and not text.startswith("TODO")


def _title(view: View) -> Found:
    for one, at in _named(view):
        if missing := _missing(view, one, "title", "title"):
            yield at, one.path, f"has no title in {missing}: write title, and x-title by language"


def _description(view: View) -> Found:
    plain = "doc" if view.kind == "avro" else "description"
    for one, at in _named(view):
        meaning = view.meaning(one)
        if one.is_named and meaning is not None and meaning.iri:
            continue  # its term says what it is
        if missing := _missing(view, one, "description", plain):
            other = "" if one.is_root else ", or bind it to a term that says what it is"
            yield (
                at,
                one.path,
                f"has no description in {missing}: write {plain}, and x-description by "
                f"language{other}",
            )


def _type(view: View) -> Found:
    if view.kind == "avro":
        return
    for one in view.fields:
        if one.at is None:
            continue
        if not _is_typed(one.says):
            yield one.at, one.path, "may hold anything: state its type"
        elif one.says.get("type") == "array" and not {"items", "prefixItems"} & set(one.says):
            yield one.at, one.path, "may hold items of any kind: state items"


def _is_typed(says: Mapping[str, Any]) -> bool:
    if {"type", "enum", "const"} & set(says):
        return True
    return any(
        isinstance(branch, dict) and ("$ref" in branch or _is_typed(branch))
        for word in _ALTERNATIVES
        for branch in says.get(word, ())
    )


def _date(view: View) -> Found:
    for one, at in _named(view):
        meaning = view.meaning(one)
        means = (meaning.coercion or "") if meaning else ""
        if _is_dated(view, one) or one.is_root or not _is_scalar(view, one):
            continue
        said = words(one.name) | words(str(one.says.get("title", "")))
        digits = _DIGITS.search(str(one.says.get("pattern", "")))
        if said & DATES or digits or means.endswith(("#date", "#dateTime")):
            how = (
                "give it a logicalType, as date or timestamp-millis"
                if view.kind == "avro"
                else 'write "type": "string" and "format": "date", or "date-time" with a time'
            )
            yield at, one.path, f"looks like a date and is none: {how}"


def _is_scalar(view: View, one: Field) -> bool:
    types = one.says.get("type")
    names = types if isinstance(types, list) else [types]
    wanted = ("string", "int", "long") if view.kind == "avro" else ("string", "integer", "number")
    return any(name in wanted for name in names) and "enum" not in one.says


def _is_dated(view: View, one: Field) -> bool:
    if view.kind == "avro":
        return any(b.get("logicalType") in _DATE_LOGICALS for b in one.says["branches"])
    found = [one.says, *(b for w in _ALTERNATIVES for b in one.says.get(w, ()))]
    return any(isinstance(b, dict) and b.get("format") in _DATE_FORMATS for b in found)


def _codelist(view: View) -> Found:
    for one in view.fields:
        codes = [code for code in _codes(view, one) if isinstance(code, str)]
        if one.at is None or len(codes) < 2:
            continue
        scheme = one.says.get("x-codelist")
        if not isinstance(scheme, str):
            yield (
                one.at,
                one.path,
                f"lists {len(codes)} codes that no code list explains: name a SKOS concept scheme "
                "in x-codelist",
            )
        elif view.vocabulary is not None:
            yield from _unknown_codes(view.vocabulary.notations, one.at, one.path, scheme, codes)


def _codes(view: View, one: Field) -> list[Any]:
    if view.kind == "avro":
        return [s for b in one.says["branches"] for s in b.get("symbols", ())]
    return list(one.says.get("enum", ()))


def _unknown_codes(
    notations: Mapping[str, Mapping[str, str]], at: str, path: str, scheme: str, codes: list[str]
) -> Found:
    known = notations.get(scheme)
    if known is None:
        yield at, path, f"names the code list {scheme}, which no vocabulary here declares"
        return
    if unknown := [code for code in codes if code not in known]:
        shown = shortened(", ".join(unknown))
        yield at, path, f"lists codes that {scheme} does not have: {shown}"


def _personal(view: View) -> Found:
    for one, at in _named(view):
        if one.is_root or one.personal or "x-personal" in one.says:
            continue
        said = words(one.name) | words(str(one.says.get("title", "")))
        if telling := sorted(said & PERSONAL):
            yield (
                at,
                one.path,
                f'looks like personal data ("{telling[0]}"): write "x-personal": true, or false if '
                "it is none",
            )


def _subject(view: View) -> Found:
    said = view.document if isinstance(view.document, dict) else {}
    if SUBJECT not in said and any(one.personal for one in view.fields):
        yield (
            "",
            "",
            f"has personal fields and does not say whom its subjects name: write {SUBJECT}, the "
            "pointer of the field that they repeat, or true or false for what no field holds",
        )
    for word in (SUBJECT, USER_ID):
        value = said.get(word, False)
        if isinstance(value, bool):
            continue
        field = field_at(value, view.fields) if isinstance(value, str) else None
        if field is None:
            shown = shortened(str(value))
            yield f"/{word}", "", f"says {shown} in {word}, which is no field of the schema"


def _closed(view: View) -> Found:
    if view.kind == "avro":
        return
    stances = {"additionalProperties", "unevaluatedProperties", "patternProperties"}
    for one in view.fields:
        types = one.says.get("type")
        is_object = types == "object" or (isinstance(types, list) and "object" in types)
        if one.at is not None and is_object and not stances & set(one.says):
            yield (
                one.at,
                one.path,
                "does not say whether other fields are allowed: write additionalProperties, true "
                "or false",
            )


def _name(view: View) -> Found:
    named = [one for one in view.fields if one.is_named and one.at is not None]
    plain = sum(bool(_STYLES["snake_case"].fullmatch(o.name)) and "_" in o.name for o in named)
    capital = sum(bool(_STYLES["camelCase"].fullmatch(o.name)) and o.name != o.name.lower()
                  for o in named)  # fmt: skip
    style = "snake_case" if plain > capital else "camelCase"
    for one in named:
        if not _STYLES[style].fullmatch(one.name) and not one.name.startswith("@"):
            yield (
                one.at or "",
                one.path,
                f"is not named like the others, in {style} of letters and digits",
            )


def _term(view: View) -> Found:
    if view.vocabulary is None:
        return
    for one, at in _named(view):
        meaning = view.meaning(one)
        complaint = view.vocabulary.unknown(meaning.iri) if meaning and meaning.iri else None
        if complaint:
            yield at, one.path, complaint


def _context(view: View) -> Found:
    if view.context_fault:
        yield "", "", view.context_fault


def _keyword(view: View) -> Found:
    if view.kind == "avro":
        return
    for place, at in _schemas(view):
        known = _KEYWORDS if place.draft == 2020 else _KEYWORDS_07
        for word in place.schema:
            if word not in known and not word.startswith("x-"):
                near = difflib.get_close_matches(word, known, 1, 0.7)
                meant = f": did you mean {near[0]}?" if near else ", and says nothing"
                yield f"{at}/{escaped(word)}", "", f"{shortened(word)} is no keyword{meant}"


def _format(view: View) -> Found:
    if view.kind == "avro":
        return
    for place, at in _schemas(view):
        name = place.keywords().get("format")
        if name is not None and not is_asserted(name, place.draft):
            yield (
                f"{at}/format",
                "",
                f"the format {shortened(str(name))} is not checked by anybody: write a pattern, or "
                "leave it out",
            )


def _required(view: View) -> Found:
    if view.kind == "avro":
        return
    declared: dict[str, set[str]] = {}
    for one in view.fields:
        declared.setdefault(one.path.rpartition("/")[0], set()).add(one.name)
    for one in view.fields:
        for name in one.says.get("required", ()):
            if one.at is not None and name not in declared.get(one.path, ()):
                yield (
                    one.at,
                    one.path,
                    f"requires the field {shortened(name)}, which is not declared",
                )


def _example(view: View) -> Found:
    if view.kind == "avro":
        return
    tried = 0
    for place, at in _schemas(view):
        given = [(f"/examples/{i}", one) for i, one in enumerate(place.schema.get("examples", ()))]
        given += [("/default", place.schema["default"])] if "default" in place.schema else []
        for where, value in given:
            tried += 1
            if tried > _EXAMPLES:
                return
            if wrong := _refusal(view, at, value):
                yield at + where, "", f"is no good example: {wrong}"


def _refusal(view: View, at: str, value: Any) -> str:
    """Why the schema at a place refuses a value, or the empty text."""
    name = f"{BASE}the-schema-itself"
    try:
        there = compile_schema(
            {"$ref": f"{name}#{at}"} if at else view.document,
            "json",
            resources={**view.resources, name: view.document},
        )
    except SchemaError:
        return ""  # it stands where no reference can lead
    found = there.validate(value)
    return str(found[0]) if found else ""


def _dialect(view: View) -> Found:
    if view.kind == "json" and isinstance(view.document, dict) and "$schema" not in view.document:
        yield "", "", 'does not name its dialect: write "$schema": "' + _LATEST + '"'


def _schemas(view: View) -> Iterator[tuple[Place, str]]:
    """Every schema in the file, with where it stands."""
    pending = [(Documents(view.document, view.resources).root, "")]
    while pending:
        place, at = pending.pop()
        if isinstance(place.schema, dict):
            yield place, at
            pending += [
                (below, f"{at}/{word}" + (f"/{escaped(name)}" if name else ""))
                for word, name, below in place.subschemas()
            ]


_LATEST = "https://json-schema.org/draft/2020-12/schema"
_BOTH = (
    "$schema $id $ref $comment title description default examples readOnly writeOnly type enum "
    "const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength "
    "pattern items maxItems minItems uniqueItems contains maxProperties minProperties required "
    "additionalProperties definitions properties patternProperties dependencies propertyNames if "
    "then else allOf anyOf oneOf not format contentEncoding contentMediaType"
)
_ONLY_2020 = (
    "$anchor $defs $dynamicAnchor $dynamicRef $vocabulary prefixItems unevaluatedItems "
    "unevaluatedProperties dependentRequired dependentSchemas minContains maxContains "
    "contentSchema deprecated"
)
_KEYWORDS_07 = frozenset([*_BOTH.split(), "additionalItems"])
_KEYWORDS = frozenset([*_BOTH.split(), *_ONLY_2020.split()])

RULES = (
    Rule("title", "People find and read a field by its title, each in their language.", _title),
    Rule("description", "Whoever fills a field in must know what belongs in it.", _description),
    Rule("type", "A field that may hold anything cannot be read by a program.", _type),
    Rule("date", "A date that is text or a number is read differently everywhere.", _date),
    Rule("codelist", "A code means nothing without the list that explains it.", _codelist),
    Rule("personal", "What is marked is masked in logs and errors; what is not leaks.", _personal),
    Rule("subject", "A seal is kept for ever: whom its subject names must be hidden.", _subject),
    Rule("closed", "Whether other fields may come decides how a schema can evolve.", _closed),
    Rule("name", "Names of one style can be typed without looking them up.", _name),
    Rule("term", "A term that no vocabulary declares means nothing to anybody.", _term),
    Rule("context", "A context that cannot be read gives no field a meaning.", _context),
    Rule("keyword", "A misspelt keyword is ignored by every validator.", _keyword),
    Rule("format", "A format that no validator knows promises what nobody checks.", _format),
    Rule("required", "A required field that is not declared is usually misspelt.", _required),
    Rule(
        "example", "An example that the schema refuses misleads everybody who copies it.", _example
    ),
    Rule("dialect", "Drafts of JSON Schema read the same keywords differently.", _dialect),
)
"""Every house rule; the names are stable."""
