"""Sessions with PKCS#11 tokens by RFC 7512 address, made again when lost; knows no kinds of keys.

    pkcs11:token=NAME;object=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so

The PIN is never part of an address: addresses are logged. Needs ``python-pkcs11``.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote, unquote_to_bytes

from xroad_lite.errors import KeysError

MODULE_VARIABLE = "XROAD_LITE_PKCS11_MODULE"
_PATH_NAMES = {"token", "serial", "manufacturer", "model", "slot-id", "object", "id", "type"}
_QUERY_NAMES = {"module-path"}
_LOCKS: dict[str, threading.RLock] = {}
"""One per library: it is told nothing of threads, so only one is in it at a time."""
_LOSSES: dict[str, int] = {}
"""How often a session was lost in each library: begun anew, it gives its numbers to other keys."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Address:
    """Which key, in which token, through which library."""

    module: str
    token: dict[str, str]
    label: str | None
    id: bytes | None
    text: str = field(compare=False)

    @classmethod
    def parse(cls, uri: str) -> Address:
        """Read an address (RFC 7512, section 2.3); ``KeysError`` ``keys.uri`` if it is none."""
        path, _, query = uri.partition(":")[2].partition("?")
        attributes = _attributes(uri, path, ";", _PATH_NAMES)
        queried = _attributes(uri, query, "&", _QUERY_NAMES)
        module = unquote(queried.get("module-path", "")) or os.environ.get(MODULE_VARIABLE, "")
        if not module:
            raise KeysError(
                "keys.uri",
                f"{shown(uri)} does not say which PKCS#11 library to use",
                hint=f"add ?module-path=/usr/lib/….so, or set {MODULE_VARIABLE}",
            )
        label, number = attributes.pop("object", None), attributes.pop("id", None)
        if (label is None and number is None) or attributes.pop("type", "private") != "private":
            raise KeysError(
                "keys.uri", f"{shown(uri)} names no private key: expected object=LABEL or id=%01"
            )
        return cls(
            module,
            {name: unquote(value) for name, value in attributes.items()},
            None if label is None else unquote(label),
            None if number is None else unquote_to_bytes(number),
            shown(uri),
        )


def shown(uri: str) -> str:
    """An address as it may be logged, should somebody have put a PIN into it."""
    return re.sub(r"(?i)(pin-value=)[^&;]*", r"\1…", uri)


class Slot:
    """A token, its PIN and one session that is made again when it is lost."""

    def __init__(self, address: Address, pin: bytes | None) -> None:
        self.address = address
        self._pin = pin
        self._lock = _LOCKS.setdefault(address.module, threading.RLock())
        self._session: Any = None
        self._key: Any = None
        self._losses = 0

    def run(self, action: Callable[[Any], _T], *, rw: bool = False) -> _T:
        """``action`` on an open session; ``KeysError`` ``keys.token`` when the token refuses."""
        with self._lock:
            session = self._open(rw=rw)
            try:
                return action(session)
            except library().PKCS11Error as error:
                raise self._refused(error) from None
            finally:
                session.close()

    def use(self, action: Callable[[Any], _T]) -> _T:
        """``action`` on the private key; a session that was lost, as when the token was pulled
        out, is made again.
        """
        with self._lock:
            try:
                return self._use(action)
            except library().PKCS11Error:
                self._lose()
            try:
                return self._use(action)
            except library().PKCS11Error as error:
                self._lose()
                raise self._refused(error) from None

    def _use(self, action: Callable[[Any], _T]) -> _T:
        losses = _LOSSES.get(self.address.module, 0)
        if self._key is None or self._losses != losses:
            self._session = self._open()
            self._key = private_key(self._session, self.address)
            self._losses = _LOSSES.get(self.address.module, 0)
        return action(self._key)

    def _lose(self) -> None:
        self._session = self._key = None
        _LOSSES[self.address.module] = _LOSSES.get(self.address.module, 0) + 1

    def _open(self, *, rw: bool = False) -> Any:
        """A session that is logged in; the library is begun anew if it does not see the token."""
        api = library()
        try:
            found = api.lib(self.address.module)
            try:
                return self._log_in(_token(found, self.address), rw)
            except (api.PinIncorrect, api.PinLenRange, api.PinLocked):
                raise
            except (api.PKCS11Error, _NoTokenError):
                found.reinitialize()
                self._lose()
                return self._log_in(_token(found, self.address), rw)
        except api.PKCS11Error as error:
            raise self._refused(error) from None
        except _NoTokenError as error:
            raise KeysError(
                "keys.token", f"{self.address.text}: {error}", hint="see: pkcs11-tool -L"
            ) from None

    def _log_in(self, token: Any, rw: bool) -> Any:
        api = library()
        pin: Any = self._pin.decode() if self._pin else None
        if pin is None and token.flags & api.TokenFlag.PROTECTED_AUTHENTICATION_PATH:
            pin = api.PROTECTED_AUTH
        if pin is None:
            raise KeysError(
                "keys.token",
                f"{self.address.text} needs a PIN, and none was given",
                hint="set XROAD_LITE_PASSPHRASE, or passphrase_from in node.yaml, as file:PATH",
            )
        try:
            return token.open(rw=rw, user_pin=pin)
        except api.UserAlreadyLoggedIn:  # another session of this process did
            return token.open(rw=rw)

    def _refused(self, error: Exception) -> KeysError:
        said = str(error) or type(error).__name__
        return KeysError(
            "keys.token",
            f"the token refused the key {self.address.text}: {said}",
            hint="is it plugged in, and is the PIN right?",
        )


class _NoTokenError(Exception):
    """There is no such token, or no such key in it."""


def private_key(session: Any, address: Address) -> Any:
    """The private key's object; ``KeysError`` ``keys.token`` when there is none, or several."""
    return _object(session, address, library().ObjectClass.PRIVATE_KEY)


def public_key(session: Any, address: Address) -> Any:
    """The object of its public half."""
    return _object(session, address, library().ObjectClass.PUBLIC_KEY)


def _object(session: Any, address: Address, kind: Any) -> Any:
    attribute = library().Attribute
    wanted = {attribute.CLASS: kind}
    if address.label is not None:
        wanted[attribute.LABEL] = address.label
    if address.id is not None:
        wanted[attribute.ID] = address.id
    found = list(session.get_objects(wanted))
    if len(found) != 1:
        raise KeysError(
            "keys.token",
            f"the token has {len(found) or 'no'} {kind.name.lower().replace('_', ' ')}s "
            f"at {address.text}: expected one",
            hint="make it with: xroad-lite keys new",
        )
    return found[0]


def library() -> Any:
    """``python-pkcs11``, which is an extra; ``KeysError`` ``keys.pkcs11`` says how to get it."""
    try:
        import pkcs11
    except ImportError:
        raise KeysError(
            "keys.pkcs11",
            "a key behind PKCS#11 needs python-pkcs11, which is not installed",
            hint="pip install 'xroad-lite[pkcs11]'",
        ) from None
    return pkcs11


def _token(found: Any, address: Address) -> Any:
    ready = found.get_tokens(token_flags=library().TokenFlag.TOKEN_INITIALIZED)
    tokens = [one for one in ready if _fits(one, address.token)]
    if len(tokens) != 1:
        raise _NoTokenError(f"{len(tokens) or 'no'} tokens fit: expected one")
    return tokens[0]


def _fits(token: Any, wanted: dict[str, str]) -> bool:
    has = {
        "token": token.label,
        "serial": token.serial.decode("utf-8", "replace"),
        "manufacturer": token.manufacturer_id,
        "model": token.model,
        "slot-id": str(token.slot.slot_id),
    }
    return all(has[name].strip() == value for name, value in wanted.items())


def _attributes(uri: str, text: str, separator: str, known: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        if name == "pin-value":
            raise KeysError(
                "keys.uri",
                f"{shown(uri)} holds a PIN: it would be logged",
                hint="set XROAD_LITE_PASSPHRASE, or passphrase_from in node.yaml, as file:PATH",
            )
        if name not in known or name in found or not value:
            raise KeysError(
                "keys.uri",
                f"{shown(uri)}: got {name!r:.40}: expected, each once, {', '.join(sorted(known))}",
            )
        found[name] = value
    return found
