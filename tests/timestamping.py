"""Time-stamping authorities for one test run, which openssl keeps, over HTTP; holds no test."""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,{purpose}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{distribution}
[ca]
default_ca = lists
[lists]
database = {folder}/index.txt
default_md = sha256
default_crl_days = 2
private_key = {folder}/root.key
certificate = {folder}/root.pem
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256, sha512
accuracy = secs:1, millisecs:500
ordering = yes
ess_cert_id_alg = sha256
"""


class TestAuthority:
    """Answers time-stamp queries with ``openssl ts``, under a root of its own."""

    __test__ = False

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "Test TSA",
        purpose: str = "timeStamping",
        lists: str | None = None,
    ) -> None:
        """``lists`` is the address at which its certificate says that revocations are told."""
        folder.mkdir(parents=True)
        self._alone = threading.Lock()
        self._folder = folder
        self._config = folder / "openssl.cnf"
        told = f"crlDistributionPoints = URI:{lists}" if lists else ""
        self._config.write_text(
            _CONFIG.format(folder=folder, name=name, purpose=purpose, distribution=told)
        )
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self._run("req", "-x509", *curve, "-keyout", "root.key", "-out", "root.pem",
                  "-days", "30", "-extensions", "root")  # fmt: skip
        self._run("req", *curve, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", f"/CN={name} 1")
        self._run("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key",
                  "-out", "tsa.pem", "-days", "20", "-extfile", "openssl.cnf",
                  "-extensions", "leaf", "-CAcreateserial")  # fmt: skip

    @property
    def root(self) -> Path:
        """The root certificate, PEM."""
        return self._folder / "root.pem"

    def answer(self, query: bytes) -> bytes:
        """The answer to a query, DER."""
        with self._alone:
            (self._folder / "query.tsq").write_bytes(query)
            self._run("ts", "-reply", "-queryfile", "query.tsq", "-out", "answer.tsr")
            return (self._folder / "answer.tsr").read_bytes()

    def revoke(self) -> None:
        """Revoke its certificate."""
        self._run("ca", "-revoke", "tsa.pem")

    def revocation_list(self) -> bytes:
        """Its list of revocations of now, DER."""
        self._run("ca", "-gencrl", "-out", "list.pem")
        self._run("crl", "-in", "list.pem", "-outform", "DER", "-out", "list.crl")
        return (self._folder / "list.crl").read_bytes()

    def _run(self, command: str, *words: str) -> None:
        configured = [] if command in ("x509", "crl") else ["-config", str(self._config)]
        subprocess.run(
            ["openssl", command, *words, *configured],
            cwd=self._folder, check=True, capture_output=True, timeout=30,
        )  # fmt: skip


class StampingServer:
    """An authority over HTTP on loopback, that can be made to misbehave; ``url`` names it."""

    def __init__(self, authority: TestAuthority | None = None) -> None:
        self.authority = authority
        self.behaviour = "well"
        """well, away (503), moved, endless, garbage, or slow."""
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked += 1
                query = self.rfile.read(int(self.headers["Content-Length"]))
                outer._answer(self, query)

            def do_GET(self) -> None:
                found = outer.files.get(self.path)
                self.send_response(200 if found else 404)
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *_: object) -> None:
                pass

        self.files: dict[str, bytes] = {}
        """What a GET finds, by path: lists of revocations."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.address}/stamp"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _answer(self, handler: BaseHTTPRequestHandler, query: bytes) -> None:
        codes = {"away": 503, "moved": 302}
        handler.send_response(codes.get(self.behaviour, 200))
        handler.send_header("Content-Type", "application/timestamp-reply")
        if self.behaviour == "moved":
            handler.send_header("Location", self.url)
        handler.end_headers()
        with suppress(OSError):  # the asker has gone
            if self.behaviour == "well" and self.authority is not None:
                handler.wfile.write(self.authority.answer(query))
            elif self.behaviour == "garbage":
                handler.wfile.write(b"\x30\x03\x02\x01\x00")
            elif self.behaviour == "endless":
                while True:
                    handler.wfile.write(b"x" * 65_536)
            elif self.behaviour == "slow":
                for _ in range(3000):
                    handler.wfile.write(b"x")
                    handler.wfile.flush()
                    time.sleep(0.01)

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
