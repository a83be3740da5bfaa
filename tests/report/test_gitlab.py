"""GitLab's code quality report, compared with its documented format."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from akastats.model.verdicts import FailureVerdict, OverBudget
from akastats.report.code_annotations import list_annotations
from akastats.report.gitlab import render_gitlab
from akastats.report.repository_paths import RepositoryPaths
from tests.report.examples import HOSTILE, ONE, details, everything, failure, flaky, verdicts

GOLDEN = Path(__file__).parent / "golden"

#: The documented format; a path is relative and does not begin with `./`.
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "minLength": 1, "not": {"pattern": r"^(/|\./|\.\.|[A-Za-z]:/)"}},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


NOWHERE = RepositoryPaths()


def report(*of, paths=NOWHERE):
    """Return the report as GitLab reads it: it must be valid, and each fingerprint must be unique."""
    issues = json.loads(render_gitlab(list_annotations(*of, paths)))
    jsonschema.validate(issues, SCHEMA)
    assert len(issues) == len({each["fingerprint"] for each in issues})
    return issues


def test_all_findings_are_written():
    """Failures, newly flaky and slower tests and budgets, with a severity by label."""
    issues = report(*everything())

    rows = [(each["check_name"], each["severity"], each["location"]["path"]) for each in issues]
    assert [
        ("akastats/test-failure", "critical", "shop/cart.py"),
        ("akastats/test-failure", "critical", "shop/cart.py"),
        ("akastats/test-failure", "major", "shop/cart.py"),
        ("akastats/test-failure", "major", "tests/test_net.py"),
        ("akastats/test-failure", "minor", "tests/test_net.py"),
        ("akastats/test-failure", "minor", "shop/cart.py"),
        ("akastats/test-failure", "info", "tests/test_net.py"),
        ("akastats/flaky-test", "minor", "tests/test_cart.py"),
        ("akastats/slower-test", "minor", "tests"),
        ("akastats/slower-test", "minor", "tests/test_cart.py"),
        ("akastats/over-budget", "minor", "tests/test_cart.py"),
    ] == rows


def test_one_issue_is_as_documented():
    """As in the golden file."""
    text = render_gitlab(
        list_annotations(
            details(failure(ONE)), verdicts(failures=(FailureVerdict(ONE, "new"),)), RepositoryPaths()
        )
    )

    assert (GOLDEN / "gitlab.json").read_text() == text


def test_the_same_failure_in_another_run_is_the_same_issue():
    """GitLab ignores issues of both branches: numbers, location and label do not matter."""
    before = report(details(failure(ONE)), verdicts(failures=(FailureVerdict(ONE, "new"),)))
    after = report(
        details(failure(ONE, message="assert 12 == 14", line=99)),
        verdicts(failures=(FailureVerdict(ONE, "known flaky", 0.1),)),
    )
    other = report(details(failure(ONE, fingerprint="f2")), None)

    assert before[0]["fingerprint"] == after[0]["fingerprint"] != other[0]["fingerprint"]


def test_each_fingerprint_is_unique():
    """A test that exceeds both limits is one issue."""
    over = OverBudget(ONE, 1.7, 1.5, "max_seconds")

    assert 1 == len(report(details(), verdicts(over_budget=(over, over))))


def test_a_finding_without_a_file_is_left_out():
    """GitLab requires a file; a run without findings is an empty list."""
    assert [] == report(details(failure("/elsewhere/test_a.py::test", file=None)), None)
    assert "[]\n" == render_gitlab([])


@pytest.mark.parametrize("text", HOSTILE)
def test_untrusted_text_stays_valid(text):
    """ASCII, one line per description, and a path only if there is one."""
    hostile = details(failure(text, f"{text}.py::t", message=text, frames=[text], file=text, exception=text))

    issues = report(hostile, verdicts(tests=(flaky(f"t.py::{text}"),)))

    assert all("\n" not in each["description"] and "\u202e" not in each["description"] for each in issues)
    assert render_gitlab(list_annotations(hostile, None, RepositoryPaths())).isascii()
