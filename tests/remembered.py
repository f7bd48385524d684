"""What a run finds out once, though a thousand nodes of its tests ask again; holds no test.

All of it is a function of its arguments alone, and what comes out is not shared.
"""

from __future__ import annotations

import pickle
from functools import cache, lru_cache
from typing import Any

import typer.testing
from securesystemslib import formats

from xroad_lite.registry import yaml_values

_SMALL = 65_536
_read = yaml_values.read


@lru_cache(maxsize=4096)
def _pickled(data: bytes, parser: object) -> bytes:
    return pickle.dumps(_read(data))


def _read_again(data: bytes, places: yaml_values.Places | None = None) -> Any:
    if places is not None or len(data) > _SMALL:
        return _read(data, places)
    return pickle.loads(_pickled(data, yaml_values._EVENTS))


def remember() -> None:
    """Read the same YAML once, and so the names in TUF's metadata and the program's commands."""
    yaml_values.read = _read_again
    formats._canonical_string_encoder = lru_cache(maxsize=65_536)(formats._canonical_string_encoder)
    typer.testing._get_command = cache(typer.testing._get_command)
