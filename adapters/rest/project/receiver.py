"""The Civil Registry's API, for trying the adapter out: prints what is delivered to it."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Takes every POST."""

    def do_POST(self) -> None:
        """Print the body, and say that it is taken."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(self.headers["Idempotency-Key"], body, flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The bodies are enough."""


HTTPServer(("127.0.0.1", int((sys.argv[1:] or ["8801"])[0])), Receiver).serve_forever()
