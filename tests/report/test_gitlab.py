"""GitLab's code quality report, against the fields that its documentation names."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from akastats.model.verdicts import FailureVerdict, OverBudget
from akastats.report.code_annotations import list_annotations
from akastats.report.gitlab import render_gitlab
from akastats.report.repository_paths import RepositoryPaths
from tests.report.given import HOSTILE, ONE, details, everything, failure, flaky, verdicts

GOLDEN = Path(__file__).parent / "golden"

#: What GitLab's documentation asks of a report; a path is relative and has no `./` in front.
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
    """Return the report as GitLab reads it: it must be valid, and each fingerprint stand once."""
    found = json.loads(render_gitlab(list_annotations(*of, paths)))
    jsonschema.validate(found, SCHEMA)
    assert len(found) == len({each["fingerprint"] for each in found})
    return found


def test_everything_is_told():
    """Each failure, newly flaky and slower test and broken budget; severity by its label."""
    found = report(*everything())

    told = [(each["check_name"], each["severity"], each["location"]["path"]) for each in found]
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
    ] == told


def test_one_issue_is_as_documented():
    """As the file beside this one shows it."""
    found = render_gitlab(
        list_annotations(
            details(failure(ONE)), verdicts(failures=(FailureVerdict(ONE, "new"),)), RepositoryPaths()
        )
    )

    assert (GOLDEN / "gitlab.json").read_text() == found


def test_the_same_failure_in_another_run_is_the_same_issue():
    """GitLab takes what both branches have for old: its message's numbers, place and label may differ."""
    before = report(details(failure(ONE)), verdicts(failures=(FailureVerdict(ONE, "new"),)))
    after = report(
        details(failure(ONE, message="assert 12 == 14", line=99)),
        verdicts(failures=(FailureVerdict(ONE, "known flaky", 0.1),)),
    )
    other = report(details(failure(ONE, fingerprint="f2")), None)

    assert before[0]["fingerprint"] == after[0]["fingerprint"] != other[0]["fingerprint"]


def test_one_fingerprint_stands_once():
    """A test that was over its budget twice is one issue."""
    over = OverBudget(ONE, 1.7, 1.5, "max_seconds")

    assert 1 == len(report(details(), verdicts(over_budget=(over, over))))


def test_what_has_no_place_is_left_out():
    """GitLab takes no issue without a file; a run without findings is an empty list."""
    assert [] == report(details(failure("/elsewhere/test_a.py::test", file=None)), None)
    assert "[]\n" == render_gitlab([])


@pytest.mark.parametrize("text", HOSTILE)
def test_strangers_texts_stay_valid(text):
    """ASCII, one line a description, and a path only where one is."""
    hostile = details(failure(text, f"{text}.py::t", message=text, frames=[text], file=text, exception=text))

    found = report(hostile, verdicts(tests=(flaky(f"t.py::{text}"),)))

    assert all("\n" not in each["description"] and "\u202e" not in each["description"] for each in found)
    assert render_gitlab(list_annotations(hostile, None, RepositoryPaths())).isascii()
