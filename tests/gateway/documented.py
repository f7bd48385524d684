"""A gateway's answers held against an OpenAPI document by schemathesis; holds no test."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from pairs import Running

OF_OTHERS = (502, 503, 504)
"""What says that somebody else failed: documented, and no failure of the gateway's own."""
BRIEFLY = settings(
    max_examples=int(os.environ.get("XROAD_LITE_SOAK_HTTP", "3")),
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def tried(schema: Any, running: Running, change: Callable[[Any], None], skip: str = "/none") -> int:
    """Ask rightly and wrongly for all operations but those whose path ends so; gives their number.

    Each case is changed first. No answer may be a server error, or undocumented.
    """
    from schemathesis import GenerationMode, checks  # half a second for each that collects tests
    from schemathesis.specs.openapi import checks as documented

    held = [documented.status_code_conformance, documented.content_type_conformance]
    held.append(documented.response_schema_conformance)
    count = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith(skip):
            continue
        count += 1

        @BRIEFLY
        def check(case: Any) -> None:
            change(case)
            answer = case.call(base_url=running.url, timeout=30)
            own = () if answer.status_code in OF_OTHERS else (checks.not_a_server_error,)
            case.validate_response(answer, checks=(*own, *held))

        given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))(check)()
        with suppress(Unsatisfiable):  # where nothing can be asked for wrongly
            given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))(check)()
    assert '"bug"' not in running.log.read_text()
    return count
