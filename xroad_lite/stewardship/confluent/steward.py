"""Who changes the registry for the API, whom it may change it for, and what it refuses to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from xroad_lite.errors import RegistryError, SchemaError, XRoadError
from xroad_lite.stewardship.confluent.answers import (
    Refusal,
    Request,
    invalid_schema,
    not_permitted,
    unauthorized,
)
from xroad_lite.stewardship.confluent.catalogue import Catalogue
from xroad_lite.stewardship.confluent.submitted import Submitted


class Steward(Protocol):
    """Who changes the source directory and publishes it; each gives the catalogue of after."""

    def register(self, type_: str, schema: Submitted) -> Catalogue:
        """Register a document as the next version of a type."""
        ...

    def retire(self, type_: str, versions: list[int]) -> Catalogue:
        """End the life of versions."""
        ...

    def expect_mode(self, type_: str, mode: str | None) -> None:
        """Remember the mode of a subject whose first version is still to come."""
        ...

    def expected_mode(self, type_: str) -> str | None:
        """The mode that is remembered for it."""
        ...

    def evolve(self, type_: str, mode: str | None) -> Catalogue:
        """Give a subject another mode of compatibility, or none of its own."""
        ...


def allowed(steward: Steward | None, request: Request, subject: str = "") -> Steward:
    """The steward, if there is one and who asks may write; 42205 or 40101."""
    if steward is None:
        what = f"Subject {subject[:200]}" if subject else "This registry"
        raise not_permitted(
            f"{what} is in read-only mode: register by the steward's own means, or ask whoever "
            "runs this server to start it with a steward's key"
        )
    if not request.is_steward:
        raise unauthorized()
    return steward


def done(change: Callable[[], Catalogue]) -> Catalogue:
    """The catalogue of after; what the registry's own rules refuse, as the clients know it."""
    try:
        return change()
    except SchemaError as error:
        if error.code in ("schema.incompatible", "schema.other_kind"):
            raise Refusal(409, error.message) from None
        raise invalid_schema(error.message) from None
    except RegistryError as error:
        if error.code == "registry.no_key":
            raise not_permitted(error.message) from None
        if error.code in ("registry.reference", "registry.too_large", "registry.schema_id"):
            raise invalid_schema(error.message) from None
        raise Refusal(50001, f"Error in the backend data store: {error.message}") from None
    except XRoadError as error:
        raise Refusal(50001, f"Error in the backend data store: {error.message}") from None
