"""The catalogue as one page for people, that needs nothing from elsewhere; asks no server.

What each institution offers, in which words, under which agreement, and with whom to talk. Every
text of the registry is escaped; only the script and the style that stand here may run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

from xroad_lite.registry import Agreement, Member
from xroad_lite.registry.models import Subsystem
from xroad_lite.schema.fields import Field, fields
from xroad_lite.schema.wording import bounds_of, text_of, type_of
from xroad_lite.stewardship.catalogue.offers import (
    Catalogue,
    ServiceOffer,
    Texts,
    TypeOffer,
    identifier_of,
    text,
)
from xroad_lite.stewardship.catalogue.page_parts import SCRIPT, STYLE, TYPES, WORDS
from xroad_lite.stewardship.catalogue.written import (
    LANGUAGES,
    anchor,
    badge,
    cell,
    contact,
    escaped,
    link,
    spoken,
    word,
)

_MAX_FIELDS: Final = 500


def page(catalogue: Catalogue) -> str:
    """The whole page."""
    title = catalogue.instance.title or {"en": catalogue.instance.instance}
    language = next((one for one in catalogue.languages if one in LANGUAGES), LANGUAGES[0])
    body = "\n".join(
        (
            _header(catalogue, title),
            "<main>",
            _section("institutions", (_institution(catalogue, one) for one in catalogue.members)),
            _section("messages", (_type(catalogue, one) for one in catalogue.types)),
            _section("agreements", (_agreement(catalogue, one) for one in catalogue.agreements)),
            f'<p id="nothing" hidden>{word("nothing")}</p>',
            "</main>",
            f"<footer><p>{word('footer')} <code>{escaped(_edition(catalogue))}</code></p></footer>",
        )
    )
    policy = (
        f"default-src 'none'; style-src '{_digest(STYLE)}'; script-src '{_digest(SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!doctype html>\n<html lang="{language}" data-lang="{language}">\n<head>\n'
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escaped(text(title, language))}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _edition(catalogue: Catalogue) -> str:
    return catalogue.snapshot.edition.name


def _header(catalogue: Catalogue, title: Texts) -> str:
    buttons = "".join(
        f'<button type="button" data-choose="{tag}" lang="{tag}">{name}</button>'
        for tag, name in zip(LANGUAGES, ("English", "Español", "Português"), strict=True)
    )
    counts = {
        "institutions": len(catalogue.members),
        "messages": len(catalogue.types),
        "agreements": len(catalogue.agreements),
    }
    links = "".join(
        f'<a href="#{name}">{word(name)} <span class="count">{number}</span></a>'
        for name, number in counts.items()
    )
    placeholders = " ".join(f'data-{tag}="{escaped(WORDS["search"][tag])}"' for tag in LANGUAGES)
    return (
        f'<a class="skip" href="#institutions">{word("skip")}</a><header>'
        f'<div class="top"><h1>{spoken(title)}</h1>'
        f'<div class="languages" role="group" aria-label="Language · Idioma">{buttons}</div></div>'
        f"<p>{word('about')}</p><nav>{links}</nav>"
        f'<input id="search" type="search" autocomplete="off" hidden {placeholders} '
        f'aria-label="{escaped(WORDS["search"]["en"])}"></header>'
    )


def _section(name: str, entries: Iterable[str]) -> str:
    return f'<section id="{name}"><h2>{word(name)}</h2>\n' + "\n".join(entries) + "\n</section>"


def _institution(catalogue: Catalogue, member: Member) -> str:
    suspended = badge("suspended") if member.status != "active" else ""
    systems = "".join(_subsystem(catalogue, member, one) for one in member.subsystems)
    return (
        f'<article class="entry" id="{anchor("m", member.member)}">'
        f"<h3>{spoken(member.name or {'en': member.member})} {suspended}</h3>"
        f'<p class="meta"><code>{escaped(member.member)}</code> · {word("talk")} '
        f"{contact(member.contact)}</p>{systems}</article>"
    )


def _subsystem(catalogue: Catalogue, member: Member, subsystem: Subsystem) -> str:
    identifier = str(identifier_of(member, subsystem))
    rows = "".join(_movements(catalogue, identifier))
    rows += "".join(
        f"<li>{word('answers')} <strong>{spoken(one.service.title or {'en': one.code})}</strong> "
        f"<code>{escaped(one.code)}</code>{_answer(catalogue, one)}</li>"
        for one in catalogue.services
        if str(one.identifier) == identifier
    )
    rows = rows or f"<li>{word('nothing_yet')}</li>"
    title = spoken(subsystem.title) if subsystem.title else ""
    return f"<h4>{title} <code>{escaped(identifier)}</code></h4><ul>{rows}</ul>"


def _answer(catalogue: Catalogue, offer: ServiceOffer) -> str:
    service = offer.service
    if service.request is not None and service.response is not None:
        asked, answered = service.request, service.response
        return f": {_type_link(catalogue, asked)} → {_type_link(catalogue, answered)}"
    return "".join(
        f" <code>{escaped(one.method)} {escaped(one.path)}</code>" for one in service.endpoints
    )


def _movements(catalogue: Catalogue, identifier: str) -> Iterator[str]:
    """What goes from and to a subsystem, with the agreement it goes under."""
    standing = catalogue.snapshot.parties.standing
    for one in catalogue.agreements:
        gives = identifier in standing(one.provider)
        takes = one.consumer is not None and identifier in standing(one.consumer)
        types = ", ".join(_type_link(catalogue, type_) for type_ in one.types)
        under = f'— {word("under")} <a href="#{_link("a", _name(one))}">{spoken(one.title)}</a>'
        if gives and one.operation == "publish":
            whom = _party(catalogue, one.consumer)
            yield f"<li>{word('sends')} {types} {word('to')} {whom} <small>{under}</small></li>"
        if takes:
            verb = "receives" if one.operation == "publish" else "asks"
            whom = _party(catalogue, one.provider)
            yield f"<li>{word(verb)} {types} {word('from')} {whom} <small>{under}</small></li>"


def _party(catalogue: Catalogue, party: str | None) -> str:
    if party is None:
        return f"<strong>{word('everybody')}</strong>"
    member = catalogue.by_identifier.get("/".join(party.split("/")[:3]))
    if member is None:
        return f"<code>{escaped(party)}</code>"
    return (
        f'<a href="#{_link("m", member.member)}">{spoken(member.name or {"en": party})}</a> '
        f"<code>{escaped(party)}</code>"
    )


def _type_link(catalogue: Catalogue, type_: str) -> str:
    title = catalogue.titles.get(type_, {})
    shown = f"{spoken(title)}</a> <code>{escaped(type_)}</code>" if title else ""
    return f'<a href="#{_link("t", type_)}">{shown or f"<code>{escaped(type_)}</code></a>"}'


def _link(kind: str, name: str) -> str:
    return quote(anchor(kind, name), safe="-._~%")


def _name(agreement: Agreement) -> str:
    return f"{agreement.agreement}/{agreement.version}"


def _type(catalogue: Catalogue, offer: TypeOffer) -> str:
    listed = _listed(catalogue, offer)
    marks = badge("personal") if any(one.personal for one in listed) else ""
    agreements = catalogue.agreements_of(offer.type)
    marks += badge("open") if any(one.open for one in agreements) else ""
    owner = ""
    if offer.owner is not None:
        owner = (
            f"<p>{word('owner')} {_party(catalogue, offer.owner.member)} · {word('talk')} "
            f"{contact(offer.owner.contact)}</p>"
        )
    under = "".join(
        f'<li><a href="#{_link("a", _name(one))}">{spoken(one.title)}</a></li>'
        for one in agreements
    )
    under = (
        f"<h4>{word('travels')}</h4><ul>{under}</ul>" if under else f"<p>{word('no_agreement')}</p>"
    )
    versions = ", ".join(
        f"{one.version} ({word(one.status)}) {link(one.iri)}" for one in offer.versions
    )
    described = f"<p>{spoken(offer.description)}</p>" if offer.description != offer.title else ""
    return (
        f'<details class="entry" id="{anchor("t", offer.type)}"><summary><h3>{spoken(offer.title)}'
        f"</h3> <code>{escaped(offer.type)}</code> {marks}</summary>{described}{owner}"
        f"<p>{word('versions')} {versions or word('none')}</p>{under}{_fields(listed)}</details>"
    )


def _listed(catalogue: Catalogue, offer: TypeOffer) -> list[Field]:
    newest = offer.newest
    if newest is None:
        return []
    resources = catalogue.snapshot.schema_resources(newest.kind)
    return fields(newest.document, newest.kind, resources)[1 : _MAX_FIELDS + 1]


def _fields(listed: list[Field]) -> str:
    if not listed:
        return ""
    heads = "".join(f'<th scope="col">{word(one)}</th>' for one in ("field", "meaning", "form"))
    rows = "".join(_field(one) for one in listed if one.is_named)
    return (
        f"<h4>{word('fields')}</h4>"
        f'<div class="wide" tabindex="0"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _field(one: Field) -> str:
    titles = {tag: text_of(one, "title", tag) for tag in LANGUAGES}
    described = {tag: text_of(one, "description", tag) for tag in LANGUAGES}
    meaning = spoken(titles) if any(titles.values()) else ""
    meaning += f"<br><small>{spoken(described)}</small>" if any(described.values()) else ""
    kind = type_of(one)
    form = spoken(TYPES[kind]) if kind in TYPES else escaped(kind)
    form += "".join(f'<br><small lang="en">{escaped(bound)}</small>' for bound in bounds_of(one))
    marks = (badge("required") if one.required else "") + (
        badge("personal") if one.personal else ""
    )
    return (
        f"<tr>{cell('field', f'<code>{escaped(one.path)}</code> {marks}')}"
        f"{cell('meaning', meaning)}{cell('form', form)}</tr>"
    )


def _agreement(catalogue: Catalogue, one: Agreement) -> str:
    titles = catalogue.purposes.titles
    purposes = "; ".join(
        f"{spoken(titles[iri]) if iri in titles else ''} {link(iri)}" for iri in one.purposes
    )
    limited = "".join(
        f"<li>{_type_link(catalogue, type_)}: "
        + ", ".join(f"<code>{escaped(pointer)}</code>" for pointer in pointers)
        + "</li>"
        for type_, pointers in sorted(one.fields_.items())
    )
    whole = ", ".join(
        _type_link(catalogue, type_) for type_ in one.types if type_ not in one.fields_
    )
    limited += f"<li>{whole}: {word('whole')}</li>" if whole else ""
    verb = "sends_to" if one.operation == "publish" else "answers_to"
    rows = (
        ("between", f"{_party(catalogue, one.provider)} {word(verb)} "
                    f"{_party(catalogue, one.consumer)}"),
        ("purpose", purposes),
        ("basis", f"{spoken(one.legal_basis.text)} {link(one.legal_basis.iri)}"),
        ("period", f"<time>{escaped(one.period.start[:10])}</time> – "
                   f"<time>{escaped(one.period.until[:10])}</time>"),
        ("allowed", f"<ul>{limited}</ul>"),
    )  # fmt: skip
    marks = "".join(
        badge(name) for name in ("open", "confidential", "receipt") if getattr(one, name)
    )
    table = "".join(f"<dt>{word(name)}</dt><dd>{value}</dd>" for name, value in rows)
    return (
        f'<article class="entry" id="{anchor("a", _name(one))}">'
        f"<h3>{spoken(one.title)} {marks}</h3>"
        f'<p class="meta"><code>{escaped(_name(one))}</code></p><dl>{table}</dl></article>'
    )
