"""Signing keys by address, certificates, chains and their revocation; not who may sign for whom.

A name in a certificate proves nothing here: which certificate speaks for which subsystem is the
registry's to say (check 3), by the SHA-256 of the certificate.
"""

from __future__ import annotations

from xroad_lite.keys.certificates import (
    Certificate,
    algorithm_of,
    base64url,
    read_any_certificate,
    read_certificate,
    read_certificates,
    thumbprint,
    to_pem,
)
from xroad_lite.keys.chains import Path, Trust
from xroad_lite.keys.installing import check_answer
from xroad_lite.keys.keyring import Keyring, Pair
from xroad_lite.keys.passphrases import passphrase_from
from xroad_lite.keys.requests import (
    CertificateRequest,
    make_request,
    named_subsystems,
    read_request,
)
from xroad_lite.keys.revocations import RevocationList, Revoked, read_revocation_list
from xroad_lite.keys.signers import (
    P256_ORDER,
    KeySigner,
    PrivateKey,
    PublicKey,
    Secret,
    Signer,
    new_key,
    open_key,
    open_signer,
    write_private,
)

__all__ = [
    "P256_ORDER",
    "Certificate",
    "CertificateRequest",
    "KeySigner",
    "Keyring",
    "Pair",
    "Path",
    "PrivateKey",
    "PublicKey",
    "RevocationList",
    "Revoked",
    "Secret",
    "Signer",
    "Trust",
    "algorithm_of",
    "base64url",
    "check_answer",
    "make_request",
    "named_subsystems",
    "new_key",
    "open_key",
    "open_signer",
    "passphrase_from",
    "read_any_certificate",
    "read_certificate",
    "read_certificates",
    "read_request",
    "read_revocation_list",
    "thumbprint",
    "to_pem",
    "write_private",
]
