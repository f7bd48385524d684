"""Confluent Schema Registry's REST API over a registry's snapshot: request in, answer out.

Does not listen, authenticate or write: ``stewardship.serving`` does, and hands in who may write.
"""

from __future__ import annotations

from xroad_lite.stewardship.confluent.answers import Answer, Refusal, Request
from xroad_lite.stewardship.confluent.catalogue import Catalogue
from xroad_lite.stewardship.confluent.routes import answer
from xroad_lite.stewardship.confluent.steward import Steward

__all__ = ["Answer", "Catalogue", "Refusal", "Request", "Steward", "answer"]
