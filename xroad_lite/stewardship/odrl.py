"""Agreements as ODRL 2.2 policies in JSON-LD, with terms of the Data Privacy Vocabulary; and back.

The way there and back gives the same agreement. What a policy says and an agreement cannot hold is
refused by name. Does not read or write files, or approve anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from xroad_lite.errors import RegistryError
from xroad_lite.registry import Agreement

_NAMES: Final = "https://w3id.org/xroad-lite/ns#"
_IRI: Final = {"@type": "@id"}
_WORD: Final = {"@type": "@vocab"}
_CONTEXT: Final[dict[str, Any]] = {
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "dpv": "https://w3id.org/dpv#",
    "dct": "http://purl.org/dc/terms/",
    "xl": _NAMES,
    "uid": "@id",
    **{one: f"odrl:{one}" for one in ("Agreement", "Offer", "Asset", "distribute", "use")},
    **{one: f"odrl:{one}" for one in ("purpose", "dateTime", "isAnyOf", "gteq", "lt")},
    **{one: {"@id": f"odrl:{one}"} for one in ("permission", "constraint", "rightOperand")},
    **{one: {"@id": f"odrl:{one}"} | _IRI for one in ("assigner", "assignee", "target", "profile")},
    **{one: {"@id": f"odrl:{one}"} | _WORD for one in ("action", "leftOperand", "operator")},
    "dct:title": {"@container": "@language"},
    "xl:text": {"@container": "@language"},
    "xl:agreement": {"@type": "@json"},
}
"""ODRL's words under ODRL's names (ODRL Vocabulary 2.2), so that nothing must be fetched."""

_ACTIONS: Final = {"publish": "distribute", "request": "use"}
_OWN: Final = (
    "version",
    "drain",
    "max_age",
    "retention",
    "receipt",
    "confidential",
    "pseudonym_key",
    "open",
    "service_level",
    "endpoints",
)
"""Fields that ODRL has no words for: one JSON literal, ``xl:agreement``, holds them."""


def to_odrl(agreement: Agreement, base: str) -> dict[str, Any]:
    """The agreement as an ODRL Agreement, or, if it is open to everybody, an Offer.

    ``base`` is the instance's base IRI. Parties are ``<base>parties/…``, types ``<base>types/…``.
    """
    document = agreement.model_dump(mode="json", by_alias=True, exclude_unset=True)
    permission = [
        _permission(document, type_, base)
        for type_ in dict.fromkeys([*document["types"], *document.get("fields", {})])
    ]
    known = {*_TOLD, *_OWN}
    made = {
        "@context": _CONTEXT,
        "@type": "Agreement" if document.get("consumer") else "Offer",
        "uid": f"{base}agreements/{agreement.agreement}/{agreement.version}",
        "profile": f"{_NAMES}profile",
        "dct:title": document["title"],
        "assigner": _party(base, document["provider"]),
        "dpv:hasLegalBasis": {
            "@id": document["legal_basis"]["iri"],
            "xl:text": document["legal_basis"]["text"],
        },
        "permission": permission,
        "xl:agreement": {key: document[key] for key in _OWN if key in document}
        | {key: one for key, one in document.items() if key not in known}
        | _unsaid(document),
    }
    if document.get("consumer"):
        made["assignee"] = _party(base, document["consumer"])
    return made


_TOLD: Final = (
    "agreement",
    "title",
    "provider",
    "consumer",
    "operation",
    "types",
    "purposes",
    "legal_basis",
    "fields",
    "period",
)


def _unsaid(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is more in the texts and times than ODRL's words for them hold."""
    extra = {}
    for name, known in (("legal_basis", {"text", "iri"}), ("period", {"from", "until"})):
        more = {key: one for key, one in document[name].items() if key not in known}
        if more:
            extra[name] = more
    return extra


def _permission(document: Mapping[str, Any], type_: str, base: str) -> dict[str, Any]:
    """One type: the action, for a purpose, in the period; only these fields, if it says which."""
    period = document["period"]
    target: dict[str, Any] = {"@type": "Asset", "uid": f"{base}types/{type_}"}
    if type_ in document.get("fields", {}):
        target["xl:fields"] = {"@list": document["fields"][type_]}
    made = {
        "target": target,
        "action": _ACTIONS[document["operation"]],
        "constraint": [
            _constraint("purpose", "isAnyOf", [{"@id": one} for one in document["purposes"]]),
            _constraint("dateTime", "gteq", _time(period["from"])),
            _constraint("dateTime", "lt", _time(period["until"])),
        ],
    }
    if type_ not in document["types"]:
        made["xl:only"] = "fields"
    return made


def _constraint(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def _time(text: str) -> dict[str, str]:
    return {"@value": text, "@type": "http://www.w3.org/2001/XMLSchema#dateTime"}


def _party(base: str, party: str) -> str:
    return f"{base}parties/{party}"


def from_odrl(policy: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The document of an agreement that an ODRL policy, in the form of ``to_odrl``, says.

    ``RegistryError`` names what an agreement cannot hold: prohibitions, duties, other constraints,
    actions or parties. Nothing is left out in silence.
    """
    try:
        return _document(policy, base)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"a value of another form than agreement export writes ({error!s:.120})"
        raise _cannot(what, "it cannot be read") from None


def _document(policy: Mapping[str, Any], base: str) -> dict[str, Any]:
    _only(policy, _POLICY, "the policy")
    if policy.get("@context") != _CONTEXT:
        raise _cannot("@context", "expected the one that agreement export writes")
    document: dict[str, Any] = {"agreement": _name(policy, base)}
    extra = dict(policy.get("xl:agreement") or {})
    document |= {
        "title": policy.get("dct:title", {}),
        "provider": _of(base, "parties/", policy.get("assigner"), "assigner"),
    }
    if policy.get("@type") == "Agreement":
        document["consumer"] = _of(base, "parties/", policy.get("assignee"), "assignee")
    elif policy.get("@type") != "Offer" or "assignee" in policy:
        raise _cannot("@type", "expected an Agreement with an assignee, or an Offer to everybody")
    basis = policy.get("dpv:hasLegalBasis") or {}
    _only(basis, {"@id", "xl:text"}, "dpv:hasLegalBasis")
    document["legal_basis"] = {"text": basis.get("xl:text"), "iri": basis.get("@id")}
    document |= _permitted(policy.get("permission") or [], base)
    for name in ("legal_basis", "period"):
        document[name] |= extra.pop(name, {})
    told = sorted(set(extra) & set(_TOLD))
    if told:
        raise _cannot(f"xl:agreement: {told[0]}", "it is said in ODRL's own words")
    document |= extra
    try:
        Agreement.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RegistryError("registry.odrl", f"{where}: {first['msg']}") from None
    if policy.get("uid") != f"{base}agreements/{document['agreement']}/{document['version']}":
        raise _cannot("uid", "expected the IRI of the agreement's name and version")
    return document


_POLICY: Final = {
    "@context", "@type", "uid", "profile", "dct:title", "assigner", "assignee",
    "dpv:hasLegalBasis", "permission", "xl:agreement",
}  # fmt: skip


def _permitted(permissions: Any, base: str) -> dict[str, Any]:
    """Operation, types, purposes, fields and period, which all permissions share."""
    if not isinstance(permissions, list) or not permissions:
        raise _cannot("permission", "expected a list of one at least")
    types, fields, shared = [], {}, []
    for one in permissions:
        _only(one, {"target", "action", "constraint", "xl:only"}, "permission")
        target = one.get("target") or {}
        _only(target, {"@type", "uid", "xl:fields"}, "target")
        type_ = _of(base, "types/", target.get("uid"), "target")
        if "xl:fields" in target:
            fields[type_] = target["xl:fields"]["@list"]
        if one.get("xl:only") != "fields":
            types.append(type_)
        shared.append((one.get("action"), _bounds(one.get("constraint") or [])))
    if any(one != shared[0] for one in shared):
        raise _cannot("permission", "expected the same action and constraints for every target")
    operations = {action: name for name, action in _ACTIONS.items()}
    action, (purposes, begins, ends) = shared[0]
    if action not in operations:
        raise _cannot(f"action {action!r:.80}", "expected distribute or use")
    return {
        "operation": operations[action],
        "types": types,
        "purposes": purposes,
        "period": {"from": begins, "until": ends},
    } | ({"fields": fields} if fields else {})


def _bounds(constraints: list[Any]) -> tuple[list[str], str, str]:
    """Purposes, begin and end: exactly these three constraints, once each."""
    found: dict[tuple[Any, Any], Any] = {}
    for one in constraints:
        _only(one, {"leftOperand", "operator", "rightOperand"}, "constraint")
        key = one.get("leftOperand"), one.get("operator")
        if key not in _CONSTRAINTS or key in found:
            raise _cannot(f"constraint {key[0]} {key[1]}", f"expected {_EXPECTED}, once each")
        found[key] = one.get("rightOperand")
    lacking = [" ".join(key) for key in _CONSTRAINTS if key not in found]
    if lacking:
        raise _cannot("constraint", f"there is none of {', '.join(lacking)}")
    purposes, begins, ends = (found[key] for key in _CONSTRAINTS)
    return [one["@id"] for one in purposes], begins["@value"], ends["@value"]


_CONSTRAINTS: Final = (("purpose", "isAnyOf"), ("dateTime", "gteq"), ("dateTime", "lt"))
_EXPECTED: Final = ", ".join(" ".join(one) for one in _CONSTRAINTS)


def _only(value: Any, known: set[str], where: str) -> None:
    if not isinstance(value, dict):
        raise _cannot(where, f"got {type(value).__name__}: expected an object")
    strange = sorted(set(value) - known)
    if strange:
        raise _cannot(f"{strange[0]} of {where}", f"expected only {', '.join(sorted(known))}")


def _of(base: str, folder: str, iri: Any, what: str) -> str:
    prefix = base + folder
    if not isinstance(iri, str) or not iri.startswith(prefix):
        raise _cannot(f"{what} {iri!r:.120}", f"expected an IRI below {prefix}")
    return iri.removeprefix(prefix)


def _name(policy: Mapping[str, Any], base: str) -> str:
    return _of(base, "agreements/", policy.get("uid"), "uid").rpartition("/")[0]


def _cannot(what: str, why: str) -> RegistryError:
    return RegistryError(
        "registry.odrl",
        f"an agreement cannot hold {what}: {why}",
        hint="compare with what is written by: xroad-lite agreement export NAME",
    )
