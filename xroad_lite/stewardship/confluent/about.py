"""Answers to what is asked about the server itself: kinds of schemas, contexts, names, versions."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from xroad_lite.stewardship.confluent.answers import Request
from xroad_lite.stewardship.confluent.catalogue import SCHEMA_TYPES, Catalogue


def schema_types(_: Request, __: Catalogue) -> list[str]:
    """The kinds of schemas that can be registered."""
    return sorted(SCHEMA_TYPES.values(), reverse=True)


def contexts(_: Request, __: Catalogue) -> list[str]:
    """There is one context, the default."""
    return ["."]


def server_id(_: Request, catalogue: Catalogue) -> dict[str, Any]:
    """The instance, in the place of a Kafka cluster."""
    instance = catalogue.snapshot.instance.instance
    return {
        "id": instance,
        "scope": {"path": [], "clusters": {"schema-registry-cluster": instance}},
    }


def server_version(_: Request, __: Catalogue) -> dict[str, str]:
    """The version of this package."""
    return {"version": metadata.version("xroad-lite"), "commitId": ""}


def root(_: Request, __: Catalogue) -> dict[str, str]:
    """That it is alive."""
    return {}
