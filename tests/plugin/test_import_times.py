"""Time of imports by package, without a change of what is imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import traceback
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import SimpleNamespace

import pytest

from akastats.model import profile
from pytest_akastats.import_times import ImportTimer
from tests.plugin.conftest import Record

MODULES = {
    "akaouter/__init__.py": "import time\ntime.sleep(0.02)\nimport akainner\nfrom akaouter import part\n",
    "akaouter/part.py": "import time\ntime.sleep(0.01)\n",
    "akainner.py": "import time\ntime.sleep(0.03)\n",
    "akabroken.py": "import akadeep\n",
    "akadeep.py": "raise ValueError('deep')\n",
    "akawaits.py": "import akaevents\nakaevents.inside.set()\nakaevents.resume.wait()\n",
    "akaspace/inside.py": "value = 7\n",
}


@pytest.fixture
def timer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImportTimer]:
    """A timer that is active, and modules to import."""
    for name, text in MODULES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    timer = ImportTimer()
    timer.start()
    yield timer
    timer.stop()
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_each_package_has_its_own_time(timer: ImportTimer) -> None:
    """The inner package is imported by the outer one, and counts alone."""
    importlib.import_module("akaouter")

    times = {package: (modules, seconds) for package, modules, seconds, _ in timer.take()}
    outer, inner = times["akaouter"], times["akainner"]
    assert (2, 1) == (outer[0], inner[0])
    assert 0.03 <= outer[1] < 0.06
    assert 0.03 <= inner[1] < 0.06
    assert () == timer.take()


def test_compilation_is_measured_if_no_bytecode_is_stored(
    timer: ImportTimer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second import reads the bytecode of the first one."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "akalarge.py").write_text("".join(f"def f{at}(x):\n    return x + {at}\n" for at in range(2000)))
    module = importlib.import_module("akalarge")
    ((_, _, seconds, compiled),) = timer.take()
    del sys.modules["akalarge"]
    importlib.import_module("akalarge")
    ((_, _, _, second),) = timer.take()

    assert 0 < compiled < seconds
    assert second == 0
    assert "source_to_code" not in vars(module.__loader__)


def test_a_syntax_error_is_reported_as_without_the_timer(timer: ImportTimer, tmp_path: Path) -> None:
    """No frame of the timer is in the traceback."""
    (tmp_path / "akawrong.py").write_text("def\n")
    with pytest.raises(SyntaxError) as caught:
        importlib.import_module("akawrong")

    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert all("akastats" not in Path(file).parts and not file.endswith("import_times.py") for file in files[1:])


def test_a_module_keeps_its_loader(timer: ImportTimer) -> None:
    """Nothing of the measurement is left in it."""
    module = importlib.import_module("akainner")

    assert type(module.__loader__) is type(module.__spec__.loader) is type(pytest.__loader__)
    assert module.__spec__.loader is module.__loader__


def test_a_package_without_a_file_is_imported(timer: ImportTimer) -> None:
    """A namespace package has a loader that executes nothing."""
    assert 7 == importlib.import_module("akaspace.inside").value


def test_a_module_that_does_not_exist_is_not_found(timer: ImportTimer) -> None:
    """With the usual error."""
    with pytest.raises(ModuleNotFoundError, match="No module named 'akanothing'"):
        importlib.import_module("akanothing")


def test_the_traceback_of_a_failing_module_is_unchanged(timer: ImportTimer) -> None:
    """Neither frames of ours nor those of importlib are in it."""

    def describe() -> list[str]:
        sys.modules.pop("akabroken", None)
        try:
            import akabroken  # type: ignore[import-not-found]  # noqa: F401 - made by this test
        except ValueError as error:
            return [
                f"{Path(each.filename).name}:{each.name}" for each in traceback.extract_tb(error.__traceback__)
            ]
        raise AssertionError

    measured = describe()
    timer.stop()

    assert (
        describe() == measured == ["test_import_times.py:describe", "akabroken.py:<module>", "akadeep.py:<module>"]
    )


def test_a_found_module_can_be_inspected(timer: ImportTimer) -> None:
    """Code that only looks for a module gets the loader itself."""
    spec = importlib.util.find_spec("akainner")

    assert spec is not None
    assert isinstance(spec.loader, SourceFileLoader)
    assert () == timer.take()


def test_threads_import_at_the_same_time(timer: ImportTimer) -> None:
    """Each has its own time, although one import ends inside the other."""
    inside, resume = threading.Event(), threading.Event()
    sys.modules["akaevents"] = SimpleNamespace(inside=inside, resume=resume)  # type: ignore[assignment]  # a double
    thread = threading.Thread(target=importlib.import_module, args=("akawaits",))
    thread.start()
    inside.wait()
    importlib.import_module("akainner")
    resume.set()
    thread.join()

    times = {package: seconds for package, _, seconds, _ in timer.take()}
    assert 0.03 <= times["akainner"] < 0.06
    assert times["akawaits"] >= 0.03


def test_a_module_can_be_reloaded_afterwards(timer: ImportTimer) -> None:
    """The timer is not needed any more."""
    module = importlib.import_module("akainner")
    timer.stop()
    timer.stop()

    assert importlib.reload(module) is module
    assert timer not in sys.meta_path


def test_a_run_records_its_imports(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """Those of conftest files and of test modules, in the process that made them."""
    pytester.makepyfile(akaslow="import time\ntime.sleep(0.05)\n", akaearly="import time\ntime.sleep(0.05)\n")
    pytester.makeconftest("import akaearly\n")
    pytester.makepyfile(test_one="import akaslow\n\n\ndef test_one():\n    pass\n")
    pytester.syspathinsert()

    rows = [row for row in profile.rows(record(spread).profile["imports"]) if row["own"] >= 50_000]

    named = {(row["phase"], row["package"]) for row in rows}
    assert {("conftest", "akaearly"), ("collect", "akaslow")} <= named
    workers = {row["worker"] for row in rows if row["package"] == "akaslow"}
    assert ({""} if spread == "-n0" else {"gw0", "gw1"}) == workers


def test_a_run_records_the_imports_of_tests(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """The first test of each process that imports a module pays for it."""
    pytester.makepyfile(akaslow="import time\ntime.sleep(0.05)\n")
    pytester.makepyfile(test_one="def test_one():\n    import akaslow\n\n\ndef test_two():\n    import json\n")
    pytester.syspathinsert()

    rows = [row for row in profile.rows(record(spread).profile["imports"]) if row["nodeid"]]

    (slow,) = (row for row in rows if row["package"] == "akaslow")
    assert ("tests", "test_one.py::test_one", 1) == (slow["phase"], slow["nodeid"], slow["modules"])
    assert slow["own"] >= 50_000


@pytest.mark.parametrize("mode", ["prepend", "importlib", "append"])
def test_a_module_that_raises_is_reported_as_without_the_plugin(pytester: pytest.Pytester, mode: str) -> None:
    """The traceback in the terminal is the same."""
    pytester.makepyfile(akadeep="raise ValueError('deep')\n")
    pytester.makepyfile(test_one="import akadeep\n")
    pytester.syspathinsert()

    def describe(*options: str) -> list[str]:
        lines = pytester.runpytest_subprocess(f"--import-mode={mode}", "-p", "no:randomly", *options).outlines
        start = next(at for at, line in enumerate(lines) if "ERROR collecting" in line)
        end = next(at for at, line in enumerate(lines) if "short test summary" in line)
        return [line for line in lines[start:end] if not line.startswith("akastats: ")]

    assert describe() == describe("--akastats", "--akastats-wait=0")
