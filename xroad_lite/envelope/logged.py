"""Seals as a log keeps them, certificates apart: read many at once; verifies no signature.

What stands in the log is what was decoded when the seal arrived, so nothing is decoded again: the
header is read once for all seals that share it, and only the payload and the signature are new.
"""

from __future__ import annotations

from collections.abc import Mapping

from xroad_lite.envelope import jws
from xroad_lite.envelope.encoding import encode
from xroad_lite.envelope.header import Header, lengthened, read_header
from xroad_lite.envelope.sealing import Seal, seal_of

_REMEMBERED = 1024


class LoggedSeals:
    """Reads seals from the texts of ``without_certificates``, given DER certificates by digest."""

    def __init__(self, certificates: Mapping[str, bytes]) -> None:
        self._certificates = certificates
        self._headers: dict[str, tuple[bytes, Header]] = {}

    def read(self, header: str, payload: str, signature: str) -> Seal:
        """The seal, as strictly as ``parse_seal`` reads it; ``SealError`` says what is wrong."""
        found = self._headers.get(header) or self._read_header(header)
        data = payload.encode()
        signing_input = b"%s.%s" % (found[0], encode(data))
        token = b"%s.%s" % (signing_input, signature.encode())
        jws.check_size(len(token), jws.SEAL)
        raw = jws.read_signature(token[len(signing_input) + 1 :], found[1].algorithm)
        signed = jws.JWS(token, found[1], data, signing_input, raw)
        return seal_of(signed)

    def _read_header(self, short: str) -> tuple[bytes, Header]:
        encoded = encode(lengthened(short, self._certificates).encode())
        if len(self._headers) >= _REMEMBERED:
            self._headers.clear()
        found = self._headers[short] = encoded, read_header(encoded, jws.SEAL.typ, jws.RECEIPT.typ)
        return found
