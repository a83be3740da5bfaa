"""`akastats serve`: the API and the page, for this machine alone."""

from __future__ import annotations

import ipaddress
import socket
from typing import Annotated

import typer

from akastats.cli import output, target
from akastats.cli.options import Directory, Json, Namespace, Url
from akastats.errors import AkastatsError, ConfigError


def serve(
    host: Annotated[str, typer.Option(help="A loopback address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8321,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Serve the API and the page until Ctrl-C."""
    check_loopback(host)
    chosen = target.of_options(url, namespace, directory)
    with target.opened(chosen, make=True), _listen(host, port) as listening:
        # Late: importing FastAPI and uvicorn takes 0.3 s, which the other commands need not wait for.
        import uvicorn

        settings = uvicorn.Config(
            "akastats.app:app", log_level="warning", access_log=False, lifespan="on", use_colors=False
        )
        settings.load()
        _say_where(address(listening), chosen.shown, as_json)
        try:
            uvicorn.Server(settings).run([listening])
        except KeyboardInterrupt:
            # uvicorn has ended in good order and raises the signal again.
            return


def check_loopback(host: str) -> None:
    """Raise `ConfigError` for an address that others than this machine can reach."""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ConfigError(
            f"--host: {host!r} is no loopback address; whoever can reach the API can read all of it, and there "
            "is no token yet: serve on 127.0.0.1, behind an SSH tunnel or a proxy that asks for a password"
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(place[:2], family=family, backlog=128)
    except OSError as error:
        raise AkastatsError(
            f"cannot serve on {host} port {port}: {error.strerror or error}; name another with --port, 0 for any"
        ) from error


def address(listening: socket.socket) -> str:
    """Return the address of a listening socket as a browser takes it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _say_where(here: str, server: str, as_json: bool) -> None:
    if as_json:
        output.write_json({"url": here, "server": server})
    else:
        output.say(f"akastats serves {server} at {here} (Ctrl-C ends it)")
    output.flush()
