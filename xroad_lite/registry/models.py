"""The registry's documents as frozen values; does not read files or follow references.

Fields that this version does not know survive a round trip (``extra="allow"``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from xroad_lite import times
from xroad_lite.errors import IdentifierError
from xroad_lite.identifiers import MemberId, MessageType, SubsystemId


def _identifier(parse: Any) -> Any:
    def check(text: str) -> str:
        try:
            return str(parse(text))
        except IdentifierError as error:
            raise ValueError(error.message) from None

    return AfterValidator(check)


def _is_time(text: str) -> str:
    times.to_unix(text)
    return text


def _is_duration(text: str) -> str:
    times.duration(text)
    return text


Member_ = Annotated[str, _identifier(MemberId.parse)]
Subsystem_ = Annotated[str, _identifier(SubsystemId.parse)]
Type_ = Annotated[str, _identifier(MessageType.parse)]
Time = Annotated[str, AfterValidator(_is_time)]
Duration = Annotated[str, AfterValidator(_is_duration)]
Iri = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+$", max_length=255)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Texts = dict[str, str]
"""One text per language, by language tag."""


class Document(BaseModel):
    """What all documents share: frozen, unknown fields kept, numbers not taken for texts."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class Instance(Document):
    """``instance.yaml``: what holds for everybody. Durations are ISO 8601, as P30D or PT5M."""

    instance: str = Field(min_length=1, max_length=64)
    base: Annotated[str, Field(pattern=r"^https?://[^\s]+/$", max_length=128)]
    title: Texts
    authorities: list[str] = Field(min_length=1)
    """Paths, inside the registry, of PEM certificates of the authorities trusted here."""
    max_age: Duration = "P30D"
    clock_skew: Duration = "PT5M"
    lag: Duration = "PT24H"
    grace: Duration = "PT0S"


class Revocation(Document):
    """When a certificate ceased to be good, and from when it is doubtful."""

    at: Time
    doubtful_since: Time | None = None
    reason: str = ""


class CertificateEntry(Document):
    """A certificate that speaks for a subsystem, by the SHA-256 that ``openssl x509`` prints."""

    sha256: Sha256
    revoked: Revocation | None = None


class Service(Document):
    """What a subsystem answers: the message type it is asked by, and the one it answers with."""

    code: str = Field(min_length=1, max_length=64)
    request: Type_
    response: Type_
    title: Texts = {}


class Subsystem(Document):
    """An information system of a member, with its certificates and services."""

    code: str = Field(min_length=1, max_length=128)
    title: Texts = {}
    certificates: list[CertificateEntry] = []
    services: list[Service] = []


class Member(Document):
    """``members/*.yaml``: an institution, who answers for it, and its information systems."""

    member: Member_
    name: Texts
    contact: str
    status: Literal["active", "suspended"] = "active"
    subsystems: list[Subsystem] = []


class LegalBasis(Document):
    """The law that allows it: in words, and as an IRI."""

    text: Texts
    iri: Iri


class Period(Document):
    """From, inclusive, until, exclusive."""

    start: Time = Field(alias="from")
    until: Time


class Agreement(Document):
    """``agreements/*.yaml``: who may send what to whom, for which purpose, on which legal basis.

    Operation ``publish``: the provider sends ``types`` to the consumer. Operation ``request``: the
    consumer asks the provider by ``types``, and is answered under the same agreement. ``fields``
    holds, per message type, JSON Pointers of what may be sent; a type without an entry goes whole.
    """

    agreement: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    version: int = Field(ge=1)
    title: Texts
    provider: Subsystem_
    consumer: Subsystem_ | None = None
    operation: Literal["publish", "request"]
    types: list[Type_] = Field(min_length=1)
    purposes: list[Iri] = Field(min_length=1)
    legal_basis: LegalBasis
    fields_: dict[str, list[str]] = Field(default={}, alias="fields")
    period: Period
    max_age: Duration | None = None
    retention: Duration | None = None
    receipt: bool = False
    confidential: bool = False
    open: bool = False


class Version(Document):
    """Where one schema version stands in its life."""

    status: Literal["draft", "active", "deprecated", "retired"]


class Subject(Document):
    """``schemas/<domain>/<name>/subject.yaml``: one message type's line of schema versions."""

    type: Type_
    kind: Literal["json", "avro"]
    compatibility: str = "BACKWARD"
    owner: Member_
    title: Texts
    versions: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}$")], Version]
