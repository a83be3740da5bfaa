"""`akastats serve`: serve the API and the page, on loopback or with a token."""

from __future__ import annotations

import dataclasses
import socket
import threading
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from akastats import hosts, tokens
from akastats.cli import output, targets
from akastats.cli.options import Directory, Json, Namespace, Url
from akastats.config import Config, config
from akastats.errors import AkastatsError, ConfigError

if TYPE_CHECKING:
    import uvicorn

# Maximum number of bytes of a header that arrives in parts; the application limits complete headers.
MAX_HEADER_BYTES = 32 * 1024


Host = Annotated[
    str, typer.Option(help="Address to listen on; a token is required unless it is a loopback address.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free port.")]
Token = Annotated[
    str,
    typer.Option(help="Token for reading, as `TOKEN` or `stats:TOKEN`; default: AKA_STATS_TOKEN, else generated."),
]
NoAuth = Annotated[
    bool, typer.Option("--insecure-no-auth", help="Require no token: anyone who can connect can read everything.")
]
AllowHost = Annotated[
    list[str] | None, typer.Option(help="Additional host name that browsers may use; repeat for several.")
]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8321,
    token: Token = "",
    no_auth: NoAuth = False,
    allow_host: AllowHost = None,
    open_page: Open = False,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Serve the API and the page until Ctrl-C."""
    target = targets.from_options(url, namespace, directory)
    access = access_of(target.config, host, token, no_auth, allow_host or [])
    with targets.open_target(target, make=True) as used, listen(host, port) as listening:
        config.use(dataclasses.replace(used.config, token=access.token, allowed_hosts=access.hosts))
        server = _create_server()
        page_url = url_of(listening)
        _write_url(page_url, used.display_name, access, as_json)
        if open_page:
            _open(page_url)
        try:
            server.run([listening])
        except KeyboardInterrupt:
            # uvicorn has shut down and raises the signal again.
            return


def _create_server() -> uvicorn.Server:
    """Return a server with the loaded application, so that errors of the import precede other output."""
    # Import late, because the import of FastAPI and uvicorn takes 0.3 s, and other commands do not need them.
    import uvicorn

    settings = uvicorn.Config(
        "akastats.app:app",
        log_level="warning",
        access_log=False,
        lifespan="on",
        use_colors=False,
        server_header=False,
        # Pass the name of the class, because its module imports uvicorn.
        http="akastats.cli.connections:BoundedProtocol",
        ws="none",
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    settings.load()
    return uvicorn.Server(settings)


@dataclasses.dataclass(frozen=True)
class Access:
    """Access to the server.

    token: Tokens as in AKA_STATS_TOKEN.
    hosts: Allowed host names as in AKA_STATS_ALLOWED_HOSTS.
    generated: The token if it was generated, else `None`.
    """

    token: str = dataclasses.field(repr=False)
    hosts: str
    generated: str | None = dataclasses.field(repr=False)


def access_of(settings: Config, host: str, token: str, no_auth: bool, allowed: list[str]) -> Access:
    """Return the access settings for `host`; raises `ConfigError` for invalid or contradictory options."""
    if not host:
        raise ConfigError("--host is empty: use 127.0.0.1 for this machine only, 0.0.0.0 for all addresses")
    if no_auth and token:
        raise ConfigError("--insecure-no-auth and --token cannot be combined")
    is_loopback = hosts.is_loopback(host)
    configured = tokens.OFF if no_auth else token or settings.token
    generated = None if configured or (is_loopback and not allowed) else tokens.generate_token()
    names = [settings.allowed_hosts, *allowed, *([] if is_loopback else _names_of(host))]
    access = Access(configured or generated or "", " ".join(names), generated)
    hosts.parse_hosts("--allow-host", access.hosts)
    if configured != tokens.OFF:
        tokens.parse_tokens("--token" if token else "AKA_STATS_TOKEN", access.token)
    return access


def _names_of(host: str) -> list[str]:
    """Return the host names for `host`; empty if its name is not valid in a browser."""
    name = socket.gethostname() if hosts.is_wildcard(host) else host
    return [name] if hosts.parse_host_header(name) else []


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises `AkastatsError` if the address is not available."""
    try:
        family, _, _, _, socket_address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(socket_address[:2], family=family, backlog=128)
        # Connections inherit this option; asyncio sets it only for sockets with an explicit protocol. Without it
        # the second part of a response waits 40 ms for the acknowledgement of the first.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, UnicodeError) as error:
        # A host name that IDNA cannot encode raises UnicodeError.
        reason = getattr(error, "strerror", None) or error
        raise AkastatsError(
            f"cannot listen on {host} port {port}: {reason}. Choose another port with --port; 0 chooses a free one"
        ) from error


def url_of(listening: socket.socket) -> str:
    """Return the URL of a listening socket for a browser on this machine."""
    host, port = listening.getsockname()[:2]
    if hosts.is_wildcard(host):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _write_url(page_url: str, server: str, access: Access, as_json: bool) -> None:
    if as_json:
        output.write_json({"url": page_url, "server": server, "token": access.generated})
    else:
        output.write_lines(f"akastats serves {server} at {page_url} (stop with Ctrl-C)")
        if access.generated:
            output.write_lines(f"token for this session: {access.generated}")
    if access.token == tokens.OFF:
        output.warn("no token is required: anyone who can connect can read everything")
    output.flush()


def _open(page_url: str) -> None:
    """Open the page in a browser, in a thread, because a terminal browser blocks until it exits."""
    threading.Thread(target=webbrowser.open, args=(page_url,), daemon=True).start()
