"""A YAML file read into a model of settings, with errors that say file and field.

Does not know which settings there are: a node's and a gateway's are two such models.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from xroad_lite.errors import ConfigurationError, RegistryError
from xroad_lite.registry.documents import faults, read_yaml


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
            first = next(faults(error))
            near = get_close_matches(str(first.at[0] if first.at else ""), cls.model_fields, 1)
            unknown = first.at and first.at[0] not in cls.model_fields
            raise ConfigurationError(
                "config.field",
                f"{origin}: {first.problem}",
                hint=f"did you mean {near[0]}?" if unknown and near else "",
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
