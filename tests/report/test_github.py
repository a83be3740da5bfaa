"""GitHub's workflow commands, parsed by the rules of its runner."""

from __future__ import annotations

import re

import pytest

from akastats.model.verdicts import FailureVerdict
from akastats.report.code_annotations import list_annotations
from akastats.report.github import render_commands
from akastats.report.repository_paths import RepositoryPaths
from tests.report.examples import FLAKY, HOSTILE, ONE, details, everything, failure, flaky, verdicts


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Return level, properties and message of a command, by the rules of GitHub's runner."""
    match = re.fullmatch(r"::(error|warning) ([^:]*)::([^\r\n]*)", line)
    assert match, line
    properties = dict(pair.split("=", 1) for pair in match[2].split(","))
    return match[1], {name: _unescaped(value) for name, value in properties.items()}, _unescaped(match[3])


def _unescaped(text: str) -> str:
    for escape, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def test_all_findings_are_written():
    """Possible faults of the change are errors, others are warnings, each with its location."""
    parsed = [read(line) for line in render_commands(list_annotations(*everything(), RepositoryPaths()))]

    assert ["error"] * 4 + ["warning"] * 7 == [level for level, _, _ in parsed]
    assert (
        "error",
        {"file": "shop/cart.py", "line": "12", "title": f"{ONE} (new)"},
        "AssertionError: assert 12 == 13",
    ) == parsed[0]
    label = "known flaky, fails 12 % of the time"
    assert (
        "warning",
        {"file": "shop/cart.py", "line": "7", "title": f"{FLAKY} ({label})"},
        "TimeoutError: no answer",
    ) in parsed


def test_a_newly_skipped_test_is_a_warning():
    """At its file, because a skipped test fails no run."""
    (line,) = render_commands(list_annotations(details(), verdicts(newly_skipped=(ONE,)), RepositoryPaths()))

    level, properties, message = read(line)
    assert ("warning", f"{ONE} is newly skipped") == (level, properties["title"])
    assert "tests/test_cart.py" == properties["file"]
    assert "Skipped in this run" in message


def test_github_shows_ten_of_a_level():
    """The tenth contains the number of those that GitHub would not show."""
    tests = [f"a.py::t{number}" for number in range(30)]
    run_verdicts = verdicts(tests=tuple(flaky(f"b.py::t{number}") for number in range(11)))

    lines = render_commands(list_annotations(details(failure(*tests)), run_verdicts, RepositoryPaths()))

    assert ["error"] * 10 + ["warning"] * 10 == [read(line)[0] for line in lines]
    assert "::error title=akastats::and 21 more: see the summary" == lines[9]
    assert "::warning title=akastats::and 2 more: see the summary" == lines[19]


def test_ten_are_ten():
    """Without further findings there is no count."""
    tests = [f"a.py::t{number}" for number in range(10)]

    assert (
        "a.py::t9"
        == read(render_commands(list_annotations(details(failure(*tests)), None, RepositoryPaths()))[9])[1][
            "title"
        ]
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_untrusted_text_is_no_command(text):
    """Neither a message nor a name begins another command or property."""
    hostile = details(failure(text, f"{text},line=7::x", message=text, frames=[text], file=text, exception=text))
    run_verdicts = verdicts(failures=(FailureVerdict(text, "new"),), tests=(flaky(text),))

    lines = render_commands(list_annotations(hostile, run_verdicts, RepositoryPaths()))

    assert 3 == len(lines)
    assert all(map(str.isprintable, lines))
    for _, properties, message in map(read, lines):
        assert set(properties) <= {"file", "line", "title"}
        assert "\n" not in message


def test_escapes_in_messages_are_escaped():
    """A message with an escape is shown unchanged."""
    (line,) = render_commands(
        list_annotations(details(failure(ONE, message="100%0Adone, a:b")), None, RepositoryPaths())
    )

    assert line.endswith("::AssertionError: 100%250Adone, a:b")
    assert "AssertionError: 100%0Adone, a:b" == read(line)[2]


def test_a_file_outside_of_the_repository_is_left_out():
    """The finding is written without a location."""
    (line,) = render_commands(
        list_annotations(
            details(failure("/elsewhere/a.py::t", file=None)), None, RepositoryPaths("/repo", "/repo")
        )
    )

    assert {"title": "/elsewhere/a.py::t"} == read(line)[1]
