"""What one node is configured by: ``node.yaml``; does not open anything it names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

from xroad_lite.errors import ConfigurationError
from xroad_lite.keys import Keyring, passphrase_from
from xroad_lite.keys.passphrases import DEFAULT
from xroad_lite.node.settings_file import FileSettings, read_mapping
from xroad_lite.registry import RegistryClient
from xroad_lite.registry.trusted import MAX_TRUSTED_BYTES
from xroad_lite.transports import MAX_BODY_BYTES

FILE_NAME = "node.yaml"
PREFIX = "XROAD_LITE_"


class Retry(BaseModel):
    """How often a failing handler is tried: waits grow from ``first`` seconds by ``factor``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: int = Field(default=5, ge=1)
    first: float = Field(default=0.2, ge=0)
    factor: float = Field(default=4.0, ge=1)


class Checkpoints(BaseModel):
    """When the log is signed: after so many entries, or seconds after the first that is not yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: int = Field(default=10_000, ge=1)
    seconds: float = Field(default=60.0, gt=0)


class Stamps(BaseModel):
    """How often, in seconds, a log that grew is stamped; how long one authority is waited for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=60.0, gt=0)
    patience: float = Field(default=10.0, gt=0)


class Witnesses(BaseModel):
    """How often, in seconds, a log that grew is shown to witnesses, and to how many at the most."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=3600.0, gt=0)
    most: int = Field(default=8, ge=0)


class Settings(FileSettings):
    """The settings of a node. Paths are relative to the folder that ``node.yaml`` lies in.

    Each can be overridden by an environment variable, as ``XROAD_LITE_TRANSPORT``.
    """

    subsystem: str
    key: str = "file:key.pem"
    certificates: str = "certificates.pem"
    encryption_key: str = "file:encryption.pem"
    """The first of the private keys that open confidential bodies; later ones have a number."""
    passphrase_from: str = DEFAULT
    """Where the key's passphrase or the token's PIN comes from: ``env:``, ``file:``, ``fd:``."""
    registry: str | list[str]
    """Where the registry is fetched from: a folder or an ``https:`` address, or several."""
    root: str = "root.json"
    """The root that is trusted: a file that came by a way of its own, not from the registry."""
    root_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Its digest, as the lead agency makes it known."""
    mirror: str = "registry"
    """The folder where what is adopted of the registry is kept."""
    instances: dict[str, list[str]] = Field(default={})
    """Where the registries of trusted instances are fetched from, where not as declared."""
    instance_bytes: Annotated[int, Field(ge=1_048_576)] = MAX_TRUSTED_BYTES
    """Of one snapshot of a trusted instance's registry; its mirror may hold eight times that."""
    transport: str
    log: str = "log.sqlite3"
    log_key: str = "file:log-key.pem"
    """The key that signs the log's checkpoints: ``xroad-lite keys new --use log`` makes it."""
    trusted: str = "trusted"
    """The folder with the last checkpoint: better on another disk or machine than the log."""
    checkpoints: Checkpoints = Checkpoints()
    stamps: Stamps = Stamps()
    witnesses: Witnesses = Witnesses()
    max_body: Annotated[int, Field(ge=1, le=64 * 1_048_576)] = MAX_BODY_BYTES
    outbox_limit: Annotated[int, Field(ge=1)] = 100_000
    receipt_within: Annotated[float, Field(gt=0)] = 3600.0
    """After how many seconds a receipt that did not come is missing."""
    refresh: Annotated[float, Field(gt=0)] | None = None
    """How often, in seconds, to look for a newer registry: 5 from a folder, 60 over the web."""
    retry: Retry = Retry()

    @classmethod
    def read(cls, path: Path, environment: Mapping[str, str] | None = None) -> Settings:
        """Read ``node.yaml``, or the one in a folder; ``ConfigurationError`` says what is wrong."""
        file = path / FILE_NAME if path.is_dir() else path
        found = read_mapping(
            file, "name the node's folder with --node, or make one with: xroad-lite init FOLDER"
        )
        environment = os.environ if environment is None else environment
        overrides = {
            name: yaml.safe_load(environment[PREFIX + name.upper()])
            for name in cls.model_fields
            if name != "folder" and PREFIX + name.upper() in environment
        }
        return cls.of(file.parent, found | overrides, str(file))

    def passphrase_source(self) -> str | None:
        """Where the passphrase comes from, paths made absolute; None for the usual variable."""
        kind, _, rest = self.passphrase_from.partition(":")
        if self.passphrase_from == DEFAULT:
            return None
        return f"file:{self.folder / rest}" if kind == "file" else self.passphrase_from

    def keyring(self) -> Keyring:
        """This node's keys; nothing is opened or asked for yet."""
        return Keyring(self.key_uri, self.path(self.certificates), self.passphrase())

    def passphrase(self) -> Callable[[], bytes | None]:
        """What asks for the passphrase of this node's keys when it is needed."""
        return passphrase_from(self.passphrase_source() or DEFAULT)

    @property
    def registries(self) -> list[str]:
        """All addresses of the registry."""
        return [self.registry] if isinstance(self.registry, str) else self.registry

    @property
    def refresh_seconds(self) -> float:
        """How often to look for a newer registry."""
        web = any(one.startswith(("https://", "http://")) for one in self.registries)
        return self.refresh or (60.0 if web else 5.0)

    def registry_client(self) -> RegistryClient:
        """The way to the registry; ``ConfigurationError`` without the root that is trusted."""
        file = self.path(self.root)
        try:
            anchor = file.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                "config.root",
                f"cannot read the trusted root {file}: {error.strerror}",
                hint=f"xroad-lite registry root REGISTRY --out {file}, then compare its digest",
            ) from None
        found = hashlib.sha256(anchor).hexdigest()
        if self.root_sha256 not in (None, found):
            raise ConfigurationError(
                "config.root",
                f"the trusted root {file} has the SHA-256 {found}: node.yaml expects "
                f"{self.root_sha256}",
                hint="do not start: ask the lead agency which of the two is right",
            )
        return RegistryClient(self.registries, self.path(self.mirror), anchor, base=self.folder)

    @property
    def key_uri(self) -> str:
        """The signing key's address, file paths made absolute."""
        return self._absolute(self.key)

    @property
    def encryption_key_uri(self) -> str:
        """The address of the first key that opens bodies, file paths made absolute."""
        return self._absolute(self.encryption_key)

    @property
    def log_key_uri(self) -> str:
        """The address of the key of the log's checkpoints, file paths made absolute."""
        return self._absolute(self.log_key)

    def _absolute(self, uri: str) -> str:
        scheme, _, rest = uri.partition(":")
        return f"file:{self.folder / rest}" if scheme == "file" else uri
