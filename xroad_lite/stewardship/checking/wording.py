"""Checks what people write in any document: texts by language, contacts, misspelt fields, names.

Does not follow references.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from xroad_lite.registry.yaml_values import Path
from xroad_lite.stewardship.checking.findings import Finding
from xroad_lite.stewardship.checking.reading import Reading

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CONTACT: Final = re.compile(
    r"(mailto:)?[^@\s<>\"]{1,64}@[^@\s<>\"]+\.[^@\s<>\".]{2,}|https?://[^\s<>\"]+\.[^\s<>\"]+"
    r"|(tel:)?\+?[0-9][0-9 ()./-]{5,24}[0-9]"
)
_ALIKE: Final = 0.75


def check_wording(reading: Reading) -> Iterator[Finding]:
    """Every document, every text and every field that no model knows."""
    for path, document in reading.documents:
        yield from _wording(path, document, ())


def _wording(path: str, model: BaseModel, at: Path) -> Iterator[Finding]:
    known = {field.alias or name: name for name, field in type(model).model_fields.items()}
    for name in model.model_extra or {}:
        near = difflib.get_close_matches(name.lower(), known, 1, _ALIKE)
        if near and not name.startswith("x-"):
            yield Finding(
                path,
                "registry.misspelt",
                f"{name} is no field that anything reads: did you mean {near[0]}?",
                "note",
                at=(*at, name),
            )
    for alias, name in known.items():
        value = getattr(model, name)
        if type(model).model_fields[name].annotation == dict[str, str]:
            yield from _texts(path, value, (*at, alias))
        else:
            yield from _inside(path, value, (*at, alias))


def _inside(path: str, value: Any, at: Path) -> Iterator[Finding]:
    if isinstance(value, BaseModel):
        yield from _wording(path, value, at)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inside(path, item, (*at, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _inside(path, item, (*at, key))


def _texts(path: str, texts: dict[str, str], at: Path) -> Iterator[Finding]:
    for language, text in texts.items():
        if not _LANGUAGE.fullmatch(language):
            yield Finding(
                path,
                "registry.language",
                f"{shown(at)}: got the language {language[:40]!r}: expected a tag as en, es, pt-BR",
                at=(*at, language),
            )
        if not text.strip():
            yield Finding(
                path,
                "registry.empty_text",
                f"{shown(at)}: the text in {language} is empty: write it, or leave the line out",
                at=(*at, language),
            )


def check_named(path: str, texts: dict[str, str], at: Path) -> Iterator[Finding]:
    """That something which people will look for has a name in some language."""
    if not texts:
        yield Finding(
            path,
            "registry.no_title",
            f"{shown(at)}: got no text: expected one in at least one language, as {{es: Nombre}}",
            "warning",
            at=at,
        )


def check_contact(path: str, contact: str, at: Path) -> Iterator[Finding]:
    """That one can write, visit or call."""
    if not _CONTACT.fullmatch(contact.strip()):
        yield Finding(
            path,
            "registry.contact",
            f"{shown(at)}: got {contact[:80]!r}: expected an address of electronic mail, "
            "an https address or a telephone number",
            at=at,
        )


def check_script(path: str, identifier: str, at: Path) -> Iterator[Finding]:
    """That no part of a name mixes letters of two scripts that look alike."""
    if identifier.isascii():
        return
    for segment in identifier.split("/"):
        scripts = {unicodedata.name(one, "?").split()[0] for one in segment if one.isalpha()}
        mixed = scripts & {"LATIN", "CYRILLIC", "GREEK"}
        if len(mixed) > 1:
            yield Finding(
                path,
                "registry.mixed_scripts",
                f"{identifier} mixes letters of {' and '.join(sorted(mixed)).title()}: "
                "they look alike and are not the same",
                "warning",
                at=at,
            )


def folded(identifier: str) -> str:
    """A name as a hasty reader sees it: without case, width, accents' composition and scripts."""
    text = unicodedata.normalize("NFKC", identifier).casefold()
    return text if text.isascii() else text.translate(_LOOKALIKES)


# Cyrillic and Greek letters that are drawn as Latin ones (after Unicode TS 39's idea of skeletons).
_LOOKALIKES: Final = str.maketrans("аеорсухівјѕԁԛԝкмнтαορτνικ", "aeopcyxibjsdqwkmhtaoptvik")


def shown(at: Path) -> str:
    """A path for people: ``subsystems.0.title``."""
    return ".".join(str(step) for step in at)
