"""Measure how long imports take, by top-level package.

A finder at the front of `sys.meta_path` asks the other finders, and wraps the loader that they return until it
executes the module. `importlib.util.LazyLoader` wraps loaders in the same way. What is imported does not change.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any

from pytest_akastats import clocks

#: Imports of one phase: package, number of modules, seconds without other packages, seconds of compilation.
ImportTimes = tuple[tuple[str, int, float, float], ...]

# Their modules are part of the interpreter and take microseconds.
_UNTIMED = (BuiltinImporter, FrozenImporter)
# CPython removes the frames of its import system from tracebacks by this file name. Without it, the traceback of a
# module that raises would contain frames of this module, and those of importlib before them.
_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"
# The function of CPython's import system that imports a module, two frames above the call of a finder.
_IMPORTING = "_find_and_load_unlocked"


class ImportTimer:
    """Adds up the seconds of imports by package, from `start` to `stop`.

    totals: number of modules, seconds and seconds of compilation since the last `take`, by package.
    """

    def __init__(self, clock: Callable[[], float] = clocks.perf_counter) -> None:
        self._clock = clock
        self._open = _OpenImports()
        self.totals: dict[str, list[float]] = {}

    def start(self) -> None:
        """Start measuring."""
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Stop measuring; a second call does nothing."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]

    def take(self) -> ImportTimes:
        """Remove and return the imports since the last call."""
        taken = tuple(
            (package, int(modules), own, compiled) for package, (modules, own, compiled) in self.totals.items()
        )
        self.totals = {}
        return taken

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module spec of the next finder that has one, with a loader that measures the import.

        Returns `None` if nothing is imported, for example to `importlib.util.find_spec`.
        """
        try:
            if sys._getframe(2).f_code.co_name != _IMPORTING:
                return None
            finders = [finder.find_spec for finder in sys.meta_path if finder is not self]
        except Exception:
            # A finder without `find_spec`: the import continues with the finders that follow this one.
            return None
        for find in finders:
            spec = find(name, path, target)
            if spec is not None:
                try:
                    if _can_be_timed(spec.loader):
                        spec.loader = TimedLoader(spec.loader, self)  # type: ignore[assignment]  # it has the methods
                except Exception:
                    # The module is imported without being measured.
                    pass
                return spec
        return None

    def begin(self, name: str) -> float:
        """Note that the import of a module begins; return the time."""
        self._open.modules.append((name.partition(".")[0], [0.0]))
        return self._clock()

    def end(self, began: float, is_executed: bool) -> None:
        """Note that the innermost import ends; `is_executed` is false after the creation of the module only."""
        elapsed = self._clock() - began
        modules = self._open.modules
        package, (others,) = modules.pop()
        totals = self.totals.setdefault(package, [0, 0.0, 0.0])
        totals[0] += is_executed
        totals[1] += elapsed - others
        if modules:
            # Exclude this time from the outer module, so that it is counted once if both are of one package.
            modules[-1][1][0] += elapsed

    def compile(self, loader: SourceFileLoader, package: str, *source: Any, **options: Any) -> Any:
        """Compile a module as its loader does, and add the seconds to those of the package."""
        vars(loader).pop("source_to_code", None)
        began = self._clock()
        try:
            return loader.source_to_code(*source, **options)
        finally:
            self.totals.setdefault(package, [0, 0.0, 0.0])[2] += self._clock() - began


class _OpenImports(threading.local):
    """The modules that a thread is importing, innermost last: package, and seconds of other packages in it."""

    def __init__(self) -> None:
        self.modules: list[tuple[str, list[float]]] = []


def _can_be_timed(loader: Any) -> bool:
    is_loader = hasattr(loader, "exec_module") and hasattr(loader, "create_module")
    return is_loader and loader not in _UNTIMED and type(loader) is not TimedLoader


class TimedLoader:
    """A loader that measures another loader, and replaces itself with it when the module is executed."""

    def __init__(self, loader: Any, timer: ImportTimer) -> None:
        self._loader, self._timer = loader, timer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    # After an error of this class, the module is loaded but not measured. Its own errors are raised unchanged.
    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module, which for an extension means to load its library."""
        __tracebackhide__ = True
        began = None
        try:
            began = self._timer.begin(spec.name)
        except Exception:
            pass
        try:
            module: ModuleType | None = self._loader.create_module(spec)
            return module
        finally:
            try:
                if began is not None:
                    self._timer.end(began, is_executed=False)
            except Exception:
                pass

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, and set its loader to the measured loader."""
        __tracebackhide__ = True
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        began = None
        try:
            began = self._timer.begin(module.__name__)
            self._measure_compilation(module.__name__.partition(".")[0])
        except Exception:
            pass
        try:
            self._loader.exec_module(module)
        finally:
            try:
                vars(self._loader).pop("source_to_code", None)
                if began is not None:
                    self._timer.end(began, is_executed=True)
            except Exception:
                pass

    def _measure_compilation(self, package: str) -> None:
        """Let the loader call `compile` of the timer if there is no bytecode; it then has its own method again."""
        loader = self._loader
        if type(loader) is SourceFileLoader:
            vars(loader)["source_to_code"] = partial(self._timer.compile, loader, package)


for _method in (ImportTimer.find_spec, ImportTimer.compile, TimedLoader.create_module, TimedLoader.exec_module):
    _method.__code__ = _method.__code__.replace(co_filename=_IMPORT_SYSTEM)
