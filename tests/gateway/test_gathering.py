"""What a server writes apart goes out together, in order, and none of it is kept too long."""

from __future__ import annotations

import asyncio

from xroad_lite.gateway.gathering import Gathered


class _Seen(asyncio.Transport):
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.told.append(bytes(data))

    def close(self) -> None:
        self.told.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.told


def told(*pieces: bytes | str | None) -> list[bytes | str]:
    """What a connection is told of pieces that are written; None is the loop's next turn."""

    async def main() -> list[bytes | str]:
        seen = _Seen()
        gathered = Gathered(seen, asyncio.get_running_loop())
        for one in pieces:
            if one is None:
                await asyncio.sleep(0)
            elif isinstance(one, bytes):
                gathered.write(one)
            else:
                gathered.close()
                assert gathered.is_closing()
        await asyncio.sleep(0)
        return seen.told

    return asyncio.run(main())


def test_what_is_written_in_one_turn_is_one_write() -> None:
    """Head and content leave together; what comes a turn later, for itself."""
    assert told(b"head", b"content", None, b"more") == [b"headcontent", b"more"]


def test_closing_sends_first() -> None:
    """Nothing that was written is lost, and nothing is sent twice."""
    assert told(b"head", b"content", "close") == [b"headcontent", "closed"]
    assert told("close") == ["closed"]


def test_much_does_not_wait() -> None:
    """Who writes without a pause is told to pause by the connection, which must see it for that."""
    piece = b"x" * 40_000
    assert told(b"head", *[piece] * 5) == [b"head" + piece * 2, piece * 2, piece]
