"""`akastats serve`: the API and the page, for this machine alone or for those who have a token."""

from __future__ import annotations

import dataclasses
import socket
import threading
import webbrowser
from typing import Annotated

import typer

from akastats import hosts, tokens
from akastats.cli import output, target
from akastats.cli.options import Directory, Json, Namespace, Url
from akastats.config import Config, config
from akastats.errors import AkastatsError, ConfigError

# What comes in pieces is cut off here; what comes in one, by the application.
MAX_HEADER_BYTES = 32 * 1024


def serve(
    host: Annotated[str, typer.Option(help="The address; any but a loopback's needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8321,
    token: Annotated[
        str,
        typer.Option(
            help="Who has it may read, as `TOKEN` or `stats:TOKEN`. Default: AKA_STATS_TOKEN, else drawn."
        ),
    ] = "",
    no_auth: Annotated[
        bool, typer.Option("--insecure-no-auth", help="Whoever reaches the address may read everything.")
    ] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further name that browsers may ask for; may be repeated.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Serve the API and the page until Ctrl-C."""
    chosen = target.of_options(url, namespace, directory)
    access = access_of(chosen.config, host, token, no_auth, allow_host or [])
    with target.located(chosen, make=True) as used, listen(host, port) as listening:
        # Late: importing FastAPI and uvicorn takes 0.3 s, which the other commands need not wait for.
        import uvicorn

        config.use(dataclasses.replace(used.config, token=access.token, allowed_hosts=access.hosts))
        served = uvicorn.Config(
            "akastats.app:app",
            log_level="warning",
            access_log=False,
            lifespan="on",
            use_colors=False,
            server_header=False,
            # By name, for it needs uvicorn.
            http="akastats.cli.connections:BoundedProtocol",
            ws="none",
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        served.load()
        here = address(listening)
        _say_where(here, used.shown, access, as_json)
        if open_page:
            _open(here)
        try:
            uvicorn.Server(served).run([listening])
        except KeyboardInterrupt:
            # uvicorn has ended in good order and raises the signal again.
            return


@dataclasses.dataclass(frozen=True)
class Access:
    """Who may ask: `token` and `hosts` as the configuration has them; `drawn` is the token if it is a new one."""

    token: str = dataclasses.field(repr=False)
    hosts: str
    drawn: str | None = dataclasses.field(repr=False)


def access_of(settings: Config, host: str, token: str, no_auth: bool, allowed: list[str]) -> Access:
    """Return who may ask at `host`; raises `ConfigError` for what cannot be used or contradicts itself."""
    if not host:
        raise ConfigError("--host: is empty; 127.0.0.1 is this machine alone, 0.0.0.0 every address of it")
    if no_auth and token:
        raise ConfigError("--insecure-no-auth and --token exclude each other")
    is_ours = hosts.is_loopback(host)
    given = tokens.OFF if no_auth else token or settings.token
    drawn = None if given or (is_ours and not allowed) else tokens.generate_token()
    names = [settings.allowed_hosts, *allowed, *([] if is_ours else _names_of(host))]
    access = Access(given or drawn or "", " ".join(names), drawn)
    hosts.parse_hosts("--allow-host", access.hosts)
    if given != tokens.OFF:
        tokens.parse_tokens("--token" if token else "AKA_STATS_TOKEN", access.token)
    return access


def _names_of(host: str) -> list[str]:
    """Return by which names a machine that serves at `host` is asked; its own may be none that a browser takes."""
    name = socket.gethostname() if hosts.is_wildcard(host) else host
    return [name] if hosts.parse_host_header(name) else []


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; raises `AkastatsError` where that cannot be."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(place[:2], family=family, backlog=128)
        # For the connections, which inherit it: asyncio sets it only where a socket names its protocol, and an
        # answer's second part waited 40 ms for the first to be acknowledged.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, UnicodeError) as error:
        # A name that cannot be spelled as one of a host is an error of its encoding.
        reason = getattr(error, "strerror", None) or error
        raise AkastatsError(
            f"cannot serve on {host} port {port}: {reason}; name another with --port, 0 for any"
        ) from error


def address(listening: socket.socket) -> str:
    """Return the address of a listening socket as a browser on this machine takes it."""
    host, port = listening.getsockname()[:2]
    if hosts.is_wildcard(host):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _say_where(here: str, server: str, access: Access, as_json: bool) -> None:
    if as_json:
        output.write_json({"url": here, "server": server, "token": access.drawn})
    else:
        output.say(f"akastats serves {server} at {here} (Ctrl-C ends it)")
        if access.drawn:
            output.say(f"its token, until it ends: {access.drawn}")
    if access.token == tokens.OFF:
        output.warn("nobody is asked for a token: whoever reaches the address may read everything")
    output.flush()


def _open(here: str) -> None:
    """Have a browser show the page; one in the terminal would keep us until it ends, so it gets a thread."""
    threading.Thread(target=webbrowser.open, args=(here,), daemon=True).start()
