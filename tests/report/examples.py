"""Runs with details and verdicts, from which tests make reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from akastats.model.findings import Finding, Saving
from akastats.model.verdicts import (
    ChangeVerdict,
    DurationCause,
    DurationChange,
    FailureVerdict,
    OverBudget,
    UnhealthyTest,
    Verdicts,
)
from akastats.queries.run_details import Details, Slow, SlowFixture
from akastats.queries.run_failures import Failure
from akastats.queries.runs import Run

RUN = Run(
    id="20261125T101500123-a1b2c3",
    status="failed",
    suite="unit",
    branch="cart",
    commit="0123456789abcdef",
    duration=12.3,
    tests=120,
    passed=114,
    failed=5,
    errors=1,
    build_url="https://ci.example/runs/1",
)
ONE, TWO = "tests/test_cart.py::test_total[eur]", "tests/test_cart.py::test_sum"
FLAKY, OLD, QUARANTINED, YOUNG = (f"tests/test_net.py::test_{name}" for name in ("get", "old", "kept", "young"))
#: Hostile and unusual texts in names and messages.
HOSTILE = (
    "a|b `c` ``d`` <script>alert(1)</script>",
    "one\ntwo\r\n::error title=x::y%0A::warning::z",
    "\u202egnp.exe\u2066 \x1b[31mred\x1b[0m \x00",
    "](javascript:alert(1)) ![x](http://evil.example/x.png) <img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)> ' onmouseover=alert(1) &lt;b&gt; &#60;",
    "@everyone #1 $`x`$ :tada: /close ~~gone~~ **bold** _it_ https://evil.example",
    "`",
    "``` \n# heading\n- item\n```",
    " ",
    "\ud800 lone",
    "--> <!-- ]]> </code></li></style>",
)


def failure(*tests: str, **fields: Any) -> Failure:
    """Return a failure of these tests, with a default class, message and location."""
    defaults: dict[str, Any] = {
        "fingerprint": "f1",
        "exception": "AssertionError",
        "message": "assert 12 == 13",
        "frames": ["shop/cart.py::total"],
        "error_id": "e1",
        "count": len(tests),
        "tests": list(tests),
        "file": "shop/cart.py",
        "line": 12,
    }
    return Failure(**defaults | fields)


def details(*failures: Failure, **fields: Any) -> Details:
    """Return the details of a run with these failures."""
    defaults: dict[str, Any] = {
        "run": RUN,
        "has_profile": True,
        "failures": list(failures),
        "failing_left_out": 0,
        "slowest": [],
        "slowest_fixtures": [],
        "base": None,
        "changes": None,
        "verdicts": None,
    }
    return Details(**defaults | fields)


def change(label: str = f"test@unit::{ONE}", **fields: Any) -> DurationChange:
    """Return a suspected change of a duration from 50 to 120 ms."""
    defaults: dict[str, Any] = {
        "label": label,
        "environment": "unit/n1/ci/3.12",
        "before": 0.05,
        "after": 0.12,
        "low": 2.1,
        "high": 2.7,
        "since": "r1",
        "run": "r2",
        "until": "r3",
        "runs_after": 3,
        "p": 1e-7,
        "confidence": 0.99,
    }
    return DurationChange(**defaults | fields)


def flaky(nodeid: str = FLAKY, **fields: Any) -> UnhealthyTest:
    """Return a newly flaky test that fails 12 % of the time."""
    defaults: dict[str, Any] = {
        "nodeid": nodeid,
        "state": "flaky",
        "rate": 0.12,
        "low": 0.08,
        "high": 0.17,
        "probability": 1.0,
        "evidence": ("r2",),
        "since": "r1",
        "is_new": True,
        "runs_failed": 5,
        "seconds_lost": 63.0,
    }
    return UnhealthyTest(**defaults | fields)


def verdicts(**fields: Any) -> Verdicts:
    """Return verdicts of the run, by default without findings."""
    return replace(Verdicts(RUN.id, "unit", "cart", "main", 42), **fields)


def everything() -> tuple[Details, Verdicts]:
    """Return a run that has each kind of finding."""
    run_details = details(
        failure(ONE, TWO),
        failure(FLAKY, exception="TimeoutError", message="no answer", fingerprint="f2", line=7),
        failure(
            OLD,
            QUARANTINED,
            YOUNG,
            fingerprint="f3",
            exception="ValueError",
            message=None,
            frames=[],
            file=None,
            line=None,
        ),
        failure("tests/test_broken.py", fingerprint="f4", exception="SyntaxError", message="invalid", frames=[]),
        slowest=[Slow(ONE, 1.2, 0.9, "failed"), Slow(TWO, 0.5, None, "failed")],
        slowest_fixtures=[SlowFixture("db", "tests", "session", 1, 2.5, 2.0)],
    )
    run_verdicts = verdicts(
        failures=(
            FailureVerdict(ONE, "new"),
            FailureVerdict(TWO, "new"),
            FailureVerdict(FLAKY, "known flaky", 0.12),
            FailureVerdict(OLD, "also failing on base"),
            FailureVerdict(QUARANTINED, "quarantined"),
            FailureVerdict(YOUNG, None),
        ),
        tests=(flaky(is_new=False), flaky(TWO, rate=0.3, low=0.1, high=0.5, after=((ONE, 4),))),
        counts={"healthy": 100, "flaky": 2, "new": 18},
        changes=(
            ChangeVerdict(change(), is_new=True),
            ChangeVerdict(change("fixture@unit::tests::db", runs_after=9), is_new=True),
            ChangeVerdict(change("test@unit::known.py::a"), is_new=False),
            ChangeVerdict(change("test@unit::faster.py::a", before=0.2), is_new=True),
        ),
        suite_changes=(ChangeVerdict(change("", before=10.1, after=12.3), is_new=True),),
        over_budget=(OverBudget(TWO, 1.7, 1.5, "max_seconds"),),
        fixed=("tests/test_cart.py::test_empty", "tests/test_cart.py::test_total[<usd>]"),
        pace=1.08,
        seconds=12.3,
        usual_seconds=10.1,
        undecided=14,
        causes=(
            DurationCause("test", ONE, 1.5),
            DurationCause("machine", "", 0.8),
            DurationCause("fixture", "tests::db", 0.4),
            DurationCause("import", "numpy", -0.2),
        ),
    )
    return run_details, run_verdicts


def finding(title: str = "Fixture catalogue is set up 36 times") -> Finding:
    """Return a finding that would save 3.8 s of 5.8 s."""
    saving = Saving(3.8, 3.5, 4.0, 0.66, 3.9)
    return Finding("fixture-scope", title, saving, (), 36, None, {}, 'Give it scope="session".')
