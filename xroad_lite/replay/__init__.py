"""What a log holds, looked at once more: judged as it was then, or as it would be tomorrow.

Delivers nothing to a node.
"""

from __future__ import annotations

from xroad_lite.replay.judging import Difference, Replay, replay_log

__all__ = ["Difference", "Replay", "replay_log"]
