"""Name constraints of authorities (RFC 5280, section 4.2.1.10); knows nothing of signatures.

Kinds of names: directory names, DNS names, mail addresses, URIs and IP addresses. A constraint on
another kind refuses every name of that kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

_KINDS = (
    x509.DirectoryName,
    x509.DNSName,
    x509.RFC822Name,
    x509.UniformResourceIdentifier,
    x509.IPAddress,
)
_MAX_COMPARISONS = 100_000
"""Names times constraints: beyond it a certificate is refused, not compared."""


def outside(certificate: x509.Certificate, constraints: x509.NameConstraints) -> str | None:
    """The first name of a certificate that its authority's constraints do not allow, or None."""
    permitted = list(constraints.permitted_subtrees or ())
    excluded = list(constraints.excluded_subtrees or ())
    names = list(_names(certificate))
    if len(names) * (len(permitted) + len(excluded)) > _MAX_COMPARISONS:
        return f"more names than can be compared ({len(names)})"
    for name in names:
        inside = [one for one in permitted if type(one) is type(name)]
        without = [one for one in excluded if type(one) is type(name)]
        known = isinstance(name, _KINDS)
        allowed = not inside or (known and any(_within(name, one) for one in inside))
        if not allowed or any(not known or _within(name, one) for one in without):
            return f"{type(name).__name__} {_shown(name)}"
    return None


def _names(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    """All names of the subject; a mail address in its directory name counts as one too."""
    if certificate.subject.rdns:
        yield x509.DirectoryName(certificate.subject)
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        yield from alternative.value
    except x509.ExtensionNotFound:
        for mail in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
            yield x509.RFC822Name(str(mail.value))


def _within(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    """Whether ``name`` lies in the subtree below ``base``, both of one kind."""
    given, root = name.value, base.value
    if isinstance(given, x509.Name) and isinstance(root, x509.Name):
        return _rdns(given)[: len(root.rdns)] == _rdns(root)
    if isinstance(name, x509.IPAddress):
        return ip_address(str(given)) in ip_network(str(root))
    given, root = str(given).lower(), str(root).lower()
    if isinstance(name, x509.DNSName):
        return not root or given == root or given.endswith("." + root.lstrip("."))
    if isinstance(name, x509.RFC822Name) and "@" in root:
        return given == root
    host = given.rpartition("@")[2] if isinstance(name, x509.RFC822Name) else _host(given)
    return host.endswith(root) if root.startswith(".") else host == root


def _host(uri: str) -> str:
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


def _rdns(name: x509.Name) -> list[frozenset[tuple[str, str]]]:
    """For comparison: case and inner spaces do not count (RFC 5280, section 7.1)."""
    return [
        frozenset(
            (one.oid.dotted_string, " ".join(str(one.value).casefold().split())) for one in rdn
        )
        for rdn in name.rdns
    ]


def _shown(name: x509.GeneralName) -> str:
    value = name.value
    return (value.rfc4514_string() if isinstance(value, x509.Name) else str(value))[:100]
