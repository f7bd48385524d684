"""A small security server for trying the adapter out: one service, X-Road's headers, its errors.

    python security_server.py [port]

Not X-Road: it checks no certificate, signs nothing and asks nobody.
"""

import base64
import hashlib
import json
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote, urlsplit

SERVICE = "DEMO/GOV/POPULATION/persons/by-code"
PEOPLE = {
    "EX-1": {"id": "B-2026-0001", "born": "2026-03-14", "given": ["Elena", "Sofía"]},
    "EX/2 ñ": {"id": "B-2026-0002", "born": "2026-03-15", "given": ["Tomás"]},
}


class Server(BaseHTTPRequestHandler):
    """Answers ``GET /r1/{SERVICE}/persons/{code}``."""

    def do_GET(self) -> None:
        """One request, as X-Road's REST protocol has it."""
        raw = urlsplit(self.path).path.split("/")[1:]
        path = [unquote(one) for one in raw]
        client = self.headers.get("X-Road-Client", "")
        if path[0] != "r1" or len(path) < 6:
            return self.fault("client.clientproxy.bad_request", "malformed path")
        if not client:
            return self.fault("client.clientproxy.missing_header", "X-Road-Client is missing")
        if len(client.split("/")) not in (3, 4):
            return self.fault("client.clientproxy.invalid_client_identifier", client)
        if "/".join(path[1:6]) != SERVICE:
            return self.fault("server.serverproxy.unknown_service", "/".join(path[1:6]))
        person = PEOPLE.get(path[7]) if path[6:7] == ["persons"] and len(path) == 8 else None
        if person is None:
            return self.say(404, {"error": "nobody has this code"}, self.answered(client))
        return self.say(200, person, self.answered(client))

    def answered(self, client: str) -> dict[str, str]:
        """The headers of an answer."""
        head = f"GET\r\n{self.path}\r\n" + "".join(f"{a}:{b}\r\n" for a, b in self.headers.items())
        digest = hashlib.sha512(hashlib.sha512(head.encode("latin-1")).digest()).digest()
        return {
            "x-road-id": self.headers.get("X-Road-Id") or f"DEMO-{uuid.uuid4()}",
            "x-road-client": client,
            "x-road-service": quote(SERVICE),
            "x-road-request-id": str(uuid.uuid4()),
            "x-road-request-hash": base64.b64encode(digest).decode(),
        }

    def fault(self, kind: str, text: str) -> None:
        """An error of X-Road's own."""
        document = {"type": kind, "message": text, "detail": str(uuid.uuid4())}
        self.say(500 if kind.startswith("server.") else 400, document, {"X-Road-Error": kind})

    def say(self, status: int, document: object, headers: dict[str, str]) -> None:
        """Answer in JSON."""
        data = json.dumps(document).encode()
        self.send_response(status)
        for name, value in (headers | {"Content-Type": "application/json;charset=utf-8"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    port = int((sys.argv[1:] or ["8080"])[0])
    ThreadingHTTPServer(("127.0.0.1", port), Server).serve_forever()
