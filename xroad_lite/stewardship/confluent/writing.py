"""Answers to what changes a subject: registration and retirement.

Writes nothing itself: a ``Steward`` does, where there is one and who asks may write.
"""

from __future__ import annotations

from typing import Any

from xroad_lite.registry import SchemaVersion
from xroad_lite.stewardship.confluent.answers import (
    Refusal,
    Request,
    invalid_schema,
    no_schema,
    not_permitted,
)
from xroad_lite.stewardship.confluent.catalogue import Catalogue, alive, checked_type
from xroad_lite.stewardship.confluent.evolving import findings, mode_of
from xroad_lite.stewardship.confluent.names import subject_of
from xroad_lite.stewardship.confluent.reading import described
from xroad_lite.stewardship.confluent.steward import Steward, allowed, done
from xroad_lite.stewardship.confluent.submitted import Submitted, registered, submitted


class Desk:
    """Where writing is asked for; without a steward everything is refused."""

    def __init__(self, steward: Steward | None) -> None:
        self._steward = steward

    def register(self, request: Request, catalogue: Catalogue, subject: str) -> dict[str, Any]:
        """Register a schema; what is registered is only looked up, by anybody."""
        asked = submitted(request, catalogue)
        known = alive(catalogue.versions.get(catalogue.type_of(subject) or "", []))
        found = registered(known, asked, normalize=request.flag("normalize"))
        if found is None:
            steward = allowed(self._steward, request, subject)
            type_ = checked_type(subject, catalogue)
            _check_place(request, catalogue, type_)
            asked.check(catalogue)
            _check_evolves(catalogue, asked, subject, known)
            catalogue = done(lambda: steward.register(type_, asked))
            found = registered(alive(catalogue.versions[type_]), asked, normalize=False)
            if found is None:
                raise no_schema()
        if not request.takes_new_fields:
            return {"id": found.id}
        return described(request, catalogue, found, subject)

    def retire_subject(self, request: Request, catalogue: Catalogue, subject: str) -> list[int]:
        """Retire every version of a subject."""
        versions = catalogue.of(subject, deleted=True)
        left = alive(versions)
        if request.flag("permanent"):
            if left:
                raise Refusal(40405, f"Subject '{subject[:200]}' was not deleted first")
            raise _never_erased(subject)
        if not left:
            raise Refusal(40404, f"Subject '{subject[:200]}' was soft deleted")
        return self._retire(request, catalogue, subject, left)

    def retire_version(
        self, request: Request, catalogue: Catalogue, subject: str, number: str
    ) -> int:
        """Retire one version."""
        version = catalogue.version(subject, number, deleted=True)
        name = f"Subject '{subject[:200]}' Version {version.version}"
        if request.flag("permanent"):
            if version.status != "retired":
                raise Refusal(40407, f"{name} was not deleted first")
            raise _never_erased(subject)
        if version.status == "retired":
            raise Refusal(40406, f"{name} was soft deleted")
        return self._retire(request, catalogue, subject, [version])[0]

    def _retire(
        self, request: Request, catalogue: Catalogue, subject: str, versions: list[SchemaVersion]
    ) -> list[int]:
        steward = allowed(self._steward, request, subject)
        for version in versions:
            others = [one for one in alive(catalogue.referring(version)) if one not in versions]
            if others:
                raise Refusal(
                    42206,
                    f"One or more references exist to version {version.version}, as of "
                    f"{subject_of(others[0].type)} version {others[0].version}",
                )
        _check_not_needed(catalogue, versions)
        numbers = [one.version for one in versions]
        done(lambda: steward.retire(versions[0].type, numbers))
        return numbers


def _check_place(request: Request, catalogue: Catalogue, type_: str) -> None:
    """Numbers are given here: a client may only say which it expects."""
    body = request.json()
    number, place = body.get("id"), body.get("version")
    if number not in (None, -1, 0):
        raise not_permitted("a schema's id follows from its content: leave id out")
    following = max((one.version for one in catalogue.versions.get(type_, [])), default=0) + 1
    if place not in (None, -1, 0, following):
        raise invalid_schema(f"version is {str(place)[:40]}: expected {following}, or none")


def _check_evolves(
    catalogue: Catalogue, asked: Submitted, subject: str, known: list[SchemaVersion]
) -> None:
    mode = mode_of(catalogue, subject)
    reasons = findings(
        catalogue, asked, known if mode.endswith("_TRANSITIVE") else known[-1:], mode
    )
    if reasons:
        raise _incompatible(subject, mode, reasons)


def _check_not_needed(catalogue: Catalogue, versions: list[SchemaVersion]) -> None:
    """The last version in use is not taken from those who exchange it."""
    type_, snapshot = versions[0].type, catalogue.snapshot
    left = [one for one in alive(catalogue.versions[type_]) if one not in versions]
    if left:
        return
    for agreement in snapshot.agreements:
        if type_ in agreement.types:
            raise not_permitted(
                f"the agreement {snapshot.agreement_iri(agreement)} exchanges {type_}: end it first"
            )
    for member in snapshot.members:
        for subsystem in member.subsystems:
            for service in subsystem.services:
                if type_ in (service.request, service.response):
                    raise not_permitted(
                        f"the service {service.code} of {member.member}/{subsystem.code} exchanges "
                        f"{type_}: take it out first"
                    )


def _incompatible(subject: str, mode: str, reasons: list[str]) -> Refusal:
    shown = "; ".join(reasons[:20]) + (f"; and {len(reasons) - 20} more" * (len(reasons) > 20))
    return Refusal(
        409,
        "Schema being registered is incompatible with an earlier schema for subject "
        f'"{subject[:200]}" ({mode}): {shown}',
    )


def _never_erased(subject: str) -> Refusal:
    return not_permitted(
        f"what was published of {subject[:200]} is evidence and is never erased: it stays retired"
    )
