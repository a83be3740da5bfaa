"""Raising at every call in our code that runs in the process of the tests, one run a call and exception.

    python injector.py DIRECTORY

Reads jobs, one JSON line each, and answers each with a line. The modules under attack are compiled with every
call in a function's body replaced by a call through `reach`, so a hook or a write that is added later is a point
without a word here. Every run is a fork of this process: one takes 0.1 s where a new process takes 0.6 s.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import io
import json
import os
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

#: The code that runs in the process of the tests.
ATTACKED = ("pytest_akastats", "akastats.spool.writer", "akastats.spool.files", "akastats.detached")
#: Without its options the plugin cannot be told anything: nothing is left to be guarded there.
#: The lookup of an attribute that a wrapped loader lacks is the loader's own.
LEFT_OUT = ("pytest_addoption", "__getattr__")
#: Calls of loaders and finders that our code wraps: their errors are those of the imported module.
NOT_OURS = ("find", "self._loader.create_module", "self._loader.exec_module")

EXCEPTIONS: tuple[type[BaseException], ...] = (
    *(OSError, ValueError, RecursionError, MemoryError, UnicodeError, RuntimeError),
    *(KeyboardInterrupt, SystemExit),
)


class Points:
    """The calls of our code by number; `reach` carries each out, or raises where it was told to."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.reached: set[int] = set()
        self.chosen = -1
        self.raises: type[BaseException] = OSError
        self.times = 0

    def add(self, module: str, function: str, call: ast.Call) -> int:
        self.names.append(f"{module}:{call.lineno} {function}: {ast.unparse(call.func)}")
        return len(self.names) - 1

    def reach(self, point: int, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        self.reached.add(point)
        if point == self.chosen and self.times > 0:
            self.times -= 1
            raise self.raises("injected")
        return function(*arguments, **named)


class Instrument(ast.NodeTransformer):
    """Sends every call in the body of a function through `Points.reach`."""

    def __init__(self, points: Points, module: str) -> None:
        self._points, self._module = points, module
        self._functions: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        if node.name not in LEFT_OUT:
            self._functions.append(node.name)
            node.body = [self.visit(statement) for statement in node.body]
            self._functions.pop()
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if not self._functions or (isinstance(node.func, ast.Name) and node.func.id == "super"):
            return node
        if ast.unparse(node.func) in NOT_OURS:
            return node
        point = self._points.add(self._module, self._functions[-1], node)
        return ast.Call(
            ast.Name("__reach__", ast.Load()), [ast.Constant(point), node.func, *node.args], node.keywords
        )


class Loader(SourceFileLoader):
    """Loads a module with its calls instrumented."""

    points: Points

    def get_code(self, fullname: str) -> CodeType:
        tree = Instrument(self.points, fullname).visit(ast.parse(self.get_source(fullname) or ""))
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)


class Finder(MetaPathFinder):
    """Finds the modules under attack before anybody else does."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(ATTACKED):
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None
        assert spec.origin is not None
        return importlib.util.spec_from_file_location(
            name,
            spec.origin,
            loader=Loader(name, spec.origin),
            submodule_search_locations=spec.submodule_search_locations,
        )


class Phases:
    """What pytest says of each test, and of each file that it could not collect."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seen.append((report.nodeid, report.when, report.outcome))

    def pytest_collectreport(self, report: Any) -> None:
        self.seen.append((report.nodeid, "collect", report.outcome))


class Worker:
    """Makes pytest believe that it is a worker of pytest-xdist, so that our worker's half is what runs."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: Any) -> None:
        config.workerinput, config.workeroutput = {}, {}


def carry_out(points: Points, job: dict[str, Any], suite: Path, answer: Path) -> None:
    """Run the suite once, in this process, and write down what came of it."""
    plugin = sys.modules["pytest_akastats"]
    home = Path(tempfile.mkdtemp(dir=suite.parent))
    shutil.copytree(suite, home / "suite")
    os.chdir(home / "suite")
    # What is started beside the run: nothing, or a script that says at once that all is delivered.
    sys.executable = job["shipper"]
    points.chosen, points.times = job["point"], job["times"]
    points.raises = next(kind for kind in EXCEPTIONS if kind.__name__ == job["raises"])
    points.reached.clear()
    phases = Phases()
    written = io.StringIO()
    sys.stdout = sys.stderr = written
    raised, code = "", -1
    worker = [Worker()] if job["worker"] else []
    try:
        code = int(pytest.main(["-p", "no:cacheprovider", *job["arguments"]], plugins=[*worker, plugin, phases]))
    except BaseException as error:  # noqa: BLE001 - whatever comes out of pytest is what is asked for
        raised = type(error).__name__
    told = {"code": code, "raised": raised, "phases": phases.seen, "reached": sorted(points.reached)}
    answer.write_text(json.dumps({**told, "output": written.getvalue().replace(str(home), "HOME")}))
    shutil.rmtree(home)


def main(directory: Path) -> None:
    points = Points()
    Loader.points = points
    builtins.__reach__ = points.reach  # type: ignore[attr-defined]
    sys.meta_path.insert(0, Finder())
    package = importlib.import_module("pytest_akastats")
    # All of them before the first fork: points that only a child knew would have no name here.
    for module in pkgutil.iter_modules(package.__path__, "pytest_akastats."):
        importlib.import_module(module.name)
    print(json.dumps(points.names), flush=True)
    answer = directory / f"answer{os.getpid()}"
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            try:
                carry_out(points, json.loads(line), directory / "suite", answer)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        print(answer.read_text() if answer.exists() else json.dumps({"code": -2}), flush=True)
        answer.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
