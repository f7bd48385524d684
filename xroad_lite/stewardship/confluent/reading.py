"""Answers to what is asked about subjects, versions and schemas; changes nothing."""

from __future__ import annotations

from typing import Any

from xroad_lite.registry import SchemaVersion
from xroad_lite.stewardship.confluent.answers import Refusal, Request, no_schema
from xroad_lite.stewardship.confluent.catalogue import Catalogue, alive, latest
from xroad_lite.stewardship.confluent.names import prefix, subject_of
from xroad_lite.stewardship.confluent.submitted import registered, submitted


def subjects(request: Request, catalogue: Catalogue) -> list[str]:
    """The names of all subjects."""
    shown = [
        subject_of(type_)
        for type_, versions in catalogue.versions.items()
        if _is_shown(request, bool(alive(versions)))
    ]
    return request.page(_beginning(request, shown))


def versions(request: Request, catalogue: Catalogue, subject: str) -> list[int]:
    """The numbers of a subject's versions."""
    shown = [
        one.version
        for one in catalogue.of(subject, deleted=_sees_deleted(request))
        if _is_shown(request, one.status != "retired")
    ]
    return request.page(shown)


def version(request: Request, catalogue: Catalogue, subject: str, number: str) -> dict[str, Any]:
    """One version of a subject."""
    found = catalogue.version(subject, number, deleted=request.flag("deleted"))
    return described(request, catalogue, found, subject)


def version_schema(request: Request, catalogue: Catalogue, subject: str, number: str) -> Any:
    """The document of one version."""
    found = catalogue.version(subject, number, deleted=request.flag("deleted"))
    return found.document if _resolved(request, found) else found.written


def referring(request: Request, catalogue: Catalogue, subject: str, number: str) -> list[int]:
    """The numbers of the schemas that refer to one version."""
    found = catalogue.version(subject, number, deleted=True)
    shown = alive(catalogue.referring(found), deleted=_sees_deleted(request))
    return request.page(sorted({one.id for one in shown}))


def with_metadata(request: Request, catalogue: Catalogue, subject: str) -> Any:
    """The latest version with certain metadata: none has any."""
    catalogue.of(subject, deleted=request.flag("deleted"))
    raise no_schema("with this metadata ")


def lookup(request: Request, catalogue: Catalogue, subject: str) -> dict[str, Any]:
    """The version of a subject that is the submitted schema."""
    known = catalogue.of(subject, deleted=request.flag("deleted"))
    asked = submitted(request, catalogue)
    found = registered(known, asked, normalize=request.flag("normalize"))
    if found is None:
        asked.check(catalogue)
        raise no_schema()
    return described(request, catalogue, found, subject)


def schemas(request: Request, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Every version of every subject."""
    shown: list[SchemaVersion] = []
    for type_, known in catalogue.versions.items():
        if subject_of(type_) in _beginning(request, [subject_of(type_)]):
            seen = alive(known, deleted=request.flag("deleted"))
            shown += [latest(seen)] if seen and request.flag("latestOnly") else seen
    return [described(request, catalogue, one) for one in request.page(shown)]


def by_id(request: Request, catalogue: Catalogue, number: str) -> dict[str, Any]:
    """The schema of a number, also if its versions are retired."""
    found = _with_id(catalogue, number)
    answer = catalogue.schema(found[0], resolved=_resolved(request, found[0]))
    if request.takes_new_fields:
        answer["guid"] = found[0].guid
        of_subject = _of_subject(request, catalogue, found)
        if of_subject and "subject" in request.query:
            answer |= {"subject": request.query["subject"], "version": of_subject[-1].version}
    if request.flag("fetchMaxId"):
        answer["maxId"] = catalogue.largest_id
    return answer


def by_id_schema(request: Request, catalogue: Catalogue, number: str) -> Any:
    """The document of a number."""
    found = _with_id(catalogue, number)[0]
    return found.document if _resolved(request, found) else found.written


def by_id_subjects(request: Request, catalogue: Catalogue, number: str) -> list[str]:
    """The subjects that have the schema of a number."""
    return request.page(
        list(dict.fromkeys(one["subject"] for one in _with_id_shown(request, catalogue, number)))
    )


def by_id_versions(request: Request, catalogue: Catalogue, number: str) -> list[dict[str, Any]]:
    """The subjects and versions that have the schema of a number."""
    return request.page(_with_id_shown(request, catalogue, number))


def by_guid(request: Request, catalogue: Catalogue, guid: str) -> dict[str, Any]:
    """The schema of a UUID."""
    found = catalogue.with_guid(guid)
    if found is None:
        raise no_schema(f"{guid[:40]} ")
    shown = catalogue.schema(found, resolved=_resolved(request, found))
    return {"id": found.id, "guid": found.guid, **shown}


def described(
    request: Request, catalogue: Catalogue, version: SchemaVersion, subject: str = ""
) -> dict[str, Any]:
    """A version as the API shows it, under the name by which its subject was asked for."""
    shown: dict[str, Any] = {
        "subject": subject or subject_of(version.type),
        "version": version.version,
        "id": version.id,
    }
    if request.takes_new_fields:
        shown["guid"] = version.guid
    return shown | catalogue.schema(version, resolved=_resolved(request, version))


def _sees_deleted(request: Request) -> bool:
    return request.flag("deleted") or _only_deleted(request)


def _only_deleted(request: Request) -> bool:
    return request.flag("deletedOnly") or request.flag("deleted_only")


def _is_shown(request: Request, is_alive: bool) -> bool:
    return not is_alive if _only_deleted(request) else is_alive or request.flag("deleted")


def _beginning(request: Request, names: list[str]) -> list[str]:
    wanted = prefix(request.query.get("subjectPrefix", ""))
    return [one for one in names if one.startswith(wanted)]


def _with_id(catalogue: Catalogue, text: str) -> list[SchemaVersion]:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Refusal(404, f"HTTP 404 Not Found: {text[:40]!r} is no schema id")
    found = catalogue.with_id(int(text))
    if not found:
        raise no_schema(f"{text} ")
    return found


def _of_subject(
    request: Request, catalogue: Catalogue, found: list[SchemaVersion]
) -> list[SchemaVersion]:
    subject = request.query.get("subject", "")
    type_ = catalogue.type_of(subject) if subject else None
    return [one for one in found if type_ in (None, one.type)]


def _with_id_shown(request: Request, catalogue: Catalogue, number: str) -> list[dict[str, Any]]:
    found = _of_subject(request, catalogue, _with_id(catalogue, number))
    return [
        {"subject": subject_of(one.type), "version": one.version}
        for one in alive(found, deleted=request.flag("deleted"))
    ]


def _resolved(request: Request, version: SchemaVersion) -> bool:
    """Whether an Avro schema is asked for with what it refers to in place."""
    wanted = request.query.get("format", "")
    if version.kind == "avro" and wanted not in ("", "resolved"):
        raise Refusal(422, f"format is {wanted[:40]!r}: expected 'resolved', or none")
    return wanted == "resolved" and version.kind == "avro"
