"""What GitHub's runner reads of a recorded suite: commands at the end of its output, and the step summary."""

from __future__ import annotations

import pytest

TESTS = {
    "test_shop": """
        from shop import total

        def test_total():
            assert 13 == total(12)

        def test_fine():
            pass
    """,
    "shop": """
        def total(price):
            raise ValueError("no price: 100%, a::b")
    """,
}


@pytest.fixture
def summary(monkeypatch, pytester):
    """A step of GitHub Actions in pytester's directory: its summary."""
    path = pytester.path / "step_summary"
    path.touch()
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(path),
        "GITHUB_WORKSPACE": str(pytester.path.parent),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return path


def commands(result: pytest.RunResult) -> list[str]:
    """Return the lines that the runner takes for commands."""
    return [line for line in result.outlines if line.startswith("::")]


def test_a_failure_is_marked_where_it_was_raised(record, pytester, summary, spread):
    """The file is counted from the repository's root, though pytest was started below it."""
    pytester.makepyfile(**TESTS)

    recorded = record(spread)

    (line,) = commands(recorded.result)
    place = f"file={pytester.path.name}/shop.py,line=2"
    title = "test_shop.py%3A%3Atest_total (no history)"
    assert f"::error {place},title={title}::ValueError: no price: 100%25, a::b" == line
    assert "### Tests failed: 1 failed, 1 passed\n" in summary.read_text()
    assert "- `test_shop.py::test_total`\n" in summary.read_text()


def test_tests_below_a_root_directory_keep_their_place(record, pytester, summary, monkeypatch):
    """Node ids are counted from pytest's root directory, tracebacks from where it was started."""
    pytester.makeini("[pytest]\n")
    sub = pytester.mkdir("sub")
    (sub / "test_a.py").write_text("def test_a():\n    assert 0\n")
    monkeypatch.chdir(sub)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pytester.path))

    (line,) = commands(record().result)

    assert line.startswith("::error file=sub/test_a.py,line=2,title=sub/test_a.py%3A%3Atest_a ")


@pytest.mark.parametrize(("name", "value"), [("AKA_STATS_FORGE", "off"), ("GITHUB_ACTIONS", "")])
def test_nobody_is_told_who_does_not_listen(record, pytester, summary, monkeypatch, name, value):
    """Switched off there is neither; outside of GitHub's runner no line is printed."""
    pytester.makepyfile(**TESTS)
    monkeypatch.setenv(name, value)

    assert [] == commands(record().result)
    assert (name == "AKA_STATS_FORGE") == (summary.read_text() == "")


def test_a_value_that_is_neither_is_a_wrong_use(pytester, server, monkeypatch):
    """As any other variable of ours."""
    monkeypatch.setenv("AKA_STATS_FORGE", "never")

    result = pytester.runpytest_subprocess("--akastats", f"--akastats-url={server}")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["*akastats: AKA_STATS_FORGE: 'never' is neither auto nor off"])


def test_a_summary_that_cannot_be_written_changes_nothing(record, pytester, summary, monkeypatch):
    """The suite's result stands, and so do the lines."""
    pytester.makepyfile(**TESTS)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path))

    recorded = record()

    recorded.result.assert_outcomes(passed=1, failed=1)
    assert 1 == len(commands(recorded.result))
