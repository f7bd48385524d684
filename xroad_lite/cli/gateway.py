"""``xroad-lite gateway``: the HTTP sidecar, and the tokens by which systems speak with it."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xroad_lite import times
from xroad_lite.cli import options, output
from xroad_lite.cli.gateway_proposals import proposals
from xroad_lite.errors import ConfigurationError

if TYPE_CHECKING:
    from xroad_lite.gateway.settings import GatewaySettings
    from xroad_lite.gateway.tokens import TokenFile

gateway_app = typer.Typer(
    help="An HTTP sidecar: X-Road's REST protocol and an API for systems in any language.",
    invoke_without_command=True,
)
token_app = typer.Typer(no_args_is_help=True, help="Tokens by which systems speak with a gateway.")
gateway_app.add_typer(token_app, name="token")
gateway_app.command("proposals")(proposals)

_NEEDED = ("httptools", "prometheus_client", "starlette", "structlog", "uvicorn", "uvloop")
_SWITCH_SECONDS = 0.02
"""HTTP waits no longer for the nodes' threads: each turn begins with a processor's cache that the
other has filled, so few long ones cost less than many short."""
_COLLECTED_AFTER = 50_000
"""New objects between two searches for garbage: calls leave none that needs a search."""
_Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="gateway.yaml; the one in the node's folder if it is there.",
        envvar="XROAD_LITE_GATEWAY_CONFIG",
    ),
]


@gateway_app.callback()
@output.command
def gateway(
    context: typer.Context,
    node: options.NodeFolder = Path(),
    config: _Config = None,
    host: Annotated[
        str | None,
        typer.Option(help="The address to listen on.", envvar="XROAD_LITE_GATEWAY_HOST"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="The port; 0 takes a free one.",
            min=0,
            max=65535,
            envvar="XROAD_LITE_GATEWAY_PORT",
        ),
    ] = None,
    open_: Annotated[
        bool | None,
        typer.Option(
            "--open/--closed",
            help="Whether whoever reaches the port may speak for the node; on loopback only.",
            envvar="XROAD_LITE_GATEWAY_OPEN",
        ),
    ] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            help="Where a service is answered, as CODE=http://127.0.0.1:9000/api; again for more.",
            envvar="XROAD_LITE_GATEWAY_PROVIDERS",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Run a gateway beside a node, in one process with it."""
    if context.invoked_subcommand is not None:
        return
    _check_extra()
    settings = _settings(node, config, host=host, port=port, open=open_, provider=provider)
    _check_safe(settings)
    _run(settings, json=json)


def _run(settings: GatewaySettings, *, json: bool) -> None:
    from xroad_lite.gateway.assembly import assembled
    from xroad_lite.gateway.logs import configure
    from xroad_lite.gateway.nodes import Nodes
    from xroad_lite.gateway.server import listening, server

    _keep_to(settings.cores)
    configure(json=json or not sys.stderr.isatty())
    sys.setswitchinterval(_SWITCH_SECONDS)
    folders = [settings.path(one) for one in settings.nodes]
    with listening(settings) as port, Nodes.open(folders, output.say) as nodes:
        serving = server(assembled(settings, nodes), settings)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"{'https' if settings.tls else 'http'}://{host}:{port.getsockname()[1]}"
        output.give(
            {"url": url, "subsystems": list(nodes)},
            lambda: output.out.print(
                f"the gateway of {', '.join(nodes)} is at {url}", highlight=False, soft_wrap=True
            ),
        )
        gc.freeze()  # the registry stays: it is not searched for garbage again and again
        gc.set_threshold(_COLLECTED_AFTER)
        # uvicorn ends by the signal that it got: this way the nodes are closed before.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        serving.run(sockets=[port])


def _keep_to(cores: list[int]) -> None:
    """Let threads that begin from now on run on these cores alone."""
    if not cores:
        return
    given = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if not set(cores) <= set(given):
        expected = f"some of {given}, those that this process is given" if given else "none here"
        raise ConfigurationError(
            "config.cores",
            f"got cores: {cores}; expected {expected}",
            hint="leave cores out of gateway.yaml to run on any",
        )
    os.sched_setaffinity(0, cores)


@token_app.command("new")
@output.command
def new(
    name: Annotated[str, typer.Argument(help="Whose it is, for logs and for revoking it.")],
    node: options.NodeFolder = Path(),
    config: _Config = None,
    subsystem: Annotated[
        str | None, typer.Option(help="For which it speaks; the node's own if left out.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(help="After how many days it is of no use; never if left out.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Make a token. It is shown once: only its hash is kept."""
    settings = _settings(node, config)
    speaks = _speaks(settings, subsystem)
    now = time.time()
    ends = None if days is None else now + days * 86_400
    text = _tokens(settings).new(name, speaks, now, ends)

    def people() -> None:
        output.out.print(text, highlight=False, soft_wrap=True)
        until = "until it is revoked" if ends is None else f"until {times.to_text(ends)}"
        output.say(f"speaks for {speaks} {until}; show it as: Authorization: Bearer TOKEN")

    output.give({"token": text, "name": name, "subsystem": speaks}, people)


@token_app.command("list")
@output.command
def list_(
    node: options.NodeFolder = Path(), config: _Config = None, json: options.Json = False
) -> None:
    """All tokens, without their texts."""
    found = _tokens(_settings(node, config)).list()

    def people() -> None:
        made = output.table("", "name", "speaks for", "made", "good until")
        for one in found:
            made.add_row(one.name, one.subsystem, one.created, one.expires or "revoked")
        output.out.print(made if found else "no token yet: xroad-lite gateway token new NAME")

    shown = [
        {
            "name": one.name,
            "subsystem": one.subsystem,
            "created": one.created,
            "expires": one.expires,
        }
        for one in found
    ]
    output.give({"tokens": shown}, people)


@token_app.command("revoke")
@output.command
def revoke(
    name: Annotated[str, typer.Argument(help="The token's name.")],
    node: options.NodeFolder = Path(),
    config: _Config = None,
    json: options.Json = False,
) -> None:
    """Take a token away; a running gateway notices at once."""
    found = _tokens(_settings(node, config)).revoke(name)
    output.give(
        {"revoked": found.name},
        lambda: output.out.print(f"revoked {found.name}", highlight=False, markup=False),
    )


def _tokens(settings: GatewaySettings) -> TokenFile:
    from xroad_lite.gateway.tokens import TokenFile

    return TokenFile(settings.path(settings.tokens))


def _speaks(settings: GatewaySettings, subsystem: str | None) -> str:
    from xroad_lite.node import Settings

    known = [Settings.read(settings.path(one)).subsystem for one in settings.nodes]
    if subsystem is None and len(known) == 1:
        return known[0]
    if subsystem in known:
        return str(subsystem)
    raise ConfigurationError(
        "config.token",
        f"got the subsystem {subsystem}: expected one with a node here",
        hint=f"--subsystem {known[0]}",
    )


def _settings(
    node: Path, config: Path | None, provider: list[str] | None = None, **changed: Any
) -> GatewaySettings:
    """``gateway.yaml`` if there is one, and what the options change."""
    from xroad_lite.gateway.settings import FILE_NAME, GatewaySettings

    changed = {name: value for name, value in changed.items() if value is not None}
    if provider:
        changed["providers"] = [_provider(one) for one in provider]
    folder = node if node.is_dir() else node.parent
    file = config or folder / FILE_NAME
    if config is None and not file.exists():
        return GatewaySettings.of(folder, changed)
    return GatewaySettings.read(file, **changed)


def _provider(text: str) -> dict[str, str]:
    code, equals, url = text.partition("=")
    if not equals:
        raise ConfigurationError(
            "config.provider", f"got the provider {text!r}: expected CODE=http://HOST:PORT/PATH"
        )
    return {"service": code, "url": url}


def _check_extra() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "config.missing_extra",
            f"a gateway needs {', '.join(missing)}, which are not installed here",
            hint="pip install 'xroad-lite[server]'",
        )


def _check_safe(settings: GatewaySettings) -> None:
    """Refuse to speak for anybody on the network, or to take tokens in the clear from there."""
    if _is_loopback(settings.host):
        return
    if settings.open:
        raise ConfigurationError(
            "config.open",
            f"{settings.host} is open to other machines: whoever reaches it would speak for "
            f"{len(settings.nodes)} node(s)",
            hint="listen on 127.0.0.1, or leave --open out and use tokens or certificates",
        )
    if settings.tls is None:
        raise ConfigurationError(
            "config.tls",
            f"{settings.host} is open to other machines: tokens would travel in the clear",
            hint="name certificate and key below tls: in gateway.yaml, or listen on 127.0.0.1",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
