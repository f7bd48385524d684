"""A published registry over HTTP: its files for nodes, and Confluent's API for everybody else.

Does not decide what is answered: ``stewardship.confluent`` does. Needs the extra ``server``.
"""

from __future__ import annotations

from xroad_lite.stewardship.serving.credentials import Credentials
from xroad_lite.stewardship.serving.newest import Newest
from xroad_lite.stewardship.serving.writer import Writer

__all__ = ["Credentials", "Newest", "Writer"]
