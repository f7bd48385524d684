"""The registry as a catalogue for others: DCAT-AP, AsyncAPI, OpenAPI, and a page for people.

Does not change the registry. The same registry gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from xroad_lite.registry import RegistryFolder, Snapshot, read_source
from xroad_lite.stewardship.catalogue.offers import Catalogue

__all__ = ["FORMS", "Catalogue", "export", "read_catalogue"]


def read_catalogue(path: Path) -> Catalogue:
    """The catalogue of a source directory, or of the newest snapshot that is published there.

    ``RegistryError`` names what is faulty.
    """
    if (path / "metadata").is_dir():
        return Catalogue(RegistryFolder(path).newest())
    return Catalogue(Snapshot.draft(read_source(path)))


def export(catalogue: Catalogue, form: str) -> bytes:
    """The catalogue in one of ``FORMS``, UTF-8."""
    return FORMS[form](catalogue).encode()


def _dcat(catalogue: Catalogue) -> str:
    from xroad_lite.stewardship.catalogue.dcat import turtle

    return turtle(catalogue)


def _jsonld(catalogue: Catalogue) -> str:
    from xroad_lite.stewardship.catalogue.dcat import json_ld

    return json_ld(catalogue)


def _asyncapi(catalogue: Catalogue) -> str:
    from xroad_lite.stewardship.catalogue.asyncapi import asyncapi

    return asyncapi(catalogue)


def _openapi(catalogue: Catalogue) -> str:
    from xroad_lite.stewardship.catalogue.openapi import openapi

    return openapi(catalogue)


def _html(catalogue: Catalogue) -> str:
    from xroad_lite.stewardship.catalogue.html import page

    return page(catalogue)


FORMS: Final[dict[str, Callable[[Catalogue], str]]] = {
    "dcat": _dcat,
    "dcat-jsonld": _jsonld,
    "asyncapi": _asyncapi,
    "openapi": _openapi,
    "html": _html,
}
