"""X-Road's message protocol for REST, on both sides: consumers ask, providers are called.

Does not decide who may call: agreements do, in the node.
"""

from __future__ import annotations
