"""Certificate requests (PKCS#10) that name a subsystem, and what certificates say of one.

The identifier stands in a subject alternative name, ``xroad:CL/GOV/CIVIL/births``, percent-encoded;
the readable parts of the subject are for people. A name in a certificate proves nothing: it only
catches mistakes before the registry lists the certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from xroad_lite.errors import IdentifierError, KeysError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.keys.certificates import MALFORMED, algorithm_of
from xroad_lite.keys.signers import PrivateKey, PublicKey

_SCHEME = "xroad:"
_MAX_REQUEST_BYTES = 65_536
_MAX_NAME = 64
"""Characters of a name's attribute (RFC 5280, appendix A): it is for people, so it is cut."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """For whom, and for which key; whoever made it has that key."""

    subsystem: SubsystemId
    key: PublicKey


def make_request(key: PrivateKey, subsystem: SubsystemId) -> bytes:
    """A request in PEM for a certificate of ``key`` that speaks for ``subsystem`` (RFC 2986)."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject_of(subsystem))
    builder = builder.add_extension(alternative_name(subsystem), critical=False)
    digest = hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None
    return builder.sign(key, digest).public_bytes(serialization.Encoding.PEM)


def read_request(data: bytes) -> CertificateRequest:
    """Read a request, PEM or DER, that is signed by its own key; ``KeysError`` if it is none."""
    if len(data) > _MAX_REQUEST_BYTES:
        raise KeysError("keys.request", f"a request of {len(data)} bytes: at most 64 KiB")
    load = x509.load_pem_x509_csr if b"-----BEGIN" in data else x509.load_der_x509_csr
    try:
        parsed = load(data)
        key, signed = parsed.public_key(), parsed.is_signature_valid
        identifiers = _identifiers(parsed.extensions)
    except MALFORMED as error:
        raise KeysError("keys.request", f"not a certificate request: {error}") from None
    algorithm_of(key)
    assert isinstance(key, PublicKey)
    if not signed:
        raise KeysError("keys.request", "the request is not signed by the key that it names")
    if len(identifiers) != 1:
        raise KeysError(
            "keys.request",
            f"the request names {len(identifiers) or 'no'} subsystems: expected one, as the "
            f"alternative name {_SCHEME}CL/GOV/CIVIL/births",
            hint="make it with: xroad-lite keys csr, or say for whom with: ca issue --csr FILE",
        )
    return CertificateRequest(identifiers[0], key)


def named_subsystems(certificate: x509.Certificate) -> list[SubsystemId]:
    """The subsystems that a certificate names in our form; other authorities name none."""
    try:
        return _identifiers(certificate.extensions)
    except MALFORMED as error:
        raise KeysError("keys.certificate", f"not a usable X.509 certificate: {error}") from None


def subject_of(subsystem: SubsystemId) -> x509.Name:
    """The readable name: member and subsystem, as far as they go."""
    named = (
        (NameOID.ORGANIZATION_NAME, subsystem.member_code),
        (NameOID.COMMON_NAME, subsystem.subsystem_code),
    )
    return x509.Name([x509.NameAttribute(oid, text[:_MAX_NAME]) for oid, text in named])


def alternative_name(subsystem: SubsystemId) -> x509.SubjectAlternativeName:
    """The identifier, whole."""
    uri = _SCHEME + quote(str(subsystem), safe="/")
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])


def _identifiers(extensions: x509.Extensions) -> list[SubsystemId]:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    ours = [uri for uri in uris if uri.startswith(_SCHEME)]
    try:
        return [SubsystemId.parse(unquote(uri.removeprefix(_SCHEME))) for uri in ours]
    except IdentifierError as error:
        raise ValueError(error.message) from None
