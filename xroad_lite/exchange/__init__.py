"""The pure pipeline, out and in: bytes, snapshots and the time come in, verdicts and seals go out.

Does no input or output, so live traffic and an audit ten years later run this same code. The order
of the checks is written once, in ``checks``.
"""

from __future__ import annotations

from xroad_lite.exchange.compiled import check_readable, give_vocabulary
from xroad_lite.exchange.identity import check_own
from xroad_lite.exchange.incoming import read_again, receive
from xroad_lite.exchange.judgement import (
    NAMES,
    NOBODY,
    Awaited,
    Judgement,
    Memory,
    OpenRequest,
    Outcome,
    Receiving,
    Result,
    Verdict,
)
from xroad_lite.exchange.outgoing import Draft, Ready, check_ready, prepare, seal_ready
from xroad_lite.exchange.wire_prefix import PREFIX_NOT_ASKED

__all__ = [
    "NAMES",
    "NOBODY",
    "PREFIX_NOT_ASKED",
    "Awaited",
    "Draft",
    "Judgement",
    "Memory",
    "OpenRequest",
    "Outcome",
    "Ready",
    "Receiving",
    "Result",
    "Verdict",
    "check_own",
    "check_readable",
    "check_ready",
    "give_vocabulary",
    "prepare",
    "read_again",
    "receive",
    "seal_ready",
]
