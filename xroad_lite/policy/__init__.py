"""May this message pass? Decides by one agreement of one snapshot, and says why; deny by default.

Does not read clocks or the seal: the exchange says who sends what, when and for which purpose.
"""

from __future__ import annotations

from xroad_lite.envelope import RECEIPT_TYPE
from xroad_lite.policy.deciding import Step, decide, explain
from xroad_lite.policy.finding import Found, LeftOut, decide_all, find, projection
from xroad_lite.policy.near import Explained, explain_all, operation_of
from xroad_lite.policy.rules import ERROR_TYPE, PUBLISH, RECEIPT, REPLY, REQUEST, Call, Movement
from xroad_lite.policy.rules import endpoint_of as endpoint_of

__all__ = [
    "ERROR_TYPE",
    "PUBLISH",
    "RECEIPT",
    "RECEIPT_TYPE",
    "REPLY",
    "REQUEST",
    "Call",
    "Explained",
    "Found",
    "LeftOut",
    "Movement",
    "Step",
    "decide",
    "decide_all",
    "endpoint_of",
    "explain",
    "explain_all",
    "find",
    "operation_of",
    "projection",
]
