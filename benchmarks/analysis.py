"""Measure the analysis of a run with 10,000 tests and 200 earlier runs, from stored profiles to verdicts.

    python benchmarks/analysis.py [--tests 10000] [--runs 200]

Profiles are generated in memory in their stored form. Durations have log-normal noise and a machine factor, one
test in 100 is flaky, and one in 200 becomes 50 % slower in the middle. The results are seconds of CPU time on one
core, and the peak of the resident memory without that of the imports. A run's end waits for the analysis; the
profiles are read while the tests run. Exits with 1 if a bound is exceeded.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any

from akastats.analysis.analyse import AnalysisInput, analyse
from akastats.analysis.run_records import RunFacts, RunRecord, record_of
from akastats.model import profile

#: Bounds for the verdicts, in seconds and MB.
MOST_S, MOST_MB = 5.0, 200.0


def profiles(tests: int, runs: int, chance: random.Random) -> Iterator[bytes]:
    """Yield profiles in their stored form, oldest first."""
    names = [f"tests/area_{at % 40}/test_module_{at % 300}.py::TestCase::test_{at}" for at in range(tests)]
    typical = [chance.lognormvariate(-4, 1.5) for _ in names]
    for run in range(runs):
        machine = chance.lognormvariate(0, 0.1)
        slower = run > runs / 2
        seconds = [
            taken * machine * chance.lognormvariate(0, 0.08) * (1.5 if slower and at % 200 == 0 else 1)
            for at, taken in enumerate(typical)
        ]
        failed = [at % 100 == 1 and chance.random() < 0.1 for at in range(tests)]
        yield zlib.compress(json.dumps(_content(names, seconds, failed)).encode(), 1)


def _content(names: list[str], seconds: list[float], failed: list[bool]) -> dict[str, Any]:
    return {
        "version": profile.VERSION,
        "tests": {
            "nodeid": names,
            "outcome": ["failed" if each else "passed" for each in failed],
            "start": list(range(len(names))),
            "setup": [100] * len(names),
            "call": [round(taken * 1e6) for taken in seconds],
            "teardown": [100] * len(names),
            "worker": [f"gw{at % 4}" for at in range(len(names))],
            "stats": [[] for _ in names],
        },
        "errors": {"nodeid": [], "phase": [], "error": [], "exception": [], "fingerprint": []},
        "fixtures": {"name": [], "baseid": [], "scope": [], "count": [], "setup": [], "teardown": []},
        "files": {"path": [], "seconds": []},
        "unfinished": [],
    }


def facts(number: int) -> RunFacts:
    """Return the facts about a run. Each run has its own commit."""
    return RunFacts(f"r{number:06}", "main", f"c{number}", "e", 100.0 * number, 60.0, "failed")


def main() -> int:
    """Measure once; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    chance, began_mb, reading_s = random.Random(20), _peak_mb(), 0.0
    names: dict[str, str] = {}
    records: list[RunRecord] = []
    for number, stored in enumerate(profiles(options.tests, options.runs + 1, chance)):
        began = time.process_time()
        records.append(record_of(facts(number), profile.decode(stored), names))
        reading_s += time.process_time() - began
    began = time.process_time()
    verdicts = analyse(AnalysisInput(records[-1], "", "main", records[:-1]))
    analysis_s, peak_mb = time.process_time() - began, _peak_mb() - began_mb
    print(
        f"{options.tests} tests, {options.runs} earlier runs: {len(verdicts.changes)} changes, {verdicts.counts}"
    )
    print(f"read during the tests  {reading_s:6.2f} s of CPU time")
    print(f"analysed at the end    {analysis_s:6.2f} s, at most {MOST_S}")
    print(f"memory                 {peak_mb:6.0f} MB, at most {MOST_MB:.0f}")
    return int(analysis_s > MOST_S or peak_mb > MOST_MB)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
