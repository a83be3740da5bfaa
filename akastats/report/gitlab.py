"""Annotations as a GitLab code quality report, which GitLab shows in merge requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from akastats.report.code_annotations import Annotation
from akastats.report.document import cut
from akastats.report.failing_tests import ReportedLabel

Severity = Literal["info", "minor", "major", "critical", "blocker"]

#: Maximum number of characters of a description.
MAX_TEXT = 1_000

_SEVERITIES: Mapping[ReportedLabel | None, Severity] = {
    "new": "critical",
    "not analysed": "major",
    "no history": "major",
    "also failing on base": "minor",
    "known flaky": "minor",
    "quarantined": "info",
    None: "minor",
}


def render_gitlab(annotations: Iterable[Annotation]) -> str:
    """Return the JSON of a code quality report; annotations without a path are omitted."""
    # GitLab shows only one issue per fingerprint, for example for a test over its budget in two attempts.
    issues = {each["fingerprint"]: each for each in map(_issue, annotations) if each["location"]["path"]}
    return json.dumps(list(issues.values()), indent=2) + "\n"


def _issue(annotation: Annotation) -> dict[str, Any]:
    return {
        "description": cut(f"{annotation.title}: {annotation.text}", MAX_TEXT),
        "check_name": f"akastats/{annotation.rule}",
        "fingerprint": hashlib.sha256("\0".join(annotation.key).encode(errors="backslashreplace")).hexdigest(),
        "severity": _SEVERITIES[annotation.label],
        "location": {"path": annotation.path, "lines": {"begin": annotation.line}},
    }
