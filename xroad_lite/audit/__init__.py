"""Evidence judged: was it sealed by who might, under which registry, and what proves when?

Does not deliver or change anything. Bundles are verified from their bytes alone: whatever is in
them, only our own errors come out, and each is told by the check that found it.
"""

from __future__ import annotations

from xroad_lite.audit.report import Check, Report

__all__ = ["Check", "Report"]
