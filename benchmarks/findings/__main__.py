"""Measure how often the findings are right, and how exact their savings are, on suites with planted waste.

    python benchmarks/findings [--cases A,B] [--rounds 3] [--jobs 1] [--held-out] [--rivals] [--home DIRECTORY]

`corpus.py` holds the suites. Each is recorded in alternation with its mended twin. The true saving is the
difference of the median wall times of whole commands. By default only the development part is measured;
`--held-out` measures the other part.

With `--home` the recordings remain: a second call measures only what is missing, and reads all findings again.
So a changed rule is scored within a minute. `--jobs` above 1 distorts the times, and is for a first look only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from corpus import CASES, Case
from measuring import ROOT, Environment, Measurement, measure, record
from rivals import RIVALS
from scoring import CaseScore, akastats_findings, score
from suites import calibrate
from tables import case_table, summary


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="", help="names of cases, separated by commas; default: the part")
    parser.add_argument("--rounds", type=int, default=3, help="recordings of each variant")
    parser.add_argument("--jobs", type=int, default=1, help="cases that are measured at the same time")
    parser.add_argument("--held-out", action="store_true", help="measure the part that no rule is tuned on")
    parser.add_argument("--rivals", action="store_true", help="also measure other tools")
    parser.add_argument("--home", type=Path, help="directory for environments and recordings, which remain")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the suites, 3.12 or later")
    parser.add_argument("--record", action="store_true", help="record the suites again, but keep the true savings")
    parser.add_argument("--no-findings", action="store_true", help="only record, and show the true savings")
    return parser.parse_args()


def chosen_cases(names: str, is_held_out: bool) -> list[Case]:
    """Return the named cases, or those of one part."""
    if names:
        return [CASES[name] for name in names.split(",")]
    return [case for case in CASES.values() if case.is_held_out == is_held_out]


def stored(path: Path, make: Callable[[], Any]) -> Any:
    """Return the JSON in a file; make and store it if it does not exist."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make()))
    return json.loads(path.read_text())


def for_each(cases: Sequence[Case], jobs: int, act: Callable[[Case], CaseScore]) -> list[CaseScore]:
    """Return the results of all cases, and show the progress."""

    def execute(case: Case) -> CaseScore:
        result = act(case)
        print(case.name, file=sys.stderr, flush=True)
        return result

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(execute, cases))


def measured(environment: Environment, case: Case, rounds: int) -> Measurement:
    """Return the measurement of a case, from an earlier call if there is one."""
    return Measurement(**stored(path_of(environment, case), lambda: asdict(measure(environment, case, rounds))))


def record_again(environment: Environment, case: Case, measurement: Measurement) -> Measurement:
    """Record the suite once more, and return the measurement with the new run."""
    recorded = record(environment, case, measurement)
    path_of(environment, case).write_text(json.dumps(asdict(recorded)))
    return recorded


def path_of(environment: Environment, case: Case) -> Path:
    """Return the path of a case's measurement."""
    return environment.home / "measurements" / f"{case.name}.json"


def akastats_score(environment: Environment, case: Case, chosen: argparse.Namespace) -> CaseScore:
    """Measure a case, and score the findings of akastats."""
    measurement = measured(environment, case, chosen.rounds)
    if chosen.record:
        measurement = record_again(environment, case, measurement)
    if chosen.no_findings:
        return score(case, measurement.walls, [])
    reply = environment.akastats("why", measurement.run)
    # The ledger may end before the process does.
    explained = reply["explained"] * min(1.0, reply["wall"] / measurement.run_s)
    return score(case, measurement.walls, akastats_findings(reply), explained)


def rival_score(environment: Environment, case: Case, name: str, chosen: argparse.Namespace) -> CaseScore:
    """Score the report of another tool against the savings that are measured already."""
    rival = RIVALS[name]
    place = replace(environment, home=environment.home / name.partition(" ")[0])
    place.home.mkdir(exist_ok=True)
    place.install(chosen.python, rival.packages)
    reply = stored(place.home / "reports" / f"{case.name}.json", lambda: rival.examine(place, case))
    return score(case, measured(environment, case, chosen.rounds).walls, rival.findings(reply))


def main() -> int:
    """Measure, and print the tables."""
    chosen = options()
    cases = chosen_cases(chosen.cases, chosen.held_out)
    with tempfile.TemporaryDirectory() if chosen.home is None else nullcontext(chosen.home) as directory:
        home = Path(directory).absolute()
        home.mkdir(parents=True, exist_ok=True)
        environment = Environment(home, stored(home / "speed.json", calibrate))
        environment.install(chosen.python, ["--editable", f"{ROOT}[api,embedded]"])
        with environment.running_server():
            own = partial(akastats_score, environment, chosen=chosen)
            results = {"akastats": for_each(cases, chosen.jobs, own)}
        for name in RIVALS if chosen.rivals else ():
            examine = partial(rival_score, environment, name=name, chosen=chosen)
            results[name] = for_each(cases, 1, examine)
    for name, scores in results.items():
        print(f"## {name}\n\n{case_table(scores)}\n")
    print(f"## Summary\n\n{summary(results)}\n\n* held out; ! waste outside 15 % to 70 % of the wall time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
