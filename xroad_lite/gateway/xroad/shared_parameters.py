"""``/verificationconf``: who there is, as files of X-Road's global configuration, for its clients.

Scripts that look for members and subsystems begin there. In place of security servers stands the
bus itself, one of each instance, at which every subsystem is. Does not sign: a gateway vouches for
its own answers by TLS, as security servers do, and the registry has signatures of its own.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from xroad_lite.identifiers import MemberId
from xroad_lite.registry import Snapshot
from xroad_lite.registry.models import Member

_SERVER = "bus"
_FOLDER = "verificationconf"


def archive(own: Snapshot, trusted: Iterable[Snapshot]) -> bytes:
    """A ZIP with the identifier of the own instance, and the shared parameters of each."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr(f"{_FOLDER}/instance-identifier", own.instance.instance)
        for one in (own, *trusted):
            name = f"{_FOLDER}/{one.instance.instance}/shared-params.xml"
            files.writestr(name, shared_parameters(one))
    return written.getvalue()


def shared_parameters(snapshot: Snapshot) -> str:
    """``shared-params.xml`` of an instance: its members, their subsystems, and one server."""
    members = list(snapshot.members)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<xrd:conf xmlns:xrd="http://x-road.eu/xsd/xroad.xsd">',
        _element("instanceIdentifier", snapshot.instance.instance),
    ]
    for number, member in enumerate(members):
        lines += _member(number, member)
    if members:
        lines += _server(members, urlsplit(snapshot.instance.base).hostname or _SERVER)
    return "\n".join((*lines, "</xrd:conf>", ""))


def _member(number: int, member: Member) -> Iterator[str]:
    identifier = MemberId.parse(member.member)
    name = member.name.get("en") or next(iter(member.name.values()), member.member)
    class_code = identifier.member_class
    yield f'<member id="id{number}">'
    yield f"<memberClass>{_element('code', class_code)}"
    yield f"{_element('description', class_code)}</memberClass>"
    yield _element("memberCode", identifier.member_code)
    yield _element("name", name)
    for place, one in enumerate(member.subsystems):
        code = _element("subsystemCode", one.code)
        yield f'<subsystem id="id{number}.{place}">{code}</subsystem>'
    yield "</member>"


def _server(members: list[Member], address: str) -> Iterator[str]:
    yield "<securityServer>"
    yield _element("owner", "id0")
    yield _element("serverCode", _SERVER)
    yield _element("address", address)
    for number, member in enumerate(members):
        yield from (
            _element("client", f"id{number}.{one}") for one in range(len(member.subsystems))
        )
    yield "</securityServer>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"
