"""Other tools on the same suites, each in a virtual environment of its own.

A match is decided by the rule of `scoring.is_match`. The id or title of an item is translated into the kinds of
the corpus by the tables in `scoring`, in favour of the tool if it names several causes at once. The place must
occur anywhere in the item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus import Case
from measuring import Environment
from scoring import Finding, flakytest_findings, perf_report_findings


@dataclass(frozen=True)
class Rival:
    """A tool.

    packages: what pip installs
    options: options of pytest that enable it
    reports: pattern of the report's path
    """

    packages: tuple[str, ...]
    options: tuple[str, ...]
    reports: str
    findings: Callable[[Mapping[str, Any]], Sequence[Finding]]

    def examine(self, environment: Environment, case: Case) -> Any:
        """Run the suite once with the tool, and return its report."""
        directory = environment.write(case.name, case.suite)
        environment.pytest(directory, case.suite, self.options)
        return json.loads(max(directory.glob(self.reports), key=_changed).read_text())


def _changed(path: Path) -> float:
    return path.stat().st_mtime


RIVALS: Mapping[str, Rival] = {
    "flakytest 2026.0b1": Rival(
        ("flakytest==2026.0b1", "py-spy==0.4.3"),
        ("--flakytest-profile",),
        ".flakytest/runs/*/profile.json",
        flakytest_findings,
    ),
    "pytest-perf-report 0.3.0": Rival(
        ("pytest-perf-report==0.3.0",),
        ("--perf-report", "--perf-report-json=perf.json"),
        "perf.json",
        perf_report_findings,
    ),
}
