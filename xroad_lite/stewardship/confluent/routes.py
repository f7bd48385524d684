"""Which path is answered by what; turns a request into an answer and every refusal into one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xroad_lite.stewardship.confluent import about, evolving, reading, settings
from xroad_lite.stewardship.confluent.answers import Answer, Refusal, Request
from xroad_lite.stewardship.confluent.catalogue import Catalogue
from xroad_lite.stewardship.confluent.names import whole_subject
from xroad_lite.stewardship.confluent.steward import Steward
from xroad_lite.stewardship.confluent.writing import Desk

_Handler = Callable[..., Any]


def answer(request: Request, catalogue: Catalogue, steward: Steward | None) -> Answer:
    """The answer to a request; ``steward`` writes, if there is one. No client can make it raise."""
    try:
        handler, given = _found(request, _routes(steward))
        found = handler(request, catalogue, *given)
    except Refusal as refusal:
        return refusal.answer
    return Answer(found)


def _routes(steward: Steward | None) -> dict[str, dict[str, _Handler]]:
    """By path, by method; ``*`` is any segment."""
    desk, set_up = Desk(steward), settings.Settings(steward)
    return {
        "": {"GET": about.root},
        "subjects": {"GET": reading.subjects},
        "subjects/*": {"POST": reading.lookup, "DELETE": desk.retire_subject},
        "subjects/*/versions": {"GET": reading.versions, "POST": desk.register},
        "subjects/*/versions/*": {"GET": reading.version, "DELETE": desk.retire_version},
        "subjects/*/versions/*/schema": {"GET": reading.version_schema},
        "subjects/*/versions/*/referencedby": {"GET": reading.referring},
        "subjects/*/metadata": {"GET": reading.with_metadata},
        "schemas": {"GET": reading.schemas},
        "schemas/types": {"GET": about.schema_types},
        "schemas/ids/*": {"GET": reading.by_id},
        "schemas/ids/*/schema": {"GET": reading.by_id_schema},
        "schemas/ids/*/subjects": {"GET": reading.by_id_subjects},
        "schemas/ids/*/versions": {"GET": reading.by_id_versions},
        "schemas/guids/*": {"GET": reading.by_guid},
        "compatibility/subjects/*/versions": {"POST": evolving.compatible},
        "compatibility/subjects/*/versions/*": {"POST": evolving.compatible_with},
        "config": {
            "GET": settings.config,
            "PUT": set_up.set_global_config,
            "DELETE": set_up.unset_global_config,
        },
        "config/*": {
            "GET": set_up.subject_config,
            "PUT": set_up.set_config,
            "DELETE": set_up.unset_config,
        },
        "mode": {"GET": set_up.mode, "PUT": set_up.set_mode},
        "mode/*": {"GET": set_up.subject_mode, "PUT": set_up.set_mode, "DELETE": set_up.unset_mode},
        "contexts": {"GET": about.contexts},
        "v1/metadata/id": {"GET": about.server_id},
        "v1/metadata/version": {"GET": about.server_version},
    }


def _found(request: Request, routes: dict[str, dict[str, _Handler]]) -> tuple[_Handler, list[str]]:
    path = whole_subject(request.path)
    for pattern, methods in routes.items():
        wanted = pattern.split("/") if pattern else []
        if len(wanted) == len(path) and all(
            one in ("*", got) and got for one, got in zip(wanted, path, strict=True)
        ):
            method = "GET" if request.method == "HEAD" else request.method
            if method not in methods:
                raise Refusal(405, "HTTP 405 Method Not Allowed", {"Allow": ", ".join(methods)})
            given = [got for one, got in zip(wanted, path, strict=True) if one == "*"]
            return methods[method], given
    raise Refusal(404, "HTTP 404 Not Found")
