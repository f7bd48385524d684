"""A YAML file read into a model of settings, with errors that say file and field.

Does not know which settings there are: a node's and a gateway's are two such models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from xroad_lite.errors import ConfigurationError, RegistryError
from xroad_lite.registry.documents import read_yaml


class FileSettings(BaseModel):
    """Settings of one folder: paths in them are relative to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path

    @classmethod
    def of(cls, folder: Path, values: dict[str, Any], origin: str = "settings") -> Self:
        """Settings from a mapping; ``ConfigurationError`` names the field that is wrong."""
        try:
            return cls.model_validate({**values, "folder": folder})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(step) for step in first["loc"])
            raise ConfigurationError(
                "config.field", f"{origin}: {field}: {first['msg']} (got {first['input']!r:.80})"
            ) from None

    def path(self, name: str) -> Path:
        """A path of these settings, made absolute."""
        return self.folder / name


def read_mapping(file: Path, hint: str) -> dict[str, Any]:
    """What a settings file holds; ``ConfigurationError``, with ``hint`` if it is not there."""
    try:
        found = read_yaml(str(file), file.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            "config.missing", f"cannot read {file}: {error.strerror}", hint=hint
        ) from None
    except RegistryError as error:
        raise ConfigurationError("config.file", error.message) from None
    if not isinstance(found, dict):
        raise ConfigurationError("config.file", f"{file} is not a YAML mapping")
    return found
