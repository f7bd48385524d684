"""The catalogue in DCAT-AP 3: a dataset per message type, a data service per service.

Does not fetch or invent: what the registry does not say is left out, but for the theme, which is
government where nothing else is named (``themes: [HEAL]`` in ``subject.yaml``). Every node has an
IRI, so that nothing depends on the order in which it was made.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from xroad_lite import times
from xroad_lite.registry import Agreement, Member, SchemaVersion
from xroad_lite.stewardship.catalogue.offers import Catalogue, ServiceOffer, Texts, TypeOffer

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

_EU: Final = "http://publications.europa.eu/resource/authority/"
_NAMESPACES: Final = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "eli": "http://data.europa.eu/eli/ontology#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_LANGUAGES: Final = {"en": "ENG", "es": "SPA", "pt": "POR", "fr": "FRA", "de": "DEU", "it": "ITA",
                     "qu": "QUE", "gn": "GRN", "ay": "AYM", "nl": "NLD", "ca": "CAT"}  # fmt: skip
_THEMES: Final = {
    "AGRI": "Agriculture, fisheries, forestry and food",
    "ECON": "Economy and finance",
    "EDUC": "Education, culture and sport",
    "ENER": "Energy",
    "ENVI": "Environment",
    "GOVE": "Government and public sector",
    "HEAL": "Health",
    "INTR": "International issues",
    "JUST": "Justice, legal system and public safety",
    "REGI": "Regions and cities",
    "SOCI": "Population and society",
    "TECH": "Science and technology",
    "TRAN": "Transport",
}
"""Codes of the EU's table of data themes, with its English labels."""
_TAG: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_SAFE: Final = ":/?#[]@!$&'()*+,;=%~"
_ACCESS: Final = {"PUBLIC": "public", "RESTRICTED": "restricted", "NON_PUBLIC": "non-public"}
_FILE_TYPES: Final = {"json": "JSON", "avro": "AVRO"}
_MEDIA: Final = {
    "json": "https://www.iana.org/assignments/media-types/application/json",
    "avro": "https://www.iana.org/assignments/media-types/application/vnd.apache.avro",
}


def turtle(catalogue: Catalogue) -> str:
    """The catalogue as Turtle."""
    return _Writer(catalogue).written().serialize(format="turtle")


def json_ld(catalogue: Catalogue) -> str:
    """The same as JSON-LD, nodes and values in a fixed order."""
    graph = _Writer(catalogue).written()
    text = graph.serialize(format="json-ld", context=_NAMESPACES, auto_compact=True)
    value = json.loads(text)
    return json.dumps(_ordered(value), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_ordered(item) for item in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    return value


class _Writer:
    """Adds the catalogue's statements to one graph."""

    def __init__(self, catalogue: Catalogue) -> None:
        from rdflib import Graph

        self._catalogue = catalogue
        self._graph = Graph(bind_namespaces="none")
        for prefix, space in _NAMESPACES.items():
            self._graph.bind(prefix, space)

    def written(self) -> Graph:
        """The whole graph."""
        catalogue, instance = self._catalogue, self._catalogue.instance
        here = self._node(catalogue.iri("catalogue"), "dcat:Catalog")
        publisher = self._node(catalogue.iri("instance"), "foaf:Agent")
        self._texts(publisher, "foaf:name", instance.title or {"en": instance.instance})
        self._texts(here, "dct:title", instance.title or {"en": instance.instance})
        self._texts(here, "dct:description", _about(instance.instance))
        self._add(here, "dct:publisher", publisher)
        self._languages(here)
        scheme = self._node(_EU + "data-theme", "skos:ConceptScheme")
        self._texts(scheme, "dct:title", {"en": "Data theme"})
        self._add(here, "dcat:themeTaxonomy", scheme)
        published = catalogue.snapshot.edition.published
        if published > 0:
            self._typed(here, "dct:modified", times.to_text(published), "dateTime")
        for type_ in catalogue.types:
            if type_.versions:
                self._add(here, "dcat:dataset", self._dataset(type_))
        for service in catalogue.services:
            self._add(here, "dcat:service", self._service(service))
        return self._graph

    def _dataset(self, offer: TypeOffer) -> Node:
        here = self._node(self._type_iri(offer.type), "dcat:Dataset")
        self._texts(here, "dct:title", offer.title)
        self._texts(here, "dct:description", offer.description)
        self._plain(here, "dct:identifier", offer.type)
        self._plain(here, "dcat:keyword", offer.type.partition(".")[0])
        self._answerable(here, offer.owner)
        self._languages(here)
        self._themes(here, offer)
        agreements = self._catalogue.agreements_of(offer.type)
        self._terms(here, agreements, "RESTRICTED" if agreements else "NON_PUBLIC")
        for version in offer.versions:
            self._add(here, "dct:conformsTo", self._standard(version, offer.title))
            self._add(here, "dcat:distribution", self._distribution(offer, version))
        return here

    def _distribution(self, offer: TypeOffer, version: SchemaVersion) -> Node:
        here = self._node(f"{self._type_iri(offer.type)}/{version.version}", "dcat:Distribution")
        titles = {tag: f"{one} {version.version}" for tag, one in offer.title.items()}
        self._texts(here, "dct:title", titles)
        self._add(here, "dcat:accessURL", self._node(version.iri))
        self._add(here, "dct:conformsTo", self._standard(version, offer.title))
        file_type = self._node(
            f"{_EU}file-type/{_FILE_TYPES[version.kind]}", "dct:MediaTypeOrExtent"
        )
        self._add(here, "dct:format", file_type)
        self._add(here, "dcat:mediaType", self._node(_MEDIA[version.kind], "dct:MediaType"))
        status = "DEPRECATED" if version.status == "deprecated" else "COMPLETED"
        self._add(here, "adms:status", self._concept("distribution-status", status))
        license_ = (self._catalogue.instance.model_extra or {}).get("license")
        if isinstance(license_, str) and license_.startswith(("http://", "https://")):
            self._add(here, "dct:license", self._node(license_, "dct:LicenseDocument"))
        return here

    def _service(self, offer: ServiceOffer) -> Node:
        catalogue, segments = self._catalogue, str(offer.identifier).split("/")
        name = [*segments, *offer.code.split("/")]
        here = self._node(catalogue.iri("catalogue", "services", *name), "dcat:DataService")
        titles = offer.service.title or offer.subsystem.title or {"en": offer.code}
        self._texts(here, "dct:title", titles)
        self._texts(here, "dct:description", offer.service.description or titles)
        self._add(here, "dcat:endpointURL", self._node(catalogue.iri("r1", *name)))
        described = offer.service.openapi
        if described:
            inside = catalogue.iri(*described.split("/"))
            address = quote(described, safe=_SAFE) if "://" in described else inside
            self._add(here, "dcat:endpointDescription", self._node(address))
        self._answerable(here, offer.member)
        self._themes(here, None)
        agreements = catalogue.agreements_for(offer)
        self._terms(here, agreements, "RESTRICTED" if agreements else "NON_PUBLIC")
        for one in catalogue.types:
            if one.type in (offer.service.request, offer.service.response) and one.versions:
                if one.type == offer.service.response:
                    self._add(here, "dcat:servesDataset", self._node(self._type_iri(one.type)))
                self._add(here, "dct:conformsTo", self._standard(one.versions[-1], one.title))
        return here

    def _type_iri(self, type_: str) -> str:
        return self._catalogue.iri("catalogue", "types", *type_.split(".", 1))

    def _standard(self, version: SchemaVersion, title: Texts) -> Node:
        node = self._node(version.iri, "dct:Standard")
        self._texts(node, "dct:title", title)
        return node

    def _answerable(self, here: Node, member: Member | None) -> None:
        """Who publishes it, and whom to ask."""
        if member is None:
            return
        iri = self._catalogue.iri("members", *member.member.split("/"))
        publisher = self._node(iri, "foaf:Agent")
        self._texts(publisher, "foaf:name", member.name or {"en": member.member})
        self._add(here, "dct:publisher", publisher)
        contact = self._node(f"{iri}/contact", "vcard:Kind")
        self._texts(contact, "vcard:fn", member.name or {"en": member.member})
        word, address = _reachable(member.contact)
        self._add(contact, word, self._node(address))
        self._add(here, "dcat:contactPoint", contact)

    def _terms(self, here: Node, agreements: tuple[Agreement, ...], access: str) -> None:
        """Who may have it, and by which laws."""
        if any(one.open for one in agreements):
            access = "PUBLIC"
        rights = self._node(f"{_EU}access-right/{access}", "dct:RightsStatement")
        self._texts(rights, "rdfs:label", {"en": _ACCESS[access]})
        self._add(here, "dct:accessRights", rights)
        for one in agreements:
            law = self._node(one.legal_basis.iri, "eli:LegalResource")
            self._texts(law, "dct:title", one.legal_basis.text)
            self._add(here, "dcatap:applicableLegislation", law)

    def _themes(self, here: Node, offer: TypeOffer | None) -> None:
        named = (offer.subject.model_extra or {}).get("themes") if offer else None
        codes = (
            [str(one) for one in named if str(one) in _THEMES] if isinstance(named, list) else []
        )
        for code in codes or ["GOVE"]:
            theme = self._node(f"{_EU}data-theme/{code}", "skos:Concept")
            self._texts(theme, "skos:prefLabel", {"en": _THEMES[code]})
            self._add(theme, "skos:inScheme", self._node(_EU + "data-theme"))
            self._add(here, "dcat:theme", theme)

    def _languages(self, here: Node) -> None:
        for tag in self._catalogue.languages:
            code = _LANGUAGES.get(tag.partition("-")[0])
            if code:
                language = self._node(f"{_EU}language/{code}", "dct:LinguisticSystem")
                self._add(here, "dct:language", language)

    def _concept(self, table: str, code: str) -> Node:
        node = self._node(f"{_EU}{table}/{code}", "skos:Concept")
        self._texts(node, "skos:prefLabel", {"en": code.capitalize()})
        return node

    def _node(self, iri: str, kind: str = "") -> Node:
        from rdflib import RDF, URIRef

        node = URIRef(iri)
        if kind:
            self._graph.add((node, RDF.type, self._term(kind)))
        return node

    def _term(self, name: str) -> Any:
        from rdflib import URIRef

        prefix, _, local = name.partition(":")
        return URIRef(_NAMESPACES[prefix] + local)

    def _add(self, subject: Node, word: str, value: Node) -> None:
        self._graph.add((subject, self._term(word), value))

    def _texts(self, subject: Node, word: str, texts: Texts) -> None:
        from rdflib import Literal

        for language, one in texts.items():
            tag = language if _TAG.fullmatch(language) else None
            self._add(subject, word, Literal(one, lang=tag))

    def _plain(self, subject: Node, word: str, value: str) -> None:
        from rdflib import Literal

        self._add(subject, word, Literal(value))

    def _typed(self, subject: Node, word: str, value: str, datatype: str) -> None:
        from rdflib import Literal

        self._add(subject, word, Literal(value, datatype=self._term(f"xsd:{datatype}")))


def _about(instance: str) -> dict[str, str]:
    return {
        "en": f"Messages and services that institutions of {instance} exchange.",
        "es": f"Mensajes y servicios que intercambian las instituciones de {instance}.",
        "pt": f"Mensagens e serviços que as instituições de {instance} trocam entre si.",
    }


def _reachable(contact: str) -> tuple[str, str]:
    """The property and the address of a contact."""
    contact = contact.strip()
    if contact.startswith(("http://", "https://")):
        return "vcard:hasURL", quote(contact, safe=_SAFE)
    if "@" in contact:
        return "vcard:hasEmail", "mailto:" + quote(contact.removeprefix("mailto:"), safe="@+")
    number = "".join(one for one in contact if one in "+0123456789")
    return "vcard:hasTelephone", f"tel:{number}"
