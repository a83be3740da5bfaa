"""Serve the page: its files, and one HTML shell without data for all its URLs."""

from __future__ import annotations

from functools import cache, lru_cache
from html import escape
from string import Template

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from akastats import __version__
from akastats.config import DefaultZone, config
from akastats.dashboard import files, reference

router = APIRouter(include_in_schema=False)

# Forbid content of other hosts, inline scripts and styles, and text as script, because names may contain HTML.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# The address of a file contains a digest, so its content never changes.
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


@router.get("/", response_class=HTMLResponse)
@router.get("/tests", response_class=HTMLResponse)
@router.get("/test", response_class=HTMLResponse)
@router.get("/flaky", response_class=HTMLResponse)
@router.get("/slower", response_class=HTMLResponse)
@router.get("/speed-up", response_class=HTMLResponse)
@router.get("/stats", response_class=HTMLResponse)
@router.get("/errors", response_class=HTMLResponse)
@router.get("/errors/{rest:path}", response_class=HTMLResponse)
@router.get("/runs/{rest:path}", response_class=HTMLResponse)
async def get_shell(request: Request) -> HTMLResponse:
    """Return the shell; its scripts fetch the data for the address."""
    return HTMLResponse(render_shell(path_to_root(request), _timezone()), headers=HEADERS)


@router.get("/docs", response_class=HTMLResponse)
async def get_reference(request: Request) -> HTMLResponse:
    """Return the reference of the API, which needs no script and no other host."""
    base = path_to_root(request)
    page = _read_template("reference.html").substitute(
        base=base,
        static=f"{base}static/{files.compute_digest()}/",
        content=_render_reference(request.app),
        version=__version__,
    )
    return HTMLResponse(page, headers=HEADERS)


@lru_cache(maxsize=1)
def _render_reference(app: FastAPI) -> str:
    return reference.render(app.openapi())


@router.get("/static/{digest}/{name}")
async def get_file(request: Request, digest: str, name: str) -> Response:
    """Return a file of the page. Any digest is accepted, so that an open page works after an update."""
    file = files.load_files().get(name)
    if file is None:
        raise HTTPException(404, f"no such file of the page: {name[:100]!r}")
    headers = {**(FOREVER if digest == files.compute_digest() else HEADERS), "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.content, headers=headers, media_type=file.media_type)
    return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type)


def answer_unmatched(request: Request) -> Response | None:
    """Return the shell with status 404 to a browser at an unknown address; `None` for other requests."""
    path = request.url.path.removeprefix(request.scope.get("root_path", "").rstrip("/"))
    is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if not is_page or path.startswith(("/api/", "/static/")):
        return None
    return HTMLResponse(render_shell(path_to_root(request), _timezone()), 404, HEADERS)


def _timezone() -> str:
    """Return the time zone of the page; empty for the time zone of the browser."""
    return "" if isinstance(config.timezone, DefaultZone) else str(config.timezone)


def path_to_root(request: Request) -> str:
    """Return the relative path from a page to the root of the service: `../../` from `runs/x/compare`.

    It counts slashes in the path as the client sent it, because a browser does not decode an encoded slash.
    """
    sent = bytes(request.scope.get("raw_path") or request.scope["path"].encode()).split(b"?")[0]
    root = request.scope.get("root_path", "").rstrip("/").encode()
    return "../" * (sent.removeprefix(root).count(b"/") - 1) or "./"


# Clients can send any number of slashes, so the cache is small.
@lru_cache(maxsize=16)
def render_shell(base: str, timezone: str) -> str:
    """Return the HTML of the page without data."""
    static = f"{base}static/{files.compute_digest()}/"
    return _read_template("shell.html").substitute(
        base=base, static=static, timezone=escape(timezone), version=escape(__version__)
    )


@cache
def _read_template(name: str) -> Template:
    return Template(files.read(name).decode())
