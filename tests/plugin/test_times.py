"""Times are true: of fixtures, of phases, and under clocks that tests have moved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from akastats.model import profile
from tests.plugin.conftest import Record, history

# Seconds; the truth is what the suite sleeps. The bound is the project's own.
BOUND_S = 0.010
# Another process may have the processor between our clock and the suite's: of each time the best try counts.
TRIES = 3

# The suite notes what each fixture really slept: on a busy machine a sleep takes longer than it was told.
FIXTURES = """
import json, pathlib, time, unittest
import pytest

def sleep(name, phase, seconds):
    began = time.perf_counter()
    time.sleep(seconds)
    with pathlib.Path(__file__).with_name("truth.jsonl").open("a") as truth:
        truth.write(json.dumps([name, phase, time.perf_counter() - began]) + "\\n")

def waits(name, setup, teardown):
    sleep(name, "setup", setup)
    yield
    sleep(name, "teardown", teardown)

@pytest.fixture(scope="session")
def of_session(): yield from waits("of_session", 0.10, 0.05)
@pytest.fixture(scope="package")
def of_package(): yield from waits("of_package", 0.06, 0.03)
@pytest.fixture(scope="module")
def of_module(of_session): yield from waits("of_module", 0.08, 0.04)
@pytest.fixture(scope="class")
def of_class(): yield from waits("of_class", 0.05, 0.02)
@pytest.fixture
def of_function(of_module): yield from waits("of_function", 0.03, 0.02)
@pytest.fixture(params=[0.04, 0.06])
def parametrised(request): yield from waits("parametrised", request.param, 0.01)
@pytest.fixture
def inner(): yield from waits("inner", 0.05, 0.03)
@pytest.fixture
def outer(request):
    sleep("outer", "setup", 0.02)
    request.getfixturevalue("inner")
    yield
    sleep("outer", "teardown", 0.01)
@pytest.fixture
def finalized(request):
    request.addfinalizer(lambda: sleep("finalized", "teardown", 0.03))
    sleep("finalized", "setup", 0.02)
@pytest.fixture
def fails():
    sleep("fails", "setup", 0.04)
    raise RuntimeError

def setup_module(): sleep("setup_module", "setup", 0.03)
def teardown_module(): sleep("setup_module", "teardown", 0.02)

class TestAll:
    def setup_method(self): sleep("setup_method", "setup", 0.01)
    def test_wide(self, of_session, of_package, of_class): pass
    def test_narrow(self, of_function): pass
    def test_again(self, of_function): pass
    def test_parameters(self, parametrised): pass
    def test_nested(self, outer): pass
    def test_finalizer(self, finalized): pass
    def test_fails(self, fails): pass
class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls): sleep("setUpClass", "setup", 0.05)
    @classmethod
    def tearDownClass(cls): sleep("setUpClass", "teardown", 0.02)
    def test_case(self): pass
"""

COUNTS = {"of_function": 2, "parametrised": 2, "setup_method": 8}


def truth_of(path: Path) -> dict[str, dict[str, float]]:
    """Return what a suite noted, seconds by fixture and phase, and forget it."""
    truth: dict[str, dict[str, float]] = {}
    for line in path.read_text().splitlines():
        name, phase, seconds = json.loads(line)
        phases = truth.setdefault(name, {"setup": 0.0, "teardown": 0.0})
        phases[phase] += seconds
    path.unlink()
    return truth


def beyond(found: dict[str, float], truth: dict[str, float], bound_s: float = BOUND_S) -> dict[str, str]:
    """Return what is further from the truth than the bound, with the truth."""
    return {name: f"{found[name]} for {true}" for name, true in truth.items() if abs(found[name] - true) > bound_s}


def test_each_fixture_has_its_own_time(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """Of every scope, parametrised, nested, xunit, with teardowns: within 10 ms of what it sleeps."""
    pytester.makepyfile(test_times=FIXTURES)

    wrong: dict[str, str] = {}
    for tries in range(1, TRIES + 1):
        recorded = record(spread, "--dist=loadfile")

        found, truth = recorded.fixtures, truth_of(pytester.path / "truth.jsonl")
        assert 13 == len(truth)
        far: dict[str, str] = {}
        for name, phases in truth.items():
            assert COUNTS.get(name, 1) == found[name]["count"], name
            points = history(f"fixture::{found[name]['baseid']}::{name}")
            assert tries == len(points), name
            whole = beyond({"point": points[0].value}, {"point": sum(phases.values())}, 2 * BOUND_S)
            far |= {f"{name} {which}": each for which, each in (beyond(found[name], phases) | whole).items()}
        wrong = {which: each for which, each in far.items() if tries == 1 or which in wrong}
        if not wrong:
            break
    assert {} == wrong


def test_a_parameter_is_no_fixture(pytester: pytest.Pytester, record: Record) -> None:
    """pytest makes a fixture of each parameter; nobody wrote it and nobody is told of it."""
    pytester.makepyfile(
        test_one="import pytest\n@pytest.mark.parametrize('word', 'ab')\ndef test_word(word): pass\n"
    )

    recorded = record()

    assert {} == recorded.fixtures


def test_a_shared_fixture_is_not_billed_to_its_first_test(pytester: pytest.Pytester, record: Record) -> None:
    """A test's value is its call phase."""
    pytester.makepyfile(
        test_one="""
        import pytest, time
        @pytest.fixture(scope="session")
        def database(): time.sleep(0.5)
        def test_first(database): pass
        """
    )

    record()

    (point,) = history("test::test_one.py::test_first")
    assert point.value < 0.25


@pytest.mark.parametrize("rerun", [(), ("-p", "rerunfailures", "--reruns=1")])
def test_a_moved_clock_changes_no_time(pytester: pytest.Pytester, record: Record, rerun: tuple[str, ...]) -> None:
    """A fixture that freezes time gives pytest impossible durations; ours are true, and so is the moment."""
    pytester.makepyfile(
        test_one="""
        import ctypes, json, pathlib, time
        import pytest
        from freezegun import freeze_time
        def wait(name, microseconds):
            # Sleeps and reads a clock that freezegun does not freeze.
            began = time.clock_gettime(time.CLOCK_MONOTONIC)
            ctypes.CDLL(None).usleep(microseconds)
            took = time.clock_gettime(time.CLOCK_MONOTONIC) - began
            with pathlib.Path(__file__).with_name("truth.jsonl").open("a") as truth:
                truth.write(json.dumps([name, "setup", took]) + "\\n")
        @pytest.fixture
        def in_1995():
            with freeze_time("1995-01-01") as frozen:
                yield frozen
        def test_frozen(in_1995): wait("frozen", 50_000)
        def test_moved(in_1995):
            wait("moved", 30_000)
            in_1995.tick(7200)
        def test_usual(): wait("usual", 20_000)
        """
    )

    wrong: dict[str, str] = {}
    for tries in range(1, TRIES + 1):
        recorded = record(*rerun)

        started, finished = (float(recorded.run[name]) for name in ("started", "finished"))
        truth = {name: took["setup"] for name, took in truth_of(pytester.path / "truth.jsonl").items()}
        assert {"frozen", "moved", "usual"} == set(truth)
        points = {name: history(f"test::test_one.py::test_{name}") for name in truth}
        assert {tries} == {len(each) for each in points.values()}
        assert all(started <= newest.timestamp <= finished for newest, *_ in points.values())
        far = beyond({name: newest.value for name, (newest, *_) in points.items()}, truth)
        wrong = {name: each for name, each in far.items() if tries == 1 or name in wrong}
        for row in profile.rows(recorded.profile["tests"]):
            assert 0 <= row["setup"] < 2e6, row
            assert 0 <= row["teardown"] < 2e6, row
        if not wrong:
            break
    assert {} == wrong


def test_collection_is_timed_by_file(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """A slow import is the file's, with workers the slowest one's."""
    pytester.makepyfile(
        test_slow="import time\ntime.sleep(0.1)\ndef test_it(): pass\n", test_quick="def test_it(): pass\n"
    )

    record(spread)

    (slow,), (quick,) = history("collect::test_slow.py"), history("collect::test_quick.py")
    assert slow.value > 0.1
    assert slow.value > quick.value


def test_the_run_has_points_of_its_own(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """Duration, collection and counts of the suite as a whole are labels too."""
    pytester.makepyfile(test_one="def test_a(): assert 0\ndef test_b(): pass\n")

    recorded = record(spread)

    names = ("tests", "failed", "errors", "skipped")
    assert [2, 1, 0, 0] == [history(f"run::{name}")[0].value for name in names]
    assert history("run::duration")[0].value == pytest.approx(float(recorded.run["duration"]))
    assert history("run::collect")[0].value > 0
