"""Subjects as Confluent's clients name them, and the message types that they mean.

A subject is ``domain/name``. ``domain.name`` is taken too, since a topic's name cannot hold a
slash, and ``-value``, which the clients' default strategy puts behind a topic's name, falls off
where no type has that very name. ``-key`` stays: a key has a schema of its own. Does not know HTTP.
"""

from __future__ import annotations

from collections.abc import Container

from xroad_lite.errors import IdentifierError
from xroad_lite.identifiers import MessageType

_VALUE = "-value"
_DEFAULT_CONTEXT, _ALL_CONTEXTS = ":.:", ":*:"
_AFTER_A_SUBJECT = ("versions", "metadata")
_BEFORE_A_SUBJECT = (("subjects",), ("compatibility", "subjects"), ("config",), ("mode",))


def message_type(subject: str, known: Container[str]) -> str | None:
    """The type that a subject means, among those known or new; None where it is no name at all."""
    subject = subject.removeprefix(_DEFAULT_CONTEXT)
    types = [_parsed(subject), _parsed(subject.removesuffix(_VALUE))]
    return next((one for one in types if one is not None and one in known), types[-1])


def subject_of(type_: str) -> str:
    """The subject of a message type."""
    return type_.replace(".", "/", 1)


def prefix(text: str) -> str:
    """What the names of subjects begin with, without the contexts that are not kept here."""
    return text.removeprefix(_DEFAULT_CONTEXT).removeprefix(_ALL_CONTEXTS)


def whole_subject(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path with its subject in one segment, also where a client did not encode the slash."""
    for before in _BEFORE_A_SUBJECT:
        at = len(before)
        if path[:at] == before and len(path) > at + 1:
            domain, name = path[at : at + 2]
            if "/" not in domain and "." not in domain and name not in _AFTER_A_SUBJECT:
                return (*before, f"{domain}/{name}", *path[at + 2 :])
    return path


def _parsed(text: str) -> str | None:
    try:
        return str(MessageType.parse(text.replace("/", ".", 1)))
    except IdentifierError:
        return None
