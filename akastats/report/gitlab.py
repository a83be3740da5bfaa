"""Findings as GitLab's code quality reports have them, from which it makes a merge request's widget. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from akastats.report.code_annotations import Finding
from akastats.report.document import cut
from akastats.report.failing_tests import Standing

Severity = Literal["info", "minor", "major", "critical", "blocker"]

#: Characters of a description and of a path.
MOST_TEXT = 1_000

_SEVERITIES: Mapping[Standing | None, Severity] = {
    "new": "critical",
    "not judged": "major",
    "no history": "major",
    "also failing on base": "minor",
    "known flaky": "minor",
    "quarantined": "info",
    None: "minor",
}


def gitlab(findings: Iterable[Finding]) -> str:
    """Return the JSON of a code quality report; what has no place in the repository cannot stand in it."""
    # GitLab takes two with one fingerprint for one: a test that was over its budget in two attempts.
    issues = {each["fingerprint"]: each for each in map(_issue, findings) if each["location"]["path"]}
    return json.dumps(list(issues.values()), indent=2) + "\n"


def _issue(finding: Finding) -> dict[str, Any]:
    return {
        "description": cut(f"{finding.title}: {finding.text}", MOST_TEXT),
        "check_name": f"akastats/{finding.rule}",
        "fingerprint": hashlib.sha256("\0".join(finding.key).encode(errors="backslashreplace")).hexdigest(),
        "severity": _SEVERITIES[finding.standing],
        "location": {"path": finding.path, "lines": {"begin": finding.line}},
    }
