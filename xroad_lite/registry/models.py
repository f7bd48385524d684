"""The registry's documents as frozen values; does not read files or follow references.

Fields that this version does not know survive a round trip (``extra="allow"``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from xroad_lite import times
from xroad_lite.errors import IdentifierError
from xroad_lite.identifiers import GroupId, MemberId, MessageType, SubsystemId, parse_party


def _identifier(parse: Any) -> Any:
    def check(text: str) -> str:
        try:
            return str(parse(text))
        except IdentifierError as error:
            raise ValueError(error.message) from None

    return AfterValidator(check)


def _no_group(party: MemberId | SubsystemId | GroupId) -> MemberId | SubsystemId:
    if isinstance(party, GroupId):
        raise ValueError("a group holds members and subsystems, not groups")
    return party


def _is_time(text: str) -> str:
    times.to_unix(text)
    return text


def _is_duration(text: str) -> str:
    times.duration(text)
    return text


Member_ = Annotated[str, _identifier(MemberId.parse)]
Type_ = Annotated[str, _identifier(MessageType.parse)]
Party_ = Annotated[str, _identifier(parse_party)]
"""A subsystem, a member for all its subsystems, or a group: see ``identifiers.parse_party``."""
Participant_ = Annotated[str, _identifier(lambda text: _no_group(parse_party(text)))]
GroupCode = Annotated[str, _identifier(lambda text: GroupId.parse(f"group:{text}").group_code)]
Time = Annotated[str, AfterValidator(_is_time)]
Duration = Annotated[str, AfterValidator(_is_duration)]
Iri = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+$", max_length=255)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
AgreementName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
LogKey = Annotated[
    str, Field(pattern=r"^[^\s+]{1,1024}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$", max_length=1100)
]
"""The public key that signs a log's checkpoints: a C2SP vkey, ``NAME+HASH+KEY``."""
Texts = dict[str, str]
"""One text per language, by language tag."""


class Document(BaseModel):
    """What all documents share: frozen, unknown fields kept, numbers not taken for texts."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class Period(Document):
    """From, inclusive, until, exclusive."""

    start: Time = Field(alias="from")
    until: Time


class Maintenance(Document):
    """A time in which requests are refused and events wait; without ``until`` it is open-ended."""

    start: Time = Field(alias="from")
    until: Time | None = None
    message: Texts = {}
    """For people, by language."""

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.until is not None and times.to_unix(self.until) <= times.to_unix(self.start):
            raise ValueError(f"maintenance until {self.until} ends before it begins, {self.start}")
        return self

    def covers(self, at: float) -> bool:
        """Whether Unix time ``at`` lies in it."""
        ended = self.until is not None and at >= times.to_unix(self.until)
        return times.to_unix(self.start) <= at and not ended


class Revocation(Document):
    """When a certificate ceased to be good, and from when it is doubtful: the theft, if known."""

    at: Time
    doubtful_since: Time | None = None
    reason: str = ""

    @model_validator(mode="after")
    def _doubtful_before(self) -> Self:
        since = self.doubtful_since
        if since is not None and times.to_unix(since) > times.to_unix(self.at):
            raise ValueError(f"doubtful_since {since} is after at {self.at}")
        return self


class CertificateEntry(Document):
    """A certificate that speaks for a subsystem, by the SHA-256 that ``openssl x509`` prints."""

    sha256: Sha256
    revoked: Revocation | None = None


class EncryptionKey(Document):
    """A key to which messages for a subsystem are encrypted: a public JWK, EC on P-256.

    Of several that are in force, the one that began last is encrypted to.
    """

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    y: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    start: Time | None = Field(default=None, alias="from")
    until: Time | None = None
    """From then on nothing is encrypted to it; what was, its holder still reads."""

    @model_validator(mode="after")
    def _is_public(self) -> Self:
        if "d" in (self.model_extra or {}):
            raise ValueError("d is the private part: whoever has seen it reads everything")
        start = times.to_unix(self.start) if self.start else float("-inf")
        if self.until is not None and times.to_unix(self.until) <= start:
            raise ValueError(f"it ends at {self.until}, before it begins, at {self.start}")
        return self


class Lives(Document):
    """How long what is signed of the registry holds; durations are ISO 8601."""

    root: Duration = "P365D"
    roles: Duration = "P180D"
    snapshot: Duration = "P7D"
    timestamp: Duration = "P1D"


class StampingAuthority(Document):
    """Who stamps the logs' checkpoints (RFC 3161): its address, and the root it is trusted by."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=512)]
    certificate: str
    """The path, inside the registry, of its root certificate in PEM."""


class Instance(Document):
    """``instance.yaml``: what holds for everybody. Durations are ISO 8601, as P30D or PT5M."""

    instance: str = Field(min_length=1, max_length=64)
    base: Annotated[str, Field(pattern=r"^https?://[^\s]+/$", max_length=128)]
    title: Texts
    languages: list[str] = []
    """Tags of the languages in which everything here is named; those of ``title`` if empty."""
    authorities: list[str] = Field(min_length=1)
    """Paths, inside the registry, of PEM certificates of the authorities trusted here."""
    intermediates: list[str] = []
    """Paths of PEM certificates below them, for chains and lists of revocations that need them."""
    max_age: Duration = "P30D"
    agreement_certificates: list[CertificateEntry] = []
    """Whose keys approve agreements for the instance's groups."""
    clock_skew: Duration = "PT5M"
    lag: Duration = "PT24H"
    grace: Duration = "PT0S"
    timestamping: list[StampingAuthority] = []
    """Asked in turn, the first that answers stamps."""
    stamp_within: Duration | None = None
    """How old an entry may grow without a stamp before its node sends nothing more."""
    lives: Lives = Lives()


class Endpoint(Document):
    """A method and path of a REST service; ``*`` is any one segment, ``**`` any number of them."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "*"]
    path: Annotated[str, Field(pattern=r"^(/([^\s/?#*]+|\*\*?))+/?$|^/$", max_length=1024)]
    title: Texts = {}


REST_REQUEST, REST_RESPONSE = "xroad.rest-request", "xroad.rest-response"
"""The types of messages by which a service of REST endpoints is asked, and answers."""


class Service(Document):
    """What a subsystem answers, as X-Road describes it: by messages, or by REST endpoints.

    A service of messages names the type it is asked by and the one it answers with. A service of
    endpoints lists them; ``openapi`` is its description: a path in the registry, or a URL.
    """

    code: str = Field(min_length=1, max_length=64)
    version: str | None = Field(default=None, min_length=1, max_length=64)
    title: Texts = {}
    description: Texts = {}
    request: Type_ | None = None
    response: Type_ | None = None
    openapi: str | None = Field(default=None, min_length=1, max_length=255)
    endpoints: list[Endpoint] = []
    maintenance: list[Maintenance] = []

    @model_validator(mode="after")
    def _says_how_it_is_asked(self) -> Self:
        if (self.request is None) is not (self.response is None):
            raise ValueError("request and response go together")
        if self.request is None and not self.endpoints and self.openapi is None:
            raise ValueError("expected request and response, or endpoints, or openapi")
        return self

    @property
    def asked_by(self) -> str:
        """The type of the messages that ask it."""
        return self.request or REST_REQUEST

    @property
    def answers_with(self) -> str:
        """The type of the messages by which it answers."""
        return self.response or REST_RESPONSE


class Group(Document):
    """``groups/*.yaml``, or a subsystem's own: members and subsystems under one name.

    In an agreement it is ``group:CODE``; a subsystem's own is ``group:SUBSYSTEM/CODE``.
    """

    group: GroupCode
    title: Texts = {}
    members: list[Participant_] = []


class Subsystem(Document):
    """An information system of a member, with its certificates, services and own groups."""

    code: str = Field(min_length=1, max_length=128)
    title: Texts = {}
    certificates: list[CertificateEntry] = []
    encryption_keys: list[EncryptionKey] = []
    log_keys: list[LogKey] = []
    """Those of now and of before: what an earlier one signed stays provable."""
    services: list[Service] = []
    groups: list[Group] = []
    maintenance: list[Maintenance] = []
    reads: dict[Type_, int] = {}
    """The version of a type that this system reads today, if it is not the newest active one."""


class Member(Document):
    """``members/*.yaml``: an institution, who answers for it, and its information systems."""

    member: Member_
    name: Texts
    contact: str
    status: Literal["active", "suspended"] = "active"
    subsystems: list[Subsystem] = []
    agreement_certificates: list[CertificateEntry] = []
    """Whose keys approve agreements for this member, and end them."""


class LegalBasis(Document):
    """The law that allows it: in words, and as an IRI."""

    text: Texts
    iri: Iri


class ServiceLevel(Document):
    """What the provider promises beside the law: for people, nothing here enforces it."""

    availability: str = ""
    """As "99.5 %"."""
    answers_within: Duration | None = None
    support: str = ""


class Agreement(Document):
    """``agreements/*.yaml``: who may send what to whom, for which purpose, on which legal basis.

    Operation ``publish``: the provider sends ``types`` to the consumer. Operation ``request``: the
    consumer asks the provider by ``types``, and is answered under the same agreement. Each is a
    subsystem, a member for all its subsystems, or a group for all that are in it. ``fields``
    holds, per message type, JSON Pointers of what may be sent; a type without an entry goes whole.
    """

    agreement: AgreementName
    version: int = Field(ge=1)
    title: Texts
    provider: Party_
    consumer: Party_ | None = None
    operation: Literal["publish", "request"]
    types: list[Type_] = Field(min_length=1)
    purposes: list[Iri] = Field(min_length=1)
    legal_basis: LegalBasis
    fields_: dict[str, list[str]] = Field(default={}, alias="fields")
    period: Period
    drain: Duration = "PT24H"
    """How long what was sealed in time is still received after the agreement has ended."""
    endpoints: dict[str, list[Endpoint]] = {}
    """Of REST services, by code, what may be called; nothing of a service without an entry."""
    service_level: ServiceLevel | None = None
    max_age: Duration | None = None
    retention: Duration | None = None
    receipt: bool = False
    confidential: bool = False
    open: bool = False
    pseudonym_key: Annotated[str, Field(min_length=1)] | None = None
    """A JWE with the key of this version's pseudonyms, wrapped to each party."""


class Ending(Document):
    """``agreements/*.ended.yaml``: that one party has ended an agreement's version.

    From ``at`` nothing more is sealed under it; what was sealed before is received until its
    ``drain`` has passed. It is in force once the party ``by`` which it is has approved the file.
    """

    agreement: AgreementName
    version: int = Field(ge=1)
    by: Literal["provider", "consumer"]
    at: Time
    reason: Texts = {}


class Reference(Document):
    """Another schema version, under the name by which a schema's document refers to it."""

    name: str = Field(min_length=1, max_length=1024)
    type: Type_
    version: int = Field(ge=1, lt=1_000_000)


class Version(Document):
    """Where one schema version stands in its life, and what its document refers to by name.

    References to the registry's own addresses need no entry.
    """

    status: Literal["draft", "active", "deprecated", "retired"]
    references: list[Reference] = []


class Subject(Document):
    """``schemas/<domain>/<name>/subject.yaml``: one message type's line of schema versions."""

    type: Type_
    kind: Literal["json", "avro"]
    compatibility: str = "BACKWARD"
    owner: Member_
    title: Texts
    versions: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}$")], Version]
