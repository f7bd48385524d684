"""What a gateway is configured by: ``gateway.yaml``; does not open anything that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from xroad_lite.errors import IdentifierError
from xroad_lite.identifiers import SubsystemId
from xroad_lite.node.settings_file import FileSettings, read_mapping

FILE_NAME = "gateway.yaml"


def _subsystem(text: str) -> str:
    try:
        return str(SubsystemId.parse(text))
    except IdentifierError as error:
        raise ValueError(error.message) from None


Subsystem = Annotated[str, AfterValidator(_subsystem)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=2048)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tls(_Part):
    """The gateway's own certificate and key, PEM files."""

    certificate: str
    key: str


class Client(_Part):
    """An information system: the certificate (PEM) it shows, and for whom it speaks."""

    certificate: str
    subsystem: Subsystem


class Address(_Part):
    """An HTTP service of the institution's own, that the gateway may call.

    ``authority`` is a PEM file that vouches for an ``https:`` address, the machine's own if left
    out; ``certificate`` and ``key`` are what the gateway shows there.
    """

    url: Url
    timeout: Seconds = 60.0
    authority: str | None = None
    certificate: str | None = None
    key: str | None = None


class Provider(Address):
    """Where a service of a subsystem is answered."""

    service: str = Field(min_length=1)
    subsystem: Subsystem | None = None
    """Whose service it is; of the only node, if there is one."""


class Tracker(_Part):
    """A REST service of a subsystem that tells persons who used their data, from the node's log."""

    service: str = Field(min_length=1)
    subsystem: Subsystem | None = None
    """Whose service it is; of the only node, if there is one."""
    clients: list[Subsystem] = Field(min_length=1)
    """The portals that may ask on behalf of persons, who have shown them who they are."""
    representation: bool = False
    """Whether a portal may ask about another than who asks: it vouches for the right to."""
    prefix: str = Field(default="", max_length=8)
    """What portals write before a person's code and bodies do not, as ``EE``."""
    language: str = "en"
    timeout: Seconds = 60.0


class Subscriber(Address):
    """Where events are pushed to; of these types, all if left out. The first that fits is taken."""

    subsystem: Subsystem | None = None
    """Whose events they are; of the only node, if there is one."""
    types: list[str] = []
    timeout: Seconds = 30.0


class Limits(_Part):
    """How much, and for how long, anybody may take. Bytes and seconds."""

    headers: Annotated[int, Field(ge=1024, le=1_048_576)] = 32_768
    """The request line and all headers together."""
    header_seconds: Seconds = 10.0
    body_seconds: Seconds = 60.0
    idle_seconds: Seconds = 30.0
    answer_seconds: Seconds = 60.0
    """How long a call waits for its answer; its message is good for as long."""
    requests: Annotated[int, Field(ge=1)] = 2000
    """How many are answered at the same time; more are told to come again."""
    connections: Annotated[int, Field(ge=1)] = 5000
    calls: Annotated[int, Field(ge=1)] = 256
    """How many calls of one provider are open at the same time."""
    lease_seconds: Seconds = 60.0
    """How long a message that was read waits to be acknowledged."""


class GatewaySettings(FileSettings):
    """``gateway.yaml``. Paths are relative to the folder that it lies in."""

    nodes: list[str] = Field(default=["."])
    """The folders of the nodes that it speaks for."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    tls: Tls | None = None
    open: bool = False
    """Whether whoever reaches the port speaks for the nodes: on loopback only."""
    clients: list[Client] = Field(default=[])
    tokens: str = "tokens.yaml"
    providers: list[Provider] = Field(default=[])
    subscribers: list[Subscriber] = Field(default=[])
    trackers: list[Tracker] = Field(default=[])
    limits: Limits = Limits()
    cores: list[Annotated[int, Field(ge=0)]] = Field(default=[])
    """The processor's cores that it keeps to; any that the system gives it if left out."""

    @classmethod
    def read(cls, file: Path, **changed: Any) -> GatewaySettings:
        """Read ``gateway.yaml``, some of it ``changed``; ``ConfigurationError`` tells."""
        found = read_mapping(file, "leave --config out to run with the options alone")
        return cls.of(file.parent, found | changed, str(file))
