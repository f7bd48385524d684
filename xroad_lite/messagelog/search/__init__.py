"""Finds messages of a log by id, type, party, subject, time and verdict, and counts them.

Does not change the log: what it needs it keeps in a file of its own, made of the entries.
"""

from __future__ import annotations

from xroad_lite.messagelog.search.index import Index
from xroad_lite.messagelog.search.query import Criteria, Found, Page, search
from xroad_lite.messagelog.search.statistics import Statistics, statistics

__all__ = ["Criteria", "Found", "Index", "Page", "Statistics", "search", "statistics"]
