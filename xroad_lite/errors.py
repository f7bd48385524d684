"""The one tree of errors, each with a stable code; knows nothing of printing, exiting or HTTP.

    XRoadError                      catch this to catch everything this package raises about data
    ├── IdentifierError     identifier.*  a name that is no X-Road identifier
    ├── KeysError           keys.*        a key or certificate that is of no use
    ├── SealError           envelope.*    a seal that cannot be made or believed
    ├── EncryptionError     encryption.*  a body that does not open, or is not what was sealed
    ├── TimestampError      timestamp.*   a time stamp that was refused or does not hold
    ├── RegistryError       registry.*    a document or snapshot that does not hold
    ├── SchemaError         schema.*      a bad schema, or a body it refuses
    ├── SemanticsError      semantics.*   a vocabulary, binding, mapping or translation
    ├── LogError            log.*         a log, an entry or a proof that does not verify
    ├── TransportError      transport.*   a broker that cannot be reached or refuses
    ├── PolicyError         policy.*      no agreement allows this
    ├── RefusedError                (the check's) a message that a check refused
    ├── RejectedError       (the adapter's) this message will never be handled
    ├── RequestError        request.*     no answer, or an error as answer
    └── ConfigurationError  config.*      settings of a node that cannot work

Misuse of the API is not in the tree: it stays TypeError, ValueError or RuntimeError.
"""

from __future__ import annotations

from typing import Any, ClassVar


class XRoadError(Exception):
    """Something was wrong with data, keys, trust or a connection.

    ``code`` is stable and dotted; the message says what was got and what was expected; ``hint``
    says what to do next and may be empty. ``exit_code`` is what the command line ends with:
    1 checked and found wrong, 2 usage, 3 trust cannot be established, 4 transport unreachable.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.code, self.message, self.hint, self.__dict__)


def _rebuild(
    kind: type[XRoadError], code: str, message: str, hint: str, state: dict[str, object]
) -> XRoadError:
    error = kind.__new__(kind)
    XRoadError.__init__(error, code, message, hint=hint)
    error.__dict__.update(state)
    return error


class IdentifierError(XRoadError):
    """A text that is no identifier of an instance, member, subsystem or service."""

    exit_code = 2


class KeysError(XRoadError):
    """A key or certificate that cannot be read, used or trusted."""

    exit_code = 3


class SealError(XRoadError):
    """A seal that is malformed, too large, of a wrong type, or wrongly signed."""


class EncryptionError(XRoadError):
    """A confidential body, or a key for one, that does not open or is not what was sealed."""


class TimestampError(XRoadError):
    """A time-stamping authority's refusal, or a token that does not hold."""


class RegistryError(XRoadError):
    """A registry document or snapshot that does not hold."""

    exit_code = 3


class SchemaError(XRoadError):
    """A schema that cannot be compiled, or a body that cannot be read by it."""


class SemanticsError(XRoadError):
    """A vocabulary, binding or mapping that does not hold, or a translation that cannot be made."""


class LogError(XRoadError):
    """A log, an entry or a proof that does not verify."""


class TransportError(XRoadError):
    """A transport that cannot be reached, or refuses what it was given."""

    exit_code = 4


class PolicyError(XRoadError):
    """No agreement in force allows what was asked."""


class RefusedError(XRoadError):
    """One of the nine checks refused a message; ``check`` is its number (see docs/checks.md)."""

    def __init__(self, check: int, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(code, message, hint=hint)
        self.check = check

    def __str__(self) -> str:
        return f"{self.code} (check {self.check}): {self.message}"


class RejectedError(XRoadError):
    """An adapter raises this in a handler: no retry can help, make the message a dead letter."""


class RequestError(XRoadError):
    """A request that got no answer in time, or a sealed error as its answer."""

    answer: dict[str, Any] | None = None
    """The sealed error's body, where one came."""


class ConfigurationError(XRoadError):
    """Settings of a node, or of this machine, with which nothing can run."""

    exit_code = 2
