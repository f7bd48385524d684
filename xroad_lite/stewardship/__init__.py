"""What stewards and operators run: certificates for an instance, publication, cross-checks.

Does not exchange messages: ``node`` does.
"""

from __future__ import annotations

from xroad_lite.stewardship.authority import Authority, Identity
from xroad_lite.stewardship.broker import routes
from xroad_lite.stewardship.checking import Finding, check_registry, check_source
from xroad_lite.stewardship.development import DevelopmentInstance
from xroad_lite.stewardship.publication import bundled_files, publish

__all__ = [
    "Authority",
    "DevelopmentInstance",
    "Finding",
    "Identity",
    "bundled_files",
    "check_registry",
    "check_source",
    "publish",
    "routes",
]
