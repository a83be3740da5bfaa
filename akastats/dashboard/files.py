"""The files of the page: its own, the phrases of the reports, and the chart library from its package."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib import util
from pathlib import Path

from akastats.report import phrases

HERE = Path(__file__).parent / "static"
KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class File:
    """A file of the page.

    content: its bytes
    packed: the same, compressed with gzip
    media_type: value of the header `Content-Type`
    """

    content: bytes
    packed: bytes
    media_type: str


def read(name: str) -> bytes:
    """Return the content of one of the page's own files."""
    return (HERE / name).read_bytes()


@cache
def every() -> dict[str, File]:
    """Return all files of the page by name."""
    return {name: _file(name, content) for name, content in (*_own(), ("phrases.js", _phrases()), *_charts())}


def _file(name: str, content: bytes) -> File:
    # These files hold no data of users, so their compressed length reveals nothing.
    return File(content, gzip.compress(content, mtime=0), KINDS[Path(name).suffix])


@cache
def digest() -> str:
    """Return a digest of all files, which is part of their addresses."""
    digest_of_all = hashlib.blake2b(digest_size=8)
    for name, file in sorted(every().items()):
        digest_of_all.update(name.encode() + b"\0" + file.content)
    return digest_of_all.hexdigest()


def _own() -> Iterator[tuple[str, bytes]]:
    return ((path.name, path.read_bytes()) for path in HERE.iterdir() if path.suffix in KINDS)


def _phrases() -> bytes:
    """Return a module with the constants of `akastats.report.phrases`, so that the page uses the same wording."""
    constants = {name: value for name, value in vars(phrases).items() if name.isupper()}
    table = json.dumps(constants, default=asdict, separators=(",", ":"))
    return f"export default {table};\n".encode()


def _charts() -> Iterator[tuple[str, bytes]]:
    """Yield the files of the chart library. Without its package the page has no charts."""
    # Do not import the package, because it imports numpy and IPython, which takes 0.4 s.
    spec = util.find_spec("uplot")
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        script, style = (Path(directory) / "static" / name for name in ("uPlot.iife.js", "uPlot.min.css"))
        if script.exists() and style.exists():
            # A classic script that sets a global; our modules import it.
            yield "uplot.js", _slim(script.read_bytes()) + b"\nexport default uPlot;\n"
            yield "uplot.css", style.read_bytes()


def _slim(script: bytes) -> bytes:
    """Return a script without indentation, blank lines and comment lines, which shrinks it by a fifth.

    A script with a template literal of several lines is returned unchanged.
    """
    lines = [line.strip() for line in script.split(b"\n")]
    if any(line.count(b"`") % 2 for line in lines):
        return script
    return b"\n".join(line for line in lines if line and not line.startswith(b"//"))
