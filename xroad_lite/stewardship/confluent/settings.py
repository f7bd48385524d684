"""A subject's mode of compatibility, and whether anything can be written: asked and set."""

from __future__ import annotations

from xroad_lite.schema.evolution.modes import MODES
from xroad_lite.stewardship.confluent.answers import (
    Refusal,
    Request,
    not_permitted,
)
from xroad_lite.stewardship.confluent.catalogue import Catalogue, checked_type
from xroad_lite.stewardship.confluent.evolving import DEFAULT_MODE
from xroad_lite.stewardship.confluent.steward import Steward, allowed, done

_MODES = ("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT", "FORWARD")
_NOT_KEPT = (
    "compatibilityGroup",
    "defaultMetadata",
    "overrideMetadata",
    "defaultRuleSet",
    "overrideRuleSet",
    "alias",
    "normalize",
    "validateFields",
    "compatibilityPolicy",
)


def config(_: Request, __: Catalogue) -> dict[str, str]:
    """The mode of compatibility of subjects that name none."""
    return {"compatibilityLevel": DEFAULT_MODE}


class Settings:
    """What can be set where there is a steward; without one everything is refused."""

    def __init__(self, steward: Steward | None) -> None:
        self._steward = steward

    def subject_config(
        self, request: Request, catalogue: Catalogue, subject: str
    ) -> dict[str, str]:
        """A subject's mode of compatibility; 40408 where it names none."""
        mode = self._own_mode(catalogue, subject)
        if mode is None and request.flag("defaultToGlobal"):
            mode = DEFAULT_MODE
        if mode is None:
            raise Refusal(
                40408,
                f"Subject '{subject[:200]}' does not have subject-level compatibility configured",
            )
        return {"compatibilityLevel": mode}

    def _own_mode(self, catalogue: Catalogue, subject: str) -> str | None:
        type_ = catalogue.type_of(subject) or ""
        found = catalogue.subject(type_)
        if found is not None:
            named = "compatibility" in found.model_fields_set
            return found.compatibility.upper() if named else None
        return self._steward.expected_mode(type_) if self._steward else None

    def set_config(self, request: Request, catalogue: Catalogue, subject: str) -> dict[str, str]:
        """Give a subject another mode; one to come gets it with its first version."""
        mode = _wanted_mode(request)
        self._evolve(request, catalogue, subject, mode)
        return {"compatibility": mode}

    def unset_config(self, request: Request, catalogue: Catalogue, subject: str) -> dict[str, str]:
        """Let a subject evolve by the mode of those that name none."""
        before = self.subject_config(request, catalogue, subject)
        self._evolve(request, catalogue, subject, None)
        return before

    def _evolve(
        self, request: Request, catalogue: Catalogue, subject: str, mode: str | None
    ) -> None:
        steward = allowed(self._steward, request, subject)
        type_ = checked_type(subject, catalogue)
        if catalogue.subject(type_) is None:
            steward.expect_mode(type_, mode)
        else:
            done(lambda: steward.evolve(type_, mode))

    def set_global_config(self, request: Request, _: Catalogue) -> dict[str, str]:
        """Confirm the mode of subjects that name none; it cannot be changed."""
        mode = _wanted_mode(request)
        allowed(self._steward, request)
        if mode != DEFAULT_MODE:
            raise not_permitted(
                f"subjects that name no mode evolve by {DEFAULT_MODE}: set it for each subject"
            )
        return {"compatibility": mode}

    def unset_global_config(self, request: Request, _: Catalogue) -> dict[str, str]:
        """The mode of subjects that name none is what it always is."""
        allowed(self._steward, request)
        return {"compatibilityLevel": DEFAULT_MODE}

    def mode(self, _: Request, __: Catalogue) -> dict[str, str]:
        """Whether anybody can write here."""
        return {"mode": self._mode}

    def subject_mode(self, request: Request, _: Catalogue, subject: str) -> dict[str, str]:
        """No subject has a mode of its own."""
        if request.flag("defaultToGlobal"):
            return {"mode": self._mode}
        raise _no_mode(subject)

    def set_mode(self, request: Request, _: Catalogue, subject: str = "") -> dict[str, str]:
        """Confirm the mode; how the server was started decides it."""
        wanted = str(request.json().get("mode")).upper()
        if wanted not in _MODES:
            raise Refusal(
                42204, f"Invalid mode '{wanted[:40]}': expected one of {', '.join(_MODES)}"
            )
        allowed(self._steward, request, subject)
        if wanted != self._mode:
            raise not_permitted(f"the mode is {self._mode}, as the server was started")
        return {"mode": wanted}

    def unset_mode(self, _: Request, __: Catalogue, subject: str) -> dict[str, str]:
        """No subject has a mode of its own."""
        raise _no_mode(subject)

    @property
    def _mode(self) -> str:
        return "READWRITE" if self._steward else "READONLY"


def _wanted_mode(request: Request) -> str:
    body = request.json()
    for name in _NOT_KEPT:
        if body.get(name):
            raise not_permitted(f"{name} is not kept by this registry: leave it out")
    mode = str(body.get("compatibility")).upper()
    if mode not in MODES:
        raise Refusal(
            42203, f"Invalid compatibility level '{mode[:40]}': expected one of {', '.join(MODES)}"
        )
    return mode


def _no_mode(subject: str) -> Refusal:
    return Refusal(40409, f"Subject '{subject[:200]}' does not have subject-level mode configured")
