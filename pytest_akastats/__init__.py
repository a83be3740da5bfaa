"""The pytest plugin of akastats, `pytest --akastats`: its options, its fixtures, and the start of a recorded run.

Without `--akastats` it costs about 5 million instructions per session (`benchmarks/off.py`). Therefore this module
contains the hooks, has few names, and imports the rest late. For each name, pytest spends 25,000 instructions on
looking for a hook or a fixture.
"""

import time

import pytest

#: Wall time minus performance counter in seconds, before a conftest can freeze or patch clocks.
EPOCH = time.time() - time.perf_counter()


#: Key of the seconds in which pytest imported conftest files.
CONFTEST_S = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> object:
    # Refer to the clock before a conftest can patch or freeze it.
    clock = time.perf_counter
    began = None
    try:
        if early_config.known_args_namespace.akastats or early_config.getini("akastats"):
            from pytest_akastats.activation import prepare

            prepare(early_config)
            began = clock()
    except Exception:
        # The run is recorded without imports; an invalid setting is reported when pytest is configured.
        pass
    try:
        return (yield)
    finally:
        try:
            if began is not None:
                early_config.stash[CONFTEST_S] = clock() - began
        except Exception:
            # The run is recorded without the time of the conftest files.
            pass


def pytest_addoption(parser: pytest.Parser) -> None:
    switches = {
        "--akastats": "record this run",
        "--akastats-quarantine": "failures of quarantined tests (see `akastats quarantine`) do not fail the run",
    }
    values = {
        "url": "Redis or Valkey to deliver to; default: AKA_STATS_REDIS_URL, else an embedded server",
        "suite": "name of this job, such as unit or py312; each suite has its own durations and verdicts",
        "namespace": "Redis key prefix; default: AKA_STATS_NAMESPACE, else AKA-STATS",
        "dir": "directory of spool and embedded server; default: .akastats in the root directory",
        "redact": "regular expressions for additional secrets, one per line; `off` disables redaction",
        "fail-on": "verdicts that fail the run: new, slower, or both with a comma; default: pytest's own result",
        "base": "branch to compare with; default: AKA_STATS_BASE, the pull request's target, the default branch",
        "workers": "number of workers of `-n auto`: recommended by `akastats plan`; default: that of pytest-xdist",
        "order": "order of the tests: collected, or longest-first by the durations of earlier runs",
        "wait": "seconds to wait at the end for the run to be delivered; default: 10",
    }
    group = parser.getgroup("akastats", "test-suite statistics (akastats)")
    # Pass `dest`: without it, pytest compares an option with all others, 70,000 instructions per option.
    for option, text in switches.items():
        dest = option[2:].replace("-", "_")
        group.addoption(option, dest=dest, action="store_true", default=None, help=text)
        parser.addini(dest, text, type="bool", default=False)
    for name, text in values.items():
        dest = f"akastats_{name.replace('-', '_')}"
        group.addoption(f"--akastats-{name}", dest=dest, default=None, help=text, metavar=dest[9:].upper())
        parser.addini(dest, text, default="")
    budgets = "budgets of fixtures, files, imports and spans, one per line: `import numpy max_seconds=0.5`"
    parser.addini("akastats_budgets", budgets, type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    try:
        # Register the marker even if nothing is recorded, because --strict-markers refuses unregistered markers.
        config.addinivalue_line(
            "markers",
            "akastats(max_seconds=None, max_slowdown=None): budget of the test in seconds, and in multiples of "
            "its typical duration; `pytest --akastats` reports tests above it",
        )
        names = ("akastats", "akastats_quarantine", "akastats_fail_on", "akastats_order")
        if config.getini("akastats") or any(map(config.getoption, names)):
            from pytest_akastats.activation import activate

            activate(config, EPOCH, config.stash.get(CONFTEST_S, 0.0))
    except pytest.UsageError:
        raise
    except Exception as error:
        from pytest_akastats.activation import ActivationFailure

        config.pluginmanager.register(ActivationFailure(error), "akastats-activation-failure")


@pytest.fixture
def stat(request: pytest.FixtureRequest) -> object:
    """Record this test's own numbers: `stat("rows", 12)`, `with stat.timer("load"):`, `stat.exception(e)`.

    Without `--akastats` it accepts them and records nothing.
    """
    try:
        from pytest_akastats.fixtures import open_collector

        return open_collector(request.config, "collectors")
    except Exception:
        # The import also fails if a test has reached its limit of open files.
        return NullCollector()


@pytest.fixture(scope="session")
def akastats_stat(request: pytest.FixtureRequest) -> object:
    """Record numbers as `stat` does, in fixtures of any scope; they count for the test that is running."""
    try:
        from pytest_akastats.fixtures import open_collector

        return open_collector(request.config, "lasting")
    except Exception:
        # The import also fails if a test has reached its limit of open files.
        return NullCollector()


class NullCollector:
    """A `Collector` that discards its numbers: a test must not fail because it cannot be measured."""

    recorded_stats = ()

    def __call__(self, *numbers: object, **named: object) -> None:
        pass

    stat = exception = error = __call__

    def timer(self, *numbers: object, **named: object) -> object:
        """Return a context manager that does nothing."""
        from contextlib import nullcontext

        return nullcontext()


@pytest.fixture
def mock_stats() -> object:
    """Return the points that the code under test pushed, in order; nothing is written, no server is contacted."""
    from akastats.testing import recording

    with recording() as points:
        yield points


@pytest.fixture
def fake_stats() -> object:
    """Return a client of the fakeredis server that this test pushes to and reads from (extra `testing`)."""
    from akastats.testing import connect_fakes

    with connect_fakes() as client:
        yield client
