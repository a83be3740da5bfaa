"""How well slow-downs are found, beside other ways on the same suites; and what judging costs.

    python benchmarks/accuracy/slower.py [--small] [--first-seed 2000] [--ways NAME ...] [--series DIRECTORY]

Limits were chosen on seeds below 1000; seeds from 2000 on report. Otava is judged where it is installed
(`pip install apache-otava`). Fails where a bound is not held.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import tracemalloc
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import log, sqrt
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from slow_rivals import WAYS, Flag, distinct, judged, judgement
from slow_suites import STEPS, Suite, Truth, made

from akastats.analysis.durations.changepoints import MIN_AFTER, Limits, shifts
from akastats.analysis.durations.changes import Durations, TimedRun, find_changes

#: A flag so many runs from a change is of that change; it is a hit if it was known within so many runs.
NEAR = 5
#: A flag so many runs after a change is not counted as false: a threshold rule repeats itself there.
ECHO = 10
NAMES = (*(f"+{size:.0%}" for size in STEPS), "gradual")
#: What lies between the suites of a seed, so that no two seeds share one.
APART = 10_000


class Effort(NamedTuple):
    """How many seeds are judged, and of each how many suites with changes and as many without."""

    seeds: int
    suites: int


#: A suite has three changes of each kind, and recall of 150 is known within .05 only.
OURS = Effort(seeds=10, suites=5)
#: So of each seed so many further suites are read around their changes of +50 % alone: 600, known within .02.
FURTHER = 20
RIVALS = Effort(seeds=3, suites=5)
#: A suite takes it 7 s though each tenth run is read only.
OTAVA = Effort(seeds=5, suites=1)


class Bounds(NamedTuple):
    """False points per 1,000 on null suites, recall at +50 % within five runs, seconds and MiB of a judgement."""

    false: float
    recall: float
    seconds: float
    mib: float


FULL = Bounds(false=0.1, recall=0.9, seconds=5.0, mib=200.0)
#: Of four small suites: one false flag is 0.06 per 1,000, and eight changes are +50 %. A tenth of the tests, in
#: a fifth of the time, since CI's machines differ.
SMALL = Bounds(false=0.2, recall=0.5, seconds=1.0, mib=40.0)


@dataclass
class Score:
    """What one way did on one seed: shares by kind of change, false flags per 1,000 points."""

    soon: dict[str, list[bool]] = field(default_factory=dict)
    ever: dict[str, list[bool]] = field(default_factory=dict)
    delays: list[int] = field(default_factory=list)
    false_changed: float = 0.0
    false_null: float = 0.0
    false_confirmed: float = 0.0


def is_of(flag: Flag, truth: Truth | None) -> bool:
    """Whether a flag is explained by the change of its test."""
    return truth is not None and truth.at - NEAR <= flag.run <= truth.at + truth.ramp + ECHO


def false_share(flags: Iterable[Flag], suite: Suite) -> float:
    """Flags of no change, per 1,000 points."""
    wrong = [flag for flag in flags if not is_of(flag, suite.truths[flag.test])]
    return 1000 * len(distinct(wrong)) / (len(suite.seconds) * suite.runs)


def note_hits(score: Score, flags: Sequence[Flag], suite: Suite) -> None:
    """Note for each change whether and when it was found."""
    for test, truth in enumerate(suite.truths):
        if truth is None:
            continue
        reach = truth.ramp + NEAR
        known = [
            flag.known - truth.at
            for flag in flags
            if flag.test == test and flag.is_slower and truth.at - NEAR <= flag.run <= truth.at + reach
        ]
        first = min(known, default=None)
        score.soon.setdefault(truth.name, []).append(first is not None and first <= reach)
        score.ever.setdefault(truth.name, []).append(first is not None)
        if first is not None and truth.name == "+50%":
            score.delays.append(first)


def scored(way: str, seed: int, suites: int, tests: int, runs: int) -> Score:
    """Judge one way on suites with changes and as many without, all with a change of the runner by 25 %."""
    score = Score()
    for at in range(seed, seed + suites * APART, APART):
        changed = made(at, tests=tests, runs=runs, changed=0.25, runner_change=0.25)
        flags = list(WAYS[way](changed))
        note_hits(score, flags, changed)
        score.false_changed += false_share(flags, changed) / suites
        null = made(at + 500_000, tests=tests, runs=runs, changed=0.0, runner_change=0.25)
        flags = list(WAYS[way](null))
        score.false_null += false_share(flags, null) / suites
        score.false_confirmed += false_share([flag for flag in flags if not flag.is_suspected], null) / suites
    return score


def found_soon(seed: int, first: int, further: int, tests: int, runs: int) -> list[bool]:
    """Whether we find each +50 % of further suites within five runs; what else is read could not change that."""
    score = Score()
    for part in range(first, first + further):
        suite = made(seed + part * APART, tests=tests, runs=runs, changed=0.25, runner_change=0.25)
        starts = [truth.at for truth in suite.truths if truth and truth.name == "+50%"]
        read = {at + after for at in starts for after in range(MIN_AFTER - NEAR, NEAR + 1)}
        note_hits(score, [flag for known in read for flag in judged(suite.until(known), known)], suite)
    return score.soon.get("+50%", [])


def effort(way: str) -> Effort:
    """How much a way is judged on in the full form."""
    if "Otava" in way:
        return OTAVA
    return OURS if way == "akastats" else RIVALS


def spread(values: Sequence[float]) -> str:
    """The mean, and the least and greatest of the seeds where they differ."""
    least, greatest = short(min(values)), short(max(values))
    return short(fmean(values)) + (f" ({least}-{greatest})" if least != greatest else "")


def short(value: float) -> str:
    """A number of two digits after the point, or none from 10 on."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".").replace("0.", ".") or "0"


def soon(found: Sequence[Sequence[bool]]) -> str:
    """How many are found, by seed: their share, and Wilson's 95 % interval of it."""
    every, z = [hit for hits in found for hit in hits], 1.96
    count, hits = len(every), sum(every)
    centre = (hits + z * z / 2) / (count + z * z)
    reach = z / (count + z * z) * sqrt(hits * (count - hits) / count + z * z / 4)
    share = spread([fmean(hits) for hits in found])
    return f"{hits} of {count} within five runs, {share}; 95 %: {centre - reach:.3f} to {centre + reach:.3f}"


def recall(scores: Sequence[Score], name: str, when: str = "soon") -> list[float]:
    """The share of changes found, by seed."""
    found = [getattr(score, when).get(name, []) for score in scores]
    return [fmean(hits) for hits in found if hits] or [0.0]


def table(results: dict[str, list[Score]]) -> str:
    """All ways, as a markdown table."""
    lines = [
        "| way | seeds | false, nothing changes | false, with changes | recall "
        + " | ".join(NAMES)
        + " | +50%, whenever | runs until +50% is found |",
        "|---|" + "--:|" * (len(NAMES) + 5),
    ]
    for way, scores in results.items():
        delays = [delay for score in scores for delay in score.delays]
        cells = [
            str(len(scores)),
            spread([score.false_null for score in scores]),
            spread([score.false_changed for score in scores]),
            *(spread(recall(scores, name)) for name in NAMES),
            spread(recall(scores, "+50%", "ever")),
            f"{median(delays):.0f}" if delays else "-",
        ]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def blind(seeds: Sequence[int]) -> str:
    """What one reading of 200 runs says where an assumption does not hold, of suites of 60 unchanged tests."""
    uneven, pace = [], []
    for seed in seeds:
        skewed = made(seed + 600_000, tests=60, runs=200, changed=0.0, runner_change=0.25, uneven=0.2)
        uneven.append(false_share(judged(skewed, 200), skewed))
        drifting = made(seed + 700_000, tests=60, runs=200, changed=0.0)
        pace.append(len(judgement(drifting).suite))
    return (
        f"Tests that follow the machine unevenly (exponent 1 +- 0.2): {spread(uneven)} false per 1,000 points\n"
        f"Changes of the suite's pace where the machine only drifts: {fmean(pace):.1f} per 200 runs"
    )


def cost(tests: int, runs: int) -> tuple[float, float]:
    """Seconds of CPU and MiB at the peak for one judgement of a whole suite, each test at least 50 ms long."""
    some = made(7, tests=500, runs=runs, changed=0.02, runner_change=0.25)
    at = array("H", range(runs))
    durations = {str(test): Durations(at, array("d", some.seconds[test % 500])) for test in range(tests)}
    judged = [TimedRun(str(run), "one") for run in range(runs)]
    start = time.process_time()
    find_changes(judged, durations)
    seconds = time.process_time() - start
    tracemalloc.start()
    find_changes(judged, {label: Durations(at, array("d", series.seconds)) for label, series in durations.items()})
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return seconds, peak


def real(directory: Path) -> str:
    """The real series: which labelled points are found within five, and how many more."""
    lines = ["| series | points | labelled | found at 10 % | more | found at 3 % | more |", "|---|" + "--:|" * 6]
    for path in sorted(directory.glob("*.csv")):
        with path.open() as file:
            rows = list(csv.DictReader(file))
        labelled = [at for at, row in enumerate(rows) if row.get("change") == "1"]
        labelled = labelled or ([92, 150] if path.stem == "tigerbeetle" else [])
        values = [log(float(row["value"])) for row in rows]
        cells = [path.stem, str(len(rows)), " ".join(map(str, labelled))]
        for least in (1.1, 1.03):
            places = [shift.position for shift in shifts(values, Limits(shift=log(least)))]
            hits = [label for label in labelled if any(abs(label - place) <= NEAR for place in places)]
            others = [place for place in places if all(abs(place - label) > NEAR for label in labelled)]
            cells += [str(len(hits)), " ".join(map(str, others))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="two seeds of small suites, for CI")
    parser.add_argument("--first-seed", type=int, default=2000)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS), metavar="NAME")
    parser.add_argument("--series", type=Path, help="a directory of real series, columns value and change")
    return parser.parse_args()


def failures(false: float, found: float, seconds: float, peak: float, bounds: Bounds) -> list[str]:
    """Which bounds are not held."""
    checks = {
        f"{false:.3f} false points per 1,000, at most {bounds.false}": false > bounds.false,
        f"recall {found:.3f} at +50%, at least {bounds.recall}": found < bounds.recall,
        f"{seconds:.1f} s, at most {bounds.seconds}": seconds > bounds.seconds,
        f"{peak:.0f} MiB, at most {bounds.mib}": peak > bounds.mib,
    }
    return [name for name, is_broken in checks.items() if is_broken]


def main() -> int:
    """Judge, print, and say whether the bounds are held."""
    asked = options()
    tests, runs = (40, 100) if asked.small else (60, 200)
    ways = [way for way in asked.ways if "Otava" not in way or find_spec("otava")]
    suites, further = (2, 0) if asked.small else (OURS.suites, FURTHER)
    results: dict[str, list[Score]] = {}
    for way in ways:
        start = time.process_time()
        seeds, each = Effort(2, suites) if asked.small else effort(way)
        results[way] = [scored(way, asked.first_seed + at, each, tests, runs) for at in range(seeds)]
        print(f"{way}: {seeds} x {each} suites twice, {time.process_time() - start:.0f} s", file=sys.stderr)
    print(f"Seeds from {asked.first_seed}, {tests} tests x {runs} runs; mean (least-greatest seed)\n")
    print(table(results), flush=True)
    if "akastats" not in results:
        return 0
    found = [
        score.soon["+50%"] + found_soon(asked.first_seed + at, suites, further, tests, runs)
        for at, score in enumerate(results["akastats"])
    ]
    print(f"\nakastats at +50%, with further suites: {soon(found)}", flush=True)
    confirmed = [score.false_confirmed for score in results["akastats"]]
    print(f"akastats, confirmed changes only: {spread(confirmed)} false per 1,000 points of null suites")
    print("\n" + blind(range(asked.first_seed, asked.first_seed + len(confirmed))), flush=True)
    size = 1000 if asked.small else 10_000
    seconds, peak = cost(size, 200)
    print(f"\nCost: {seconds:.2f} s of CPU, {peak:.0f} MiB at the peak, for {size:,} tests x 200 runs", flush=True)
    if asked.series and asked.series.is_dir():
        print("\n" + real(asked.series))
    false = fmean([score.false_null for score in results["akastats"]])
    share = fmean([hit for hits in found for hit in hits])
    broken = failures(false, share, seconds, peak, SMALL if asked.small else FULL)
    print("\n".join(f"NOT HELD: {name}" for name in broken), file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
