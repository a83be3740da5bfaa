"""The files of the page: its own, the phrases of the reports, and the chart library from its package."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib import util
from pathlib import Path

from akastats.report import phrases

HERE = Path(__file__).parent / "static"
_COMMENT = re.compile(rb"^[ \t]*/\*.*?\*/[ \t]*$", re.MULTILINE | re.DOTALL)
MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


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
def load_files() -> dict[str, File]:
    """Return all files of the page by name."""
    return {
        name: _pack(name, content)
        for name, content in (*_read_own(), ("phrases.js", _render_phrases()), *_read_charts())
    }


def _pack(name: str, content: bytes) -> File:
    # These files hold no data of users, so their compressed length reveals nothing.
    return File(content, gzip.compress(content, mtime=0), MEDIA_TYPES[Path(name).suffix])


@cache
def compute_digest() -> str:
    """Return a digest of all files, which is part of their addresses."""
    digest_of_all = hashlib.blake2b(digest_size=8)
    for name, file in sorted(load_files().items()):
        digest_of_all.update(name.encode() + b"\0" + file.content)
    return digest_of_all.hexdigest()


def _read_own() -> Iterator[tuple[str, bytes]]:
    for path in HERE.iterdir():
        if path.suffix in MEDIA_TYPES:
            content = path.read_bytes()
            yield path.name, _minify(content) if path.suffix == ".js" else content


def _render_phrases() -> bytes:
    """Return a module with the constants of `akastats.report.phrases`, so that the page uses the same wording."""
    constants = {name: value for name, value in vars(phrases).items() if name.isupper()}
    table = json.dumps(constants, default=asdict, separators=(",", ":"))
    return f"export default {table};\n".encode()


def _read_charts() -> Iterator[tuple[str, bytes]]:
    """Yield the files of the chart library. Without its package the page has no charts."""
    # Do not import the package, because it imports numpy and IPython, which takes 0.4 s.
    spec = util.find_spec("uplot")
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        script, style = (Path(directory) / "static" / name for name in ("uPlot.iife.js", "uPlot.min.css"))
        if script.exists() and style.exists():
            # This classic script sets a global. The export lets modules of the page import it.
            yield "uplot.js", _minify(script.read_bytes()) + b"\nexport default uPlot;\n"
            yield "uplot.css", style.read_bytes()


def _minify(script: bytes) -> bytes:
    """Return a script without indentation and comments, except for licenses. Line numbers stay the same.

    A script with a template literal of several lines is returned unchanged.
    """
    if any(line.count(b"`") % 2 for line in script.split(b"\n")):
        return script
    without_blocks = _COMMENT.sub(_keep_lines, script)
    lines = (line.strip() for line in without_blocks.split(b"\n"))
    return b"\n".join(b"" if line.startswith(b"//") else line for line in lines)


def _keep_lines(comment: re.Match[bytes]) -> bytes:
    return comment[0] if b"Copyright" in comment[0] else b"\n" * comment[0].count(b"\n")
