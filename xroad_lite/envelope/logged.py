"""Seals as a log keeps them, certificates apart: read many at once; verifies no signature.

What stands in the log is what was decoded when the seal arrived, so nothing is decoded again: the
header is read once for all seals that differ at most in its last field, when they were sealed; only
the payload and the signature are new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from xroad_lite.envelope import jws
from xroad_lite.envelope.encoding import encode
from xroad_lite.envelope.header import Header, issued, lengthened, read_header
from xroad_lite.envelope.sealing import Seal, seal_of

_REMEMBERED = 1024
_ISSUED = re.compile(r',"iat":(0|[1-9][0-9]{0,10})}\Z')
"""The end of every header that a node writes: what goes before it holds for any other such end."""


class LoggedSeals:
    """Reads seals from the texts of ``without_certificates``, given DER certificates by digest."""

    def __init__(self, certificates: Mapping[str, bytes]) -> None:
        self._certificates = certificates
        self._headers: dict[str, tuple[bytes, Header]] = {}
        self._beginnings: dict[str, tuple[str, Header]] = {}

    def read(self, header: str, payload: str, signature: str) -> Seal:
        """The seal, as strictly as ``parse_seal`` reads it; ``SealError`` says what is wrong."""
        encoded, read = self._headers.get(header) or self._read_header(header)
        data, end = payload.encode(), signature.encode()
        signing_input = b".".join((encoded, encode(data)))
        token = b".".join((signing_input, end))
        jws.check_size(len(token), jws.SEAL)
        raw = jws.read_signature(end, read.algorithm)
        return seal_of(jws.JWS(token, read, data, signing_input, raw))

    def _read_header(self, short: str) -> tuple[bytes, Header]:
        if len(self._headers) >= _REMEMBERED:
            self._headers.clear()
            self._beginnings.clear()
        end = _ISSUED.search(short)
        known = self._beginnings.get(short[: end.start()]) if end else None
        if end is None or known is None:
            found = self._read_whole(short, end[0] if end else "")
        else:
            encoded = encode(f"{known[0]}{end[0]}".encode())
            found = encoded, issued(known[1], int(end[1]), short)
        self._headers[short] = found
        return found

    def _read_whole(self, short: str, end: str) -> tuple[bytes, Header]:
        text = lengthened(short, self._certificates)
        encoded = encode(text.encode())
        header = read_header(encoded, jws.SEAL.typ, jws.RECEIPT.typ)
        if end:
            self._beginnings[short.removesuffix(end)] = text.removesuffix(end), header
        return encoded, header
