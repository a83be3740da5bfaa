"""The files the page is made of: its own, and the chart library's out of that one's package."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import util
from pathlib import Path

HERE = Path(__file__).parent / "static"
KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class File:
    """A file as it is answered, plain or packed."""

    content: bytes
    packed: bytes
    media_type: str


def read(name: str) -> bytes:
    """Return one of the page's own files."""
    return (HERE / name).read_bytes()


@cache
def every() -> dict[str, File]:
    """Return every file a browser may ask for, by name."""
    return {name: _file(name, content) for name, content in (*_own(), *_charts())}


def _file(name: str, content: bytes) -> File:
    # These are the same for everybody, so that how small they get tells nobody anything.
    return File(content, gzip.compress(content, mtime=0), KINDS[Path(name).suffix])


@cache
def digest() -> str:
    """Return what names this very set of files."""
    whole = hashlib.blake2b(digest_size=8)
    for name, file in sorted(every().items()):
        whole.update(name.encode() + b"\0" + file.content)
    return whole.hexdigest()


def _own() -> Iterator[tuple[str, bytes]]:
    return ((path.name, path.read_bytes()) for path in HERE.iterdir() if path.suffix in KINDS)


def _charts() -> Iterator[tuple[str, bytes]]:
    """Yield the chart library's files; none where its package is missing: then the page has no charts."""
    # Found, not imported: the package itself would import numpy and IPython, 0.4 s for two files.
    spec = util.find_spec("uplot")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        script, style = (Path(place) / "static" / name for name in ("uPlot.iife.js", "uPlot.min.css"))
        if script.exists() and style.exists():
            # A classic script that sets a global; our modules import it.
            yield "uplot.js", _slim(script.read_bytes()) + b"\nexport default uPlot;\n"
            yield "uplot.css", style.read_bytes()


def _slim(script: bytes) -> bytes:
    """Return a script without indentation, blank lines and comment lines, which shrinks it by a fifth.

    One in which text between backquotes runs over lines is returned as it is.
    """
    lines = [line.strip() for line in script.split(b"\n")]
    if any(line.count(b"`") % 2 for line in lines):
        return script
    return b"\n".join(line for line in lines if line and not line.startswith(b"//"))
