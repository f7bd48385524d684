"""A TCP proxy on loopback that goes wrong on demand; holds no test."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self


class Proxy:
    """Passes bytes between whoever connects and ``target``, until told otherwise.

    ``hold_replies`` keeps back what the broker says, ``delay`` (seconds) slows each piece down,
    ``refuse`` closes new connections at once.
    """

    def __init__(self, target: int) -> None:
        self.hold_replies = False
        self.refuse = False
        self.delay = 0.0
        self._target = target
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The administrator's address, by way of this proxy."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    @property
    def connections(self) -> int:
        """How many connections were made since the last cut."""
        return len(self._pairs)

    def cut(self) -> None:
        """Reset all connections; bytes that are on the way are gone."""
        for pair in self._take():
            for one in pair:
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                    one.shutdown(socket.SHUT_RDWR)
                    one.close()

    def half_close(self) -> None:
        """End the direction from the broker to the client; the other stays open."""
        for client, _ in list(self._pairs):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_WR)

    def _take(self) -> list[tuple[socket.socket, socket.socket]]:
        pairs, self._pairs = self._pairs, []
        return pairs

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refuse:
                    client.close()
                    continue
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self._pairs.append((client, server))
        for source, sink, reply in ((client, server, False), (server, client, True)):
            threading.Thread(target=self._pass, args=(source, sink, reply), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, reply: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(self.delay)
                while reply and self.hold_replies and source.fileno() >= 0:
                    time.sleep(0.01)
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.hold_replies = False
        self.cut()
