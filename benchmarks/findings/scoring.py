"""Compare reported findings with the planted wastes: pure functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from corpus import OPTIONS, Case, Waste

#: Wastes whose savings differ by less than this share are equally right as the first finding.
SIMILAR = 0.2
#: A finding on a clean suite is false above this share of the wall time, or above these seconds.
FALSE_SHARE, FALSE_S = 0.05, 0.5


@dataclass(frozen=True)
class Finding:
    """A finding of any tool.

    name: kind or title in the words of the tool
    kinds: kinds of the corpus that it names
    text: everything that the finding says
    seconds: predicted saving, `None` if the tool does not predict one
    """

    name: str
    kinds: frozenset[str]
    text: str
    seconds: float | None


@dataclass(frozen=True)
class WasteScore:
    """Result for one planted waste.

    true_s: measured saving
    spread_s: range of the savings of the rounds
    rank: position of the first finding that names cause and place, from 1; `None` without one
    predicted_s: its predicted saving
    """

    waste: Waste
    true_s: float
    spread_s: float
    rank: int | None
    predicted_s: float | None

    @property
    def error(self) -> float | None:
        """Relative error of the predicted saving."""
        if self.predicted_s is None:
            return None
        return abs(self.predicted_s - self.true_s) / max(self.true_s, 1e-3)


@dataclass(frozen=True)
class CaseScore:
    """Result of one tool for one case.

    wall_s: median wall time of the suite
    is_first: whether the first finding names the largest waste; `None` for a clean suite
    false: findings on a clean suite that are too large
    explained: share of the wall time that has an owner, `None` if the tool does not report it
    """

    case: Case
    wall_s: float
    wastes: tuple[WasteScore, ...]
    findings: tuple[Finding, ...]
    is_first: bool | None
    false: tuple[Finding, ...]
    explained: float | None


def is_match(waste: Waste, finding: Finding) -> bool:
    """Return whether a finding names cause and place of a waste; advice that is an option needs no place."""
    return any(kind in finding.kinds and (kind in OPTIONS or waste.place in finding.text) for kind in waste.kinds)


def score(
    case: Case, walls: Mapping[str, Sequence[float]], findings: Sequence[Finding], explained: float | None = None
) -> CaseScore:
    """Return the result of one tool for one case."""
    wall = median(walls["wasteful"])
    wastes = tuple(
        score_waste(waste, walls["wasteful"], walls[f"mended_{number}"], findings)
        for number, waste in enumerate(case.wastes)
    )
    false = () if wastes else tuple(finding for finding in findings if is_large(finding, wall))
    return CaseScore(case, wall, wastes, tuple(findings), is_first_right(wastes), false, explained)


def score_waste(
    waste: Waste, wasteful: Sequence[float], mended: Sequence[float], findings: Iterable[Finding]
) -> WasteScore:
    """Return the result for one waste."""
    savings = [before - after for before, after in zip(wasteful, mended, strict=True)]
    true = median(wasteful) - median(mended)
    for rank, finding in enumerate(findings, start=1):
        if is_match(waste, finding):
            return WasteScore(waste, true, max(savings) - min(savings), rank, finding.seconds)
    return WasteScore(waste, true, max(savings) - min(savings), None, None)


def is_first_right(wastes: Sequence[WasteScore]) -> bool | None:
    """Return whether the first finding names the largest waste, or one of similar size."""
    if not wastes:
        return None
    largest = max(waste.true_s for waste in wastes)
    return any(waste.rank == 1 and waste.true_s >= largest * (1 - SIMILAR) for waste in wastes)


def is_large(finding: Finding, wall_s: float) -> bool:
    """Return whether a finding on a clean suite counts; one without a predicted saving does."""
    return finding.seconds is None or finding.seconds > min(FALSE_S, FALSE_SHARE * wall_s)


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the value below or at which this share of the values is; `None` without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


# --- The words of each tool ---

#: Kinds of akastats that have another name in the corpus.
AKASTATS_KINDS: Mapping[str, tuple[str, ...]] = {}


def akastats_findings(reply: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of `akastats why RUN --json`."""
    return [
        Finding(
            each["kind"],
            frozenset(AKASTATS_KINDS.get(each["kind"], (each["kind"],))),
            json.dumps([each["title"], each["where"]]),
            each["saving"]["seconds"],
        )
        for each in reply["findings"]
    ]


#: Beginnings of the ids of flakytest's insights.
FLAKYTEST: Mapping[str, tuple[str, ...]] = {
    "fixture-scope-": ("fixture-scope", "autouse"),
    "sleep": ("waiting",),
    "waiting": ("waiting", "child-processes"),
    "subprocess": ("child-processes",),
    "imports-in-tests": ("first-import",),
    "slow-startup": ("collection", "imports"),
    "gc": ("garbage-collection",),
    "logging": ("logging",),
    "coverage-sysmon": ("coverage",),
    "xdist-balance": ("distribution", "long-test"),
    "xdist": ("workers",),
    "slow-test-": ("slow-tests", "long-test"),
}

#: Words in the titles of pytest-perf-report's items.
PERF_REPORT: Mapping[str, tuple[str, ...]] = {
    "flaky test": ("reruns",),
    "time.sleep()": ("waiting",),
    "of total test time": ("slow-tests", "long-test"),
    "Fixture setup costs more": ("fixture-scope",),
    "Autouse fixtures tax": ("autouse", "fixture-scope"),
    "Parallelize": ("workers",),
    "Startup + collection": ("collection", "imports"),
    "Garbage collection": ("garbage-collection",),
}


def flakytest_findings(reply: Mapping[str, Any]) -> list[Finding]:
    """Return the insights of flakytest's profile.json, which are ordered by their predicted saving."""
    return [
        Finding(each["id"], kinds_of(each["id"], FLAKYTEST, str.startswith), json.dumps(each), each["impact"])
        for each in reply["insights"]
    ]


def perf_report_findings(reply: Mapping[str, Any]) -> list[Finding]:
    """Return the items of pytest-perf-report, which are ordered by severity and predict no saving."""
    return [
        Finding(each["title"], kinds_of(each["title"], PERF_REPORT, str.__contains__), json.dumps(each), None)
        for each in reply["todos"]
        if each["title"] != "No obvious problems found"
    ]


def kinds_of(text: str, words: Mapping[str, tuple[str, ...]], fits: Callable[[str, str], bool]) -> frozenset[str]:
    """Return the kinds of the first entry that fits."""
    return frozenset(next((kinds for word, kinds in words.items() if fits(text, word)), ()))
