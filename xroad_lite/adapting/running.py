"""Runs an adapter beside its node: configuration, rounds, and patience; knows no adapter's work."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from xroad_lite.errors import ConfigurationError, RegistryError, XRoadError
from xroad_lite.node import Node
from xroad_lite.registry.documents import faults, read_yaml

FILE_NAME = "adapter.yaml"
_LONGEST_WAIT = 60.0
_FROM_ENVIRONMENT = "env:"


class Configuration(Protocol):
    """What every adapter's configuration has."""

    @property
    def node(self) -> str:
        """The folder of the node."""
        ...

    @property
    def every(self) -> float:
        """Seconds from one round to the next."""
        ...


class Adapter(Protocol):
    """An adapter at work: its handlers are subscribed when it is made."""

    def poll(self) -> int:
        """One round of looking for what to publish; gives how much there was."""
        ...


C = TypeVar("C", bound=Configuration)


def read_configuration(file: Path, kind: type[C]) -> C:
    """Read a YAML file into a dataclass, checked.

    A text ``env:NAME`` is replaced by that environment variable: secrets stay out of files.
    ``ConfigurationError`` names the file, the field, what was got and what was expected.
    """
    try:
        found = read_yaml(str(file), file.read_bytes())
        _refuse_unknown(kind)
        return TypeAdapter(kind).validate_python(_revealed(found))
    except OSError as error:
        raise ConfigurationError(
            "config.missing",
            f"cannot read {file}: {error.strerror}",
            hint="make a project that runs with: xroad-lite init FOLDER --adapter NAME",
        ) from None
    except RegistryError as error:
        raise ConfigurationError("config.file", error.message) from None
    except ValidationError as error:
        wrong = "; ".join(fault.problem for fault in faults(error))
        raise ConfigurationError("config.field", f"{file}: {wrong}") from None


def run_adapter(adapter: Callable[[Node, C], Adapter], kind: type[C]) -> None:
    """Run until Ctrl-C: the whole main program of an adapter.

    The configuration is ``adapter.yaml``, or what the first argument names; its folder becomes the
    working directory, to which all paths are relative. Handlers and rounds
    share one thread. A round that fails is said and tried again, after waits that grow to a minute.
    Ends with the exit code of an error in the configuration, key, registry or transport.
    """
    try:
        file = Path((sys.argv[1:] or [FILE_NAME])[0])
        configuration = read_configuration(file, kind)
        os.chdir(file.parent)
        with Node.open(configuration.node) as node:
            made = adapter(node, configuration)
            sys.stderr.write(f"{node.id} is at work: end with Ctrl-C\n")
            _rounds(node, made, configuration.every)
    except XRoadError as error:
        sys.stderr.write(f"{error}\n" + f"  {error.hint}\n" * bool(error.hint))
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(0) from None


def _rounds(node: Node, adapter: Adapter, every: float) -> None:
    failures = 0
    while True:
        begun = time.monotonic()
        try:
            pause = 0.0 if adapter.poll() else every
            failures = 0
        except Exception as error:  # noqa: BLE001  whatever a source does, the node goes on
            failures += 1
            pause = min(every * 2**failures, max(every, _LONGEST_WAIT))
            logging.getLogger("xroad_lite").warning(
                "%s: %s; trying again in %g s", type(error).__name__, error, pause
            )
        node.run(seconds=max(pause, (time.monotonic() - begun) * bool(pause)))


def _refuse_unknown(kind: Any) -> None:
    """Have pydantic refuse names that a dataclass, or one in it, does not have."""
    if isinstance(kind, type) and is_dataclass(kind):
        kind.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
        for hint in get_type_hints(kind).values():
            _refuse_unknown(hint)
    for inner in get_args(kind):
        _refuse_unknown(inner)


def _revealed(value: Any) -> Any:
    """The document with secrets from the environment in their places."""
    if isinstance(value, dict):
        return {name: _revealed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_revealed(one) for one in value]
    if isinstance(value, str) and value.startswith(_FROM_ENVIRONMENT):
        name = value.removeprefix(_FROM_ENVIRONMENT)
        if name not in os.environ:
            raise ConfigurationError(
                "config.secret", f"{name} is not set", hint=f"export {name}=… and start again"
            )
        return os.environ[name]
    return value
