"""Switching the plugin on and off, its options, and what it leaves alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from akastats.redis import sync_redis
from pytest_akastats.activation import is_on
from tests.plugin.conftest import Record, history


def modules_after(pytester: pytest.Pytester, *arguments: str) -> set[str]:
    """Return the modules that a run has imported when it ends."""
    pytester.makepyfile(
        test_one="""
        import json, pathlib, sys
        def test_modules(): pathlib.Path(__file__).with_name("modules").write_text(json.dumps(sorted(sys.modules)))
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:valkey", "-p", "no:randomly", *arguments)
    result.assert_outcomes(passed=1)
    return set(json.loads((pytester.path / "modules").read_text()))


def test_off_imports_nothing_of_akastats(pytester: pytest.Pytester) -> None:
    """Installed and off, the plugin is one module."""
    modules = modules_after(pytester)

    assert not [name for name in modules if name.split(".")[0] in ("akastats", "redis", "fastapi", "pydantic")]
    assert {"pytest_akastats"} == {name for name in modules if name.startswith("pytest_akastats")}


def test_on_imports_no_client_and_no_framework(pytester: pytest.Pytester, server: str) -> None:
    """redis-py takes 121 ms to import, FastAPI 228 ms: both stay out of the process of the tests."""
    bare = modules_after(pytester)

    modules = modules_after(pytester, "--akastats", f"--akastats-url={server}", "--akastats-wait=60")

    added = {name.split(".")[0] for name in modules - bare}
    assert not added & {"redis", "fastapi", "pydantic", "uvicorn", "numpy", "typer", "rich", "asyncio"}


def test_the_ini_file_switches_it_on(pytester: pytest.Pytester, record: Record) -> None:
    """A project can record every run, and name its suite, in its configuration."""
    pytester.makeini("[pytest]\nakastats = true\nakastats_suite = py312\nakastats_wait = 60\n")
    pytester.makepyfile(test_one="def test_a(): pass\n")

    recorded = record(options=())

    assert "py312" == recorded.run["suite"]
    assert 1 == len(history("test@py312::test_one.py::test_a"))
    assert 1 == len(history("run@py312::duration"))


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("--akastats-suite=a b", "--akastats-suite"),
        ("--akastats-wait=soon", "--akastats-wait"),
        ("--akastats-url=http://localhost", "http://localhost"),
        ("--akastats-namespace=a b", "AKA_STATS_NAMESPACE"),
    ],
)
def test_a_wrong_value_is_a_usage_error(pytester: pytest.Pytester, argument: str, named: str) -> None:
    """A value that cannot be meant is refused before anything runs, by name."""
    pytester.makepyfile(test_one="def test_a(): pass\n")

    result = pytester.runpytest_subprocess("--akastats", argument)

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines([f"ERROR:*{named.replace('[', '[[]')}*"])


def test_a_namespace_is_used_for_every_key(pytester: pytest.Pytester, record: Record, server: str) -> None:
    """`--akastats-namespace` keeps two projects on one server apart."""
    pytester.makepyfile(test_one="def test_a(): pass\n")

    pytester.runpytest_subprocess(
        "--akastats", f"--akastats-url={server}", "--akastats-wait=60", "--akastats-namespace=OTHER"
    )

    with sync_redis() as (reader, _):
        names = [name.decode() for name in reader.keys("*")]
    assert names
    assert not [name for name in names if not name.startswith("OTHER::")]


# An option of another plugin that only shows something: like those of pytest it starts a session.
SHOWS = """
from _pytest.main import wrap_session

def pytest_addoption(parser): parser.addoption("--show-something", action="store_true")

def pytest_cmdline_main(config):
    if config.getoption("--show-something"):
        return wrap_session(config, lambda config, session: session.perform_collect() and None)
"""
NO_RUN = (
    *("--collect-only", "--fixtures", "--fixtures-per-test", "--setup-only", "--setup-plan", "--cache-show"),
    *("--markers", "--help", "--version"),
)


@pytest.mark.parametrize("argument", NO_RUN)
def test_options_that_run_no_tests_switch_it_off(pytester: pytest.Pytester, argument: str) -> None:
    """Nothing of us is loaded where pytest only shows something."""
    assert is_on(pytester.parseconfig("--akastats"))
    assert not is_on(pytester.parseconfig("--akastats", argument))


@pytest.mark.parametrize("argument", ["--cache-show", "--show-something"])
def test_a_call_that_runs_no_tests_is_no_run(pytester: pytest.Pytester, argument: str) -> None:
    """What only shows something leaves nothing behind, and nothing is said of it."""
    pytester.makeconftest(SHOWS)
    pytester.makepyfile(test_one="def test_a(): pass\n")

    result = pytester.runpytest_subprocess("--akastats", argument)

    assert not (pytester.path / ".akastats").exists()
    assert "akastats: " not in result.stdout.str()


def test_recorded_and_bare_runs_say_the_same(pytester: pytest.Pytester, server: str) -> None:
    """Outcomes, exit code and output are those of the run without us, but for our own block."""
    pytester.makepyfile(
        test_one="""
        import pytest
        @pytest.fixture
        def broken(): raise RuntimeError
        def test_a(capsys): print("seen")
        def test_b(): assert 0
        def test_c(broken): pass
        """
    )
    plain = ("-p", "no:randomly", "-p", "no:cacheprovider", "-v", "-rA")

    bare = pytester.runpytest_subprocess(*plain)
    ours = pytester.runpytest_subprocess(*plain, "--akastats", f"--akastats-url={server}", "--akastats-wait=60")

    assert bare.ret == ours.ret
    block = ours.outlines.index(next(line for line in ours.outlines if line.startswith("akastats:")))
    end = next(at for at in range(block + 1, len(ours.outlines)) if not ours.outlines[at].startswith(" "))
    assert bare.outlines[5:-1] == (ours.outlines[:block] + ours.outlines[end:])[5:-1]


def test_without_a_server_the_run_is_kept(pytester: pytest.Pytester, tmp_path: Path) -> None:
    """A server that is away costs at most two seconds and one line; the spool has the run."""
    pytester.makepyfile(test_one="def test_a(): pass\n")

    result = pytester.runpytest_subprocess("--akastats", f"--akastats-url=unix://{tmp_path}/none")

    result.assert_outcomes(passed=1)
    assert pytest.ExitCode.OK == result.ret
    assert 1 == len([line for line in result.outlines if line.startswith("akastats:")])
    assert 1 == len(list((pytester.path / ".akastats" / "spool").glob("*.aks")))


def test_a_leftover_is_delivered_by_the_next_run(
    pytester: pytest.Pytester, record: Record, server: str, tmp_path: Path
) -> None:
    """What an earlier run could not deliver arrives with the next one, once."""
    pytester.makepyfile(test_one="def test_a(): pass\n")
    pytester.runpytest_subprocess("--akastats", f"--akastats-url=unix://{tmp_path}/none", "--akastats-wait=0")

    record()
    record()

    deadline = pytester.path / ".akastats" / "spool"
    assert 3 == len(list(deadline.glob("*.aks")))


def test_a_spool_is_readable_by_its_user_alone(pytester: pytest.Pytester, record: Record) -> None:
    """Tracebacks are nobody else's business: 0700 for the directories, 0600 for the files."""
    pytester.makepyfile(test_one="def test_a(): pass\n")

    record()

    home = pytester.path / ".akastats"
    assert {0o700} == {path.stat().st_mode & 0o777 for path in (home, home / "spool")}
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (home / "spool").iterdir()}
    assert "*\n" == (home / ".gitignore").read_text()


def test_a_project_with_a_redis_module_of_its_own_is_recorded(pytester: pytest.Pytester, record: Record) -> None:
    """The delivering process imports the real client, whatever lies in the project's directory."""
    pytester.makepyfile(redis="raise RuntimeError('not the real one')\n", test_one="def test_a(): pass\n")

    recorded = record()

    assert {"test_a": "passed"} == recorded.outcomes


def test_importing_the_plugin_costs_no_heavy_module() -> None:
    """What pytest imports of us at every start is smaller than any single thing it could drag in."""
    code = (
        "import pytest, sys; before = set(sys.modules); import pytest_akastats.plugin; "
        "print(len(set(sys.modules) - before))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert int(done.stdout) <= 4
