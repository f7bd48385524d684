"""What stewards and operators run: certificates for an instance, publication, cross-checks.

Does not exchange messages: ``node`` does.
"""

from __future__ import annotations

from xroad_lite.stewardship.authority import Authority, Identity
from xroad_lite.stewardship.broker import routes
from xroad_lite.stewardship.checking import Finding, check_registry, check_source
from xroad_lite.stewardship.development import DevelopmentInstance
from xroad_lite.stewardship.publication import (
    bundled_files,
    delegate_domain,
    publish,
    publish_whole,
    refresh,
    rotate_keys,
)
from xroad_lite.stewardship.repository import Outcome, Repository
from xroad_lite.stewardship.signing import RoleKeys, make_role_key, read_public

__all__ = [
    "Authority",
    "DevelopmentInstance",
    "Finding",
    "Identity",
    "Outcome",
    "Repository",
    "RoleKeys",
    "bundled_files",
    "check_registry",
    "check_source",
    "delegate_domain",
    "make_role_key",
    "publish",
    "publish_whole",
    "read_public",
    "refresh",
    "rotate_keys",
    "routes",
]
