"""Where the commands for vocabularies find schemas and words. Does not check what it reads."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xroad_lite import strict_json
from xroad_lite.errors import ConfigurationError, SemanticsError

if TYPE_CHECKING:
    from xroad_lite.semantics.catalogue import Catalogue

_FOLDERS = ("schemas", "vocabularies")

Source = Annotated[
    Path | None,
    typer.Option(
        "--source",
        "-s",
        help="A folder with schemas/ and vocabularies/. Default: the present one, if it has them; "
        "else what comes with the package.",
        envvar="XROAD_LITE_SOURCE",
    ),
]


def catalogue(source: Path | None) -> Catalogue:
    """The schemas and vocabularies of ``--source``; the same files are read once in a process."""
    return _read(tuple(sorted(files_of(source).items())))


@lru_cache(maxsize=2)
def _read(files: tuple[tuple[str, bytes], ...]) -> Catalogue:
    from xroad_lite.semantics.catalogue import Catalogue

    return Catalogue(dict(files))


def files_of(source: Path | None) -> dict[str, bytes]:
    """The files below ``schemas/`` and ``vocabularies/``, by relative path."""
    from xroad_lite.registry import read_source
    from xroad_lite.stewardship.publication import bundled_files

    if source is None and not all(Path(name).is_dir() for name in _FOLDERS):
        return bundled_files()
    root = source or Path()
    found = {
        f"{name}/{path}": data
        for name in _FOLDERS
        if (root / name).is_dir()
        for path, data in read_source(root / name).items()
    }
    if not found:
        raise ConfigurationError(
            "config.source",
            f"{root} has neither schemas/ nor vocabularies/",
            hint="name the registry's source directory",
        )
    return found


def schema_named(found: Catalogue, text: str) -> tuple[str, Any]:
    """Name and document of a schema: one of the catalogue, or a file of its own."""
    path = Path(text)
    if path.suffix in (".json", ".avsc") and path.is_file():
        try:
            return path.name, strict_json.loads(path.read_bytes())
        except ValueError as error:
            raise SemanticsError("semantics.schema", f"{path} is not JSON: {error}") from None
    name = found.schema_name(text)
    return name, found.document(name)
