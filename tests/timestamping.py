"""A time-stamping authority for one test run, which openssl keeps; holds no test."""

from __future__ import annotations

import subprocess
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

    def __init__(self, folder: Path, *, name: str = "Test TSA", purpose: str = "timeStamping"):
        folder.mkdir(parents=True)
        self._folder = folder
        self._config = folder / "openssl.cnf"
        self._config.write_text(_CONFIG.format(folder=folder, name=name, purpose=purpose))
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
        (self._folder / "query.tsq").write_bytes(query)
        self._run("ts", "-reply", "-queryfile", "query.tsq", "-out", "answer.tsr")
        return (self._folder / "answer.tsr").read_bytes()

    def _run(self, command: str, *words: str) -> None:
        configured = [] if command == "x509" else ["-config", str(self._config)]
        subprocess.run(
            ["openssl", command, *words, *configured],
            cwd=self._folder, check=True, capture_output=True, timeout=30,
        )  # fmt: skip
