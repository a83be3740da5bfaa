"""The ini key `akastats_budgets`: from its lines to the verdicts."""

from __future__ import annotations

import pytest

from akastats.queries import verdicts
from akastats.redis import sync_redis
from pytest_akastats.cost_budgets import read_cost_budgets
from tests.plugin.conftest import NAMESPACE, Record


def test_each_line_is_a_label_with_limits() -> None:
    """A name may have spaces."""
    lines = [
        "import numpy max_seconds=0.5",
        "span collect  max_slowdown=2 max_seconds=5",
        "collect a b.py max_seconds=1",
    ]

    assert {
        "import::numpy": {"max_seconds": 0.5},
        "span::collect": {"max_slowdown": 2.0, "max_seconds": 5.0},
        "collect::a b.py": {"max_seconds": 1.0},
    } == read_cost_budgets(lines)


@pytest.mark.parametrize(
    "line",
    [
        "test a.py::test max_seconds=1",
        "import max_seconds=1",
        "import numpy",
        "import numpy max_second=1",
        "import numpy max_seconds=0",
        "import numpy max_seconds=1 max_second=1",
        "import numpy max_slowdown=0.5",
        "import numpy max_seconds=1e3",
        f"import {'n' * 300} max_seconds=1",
    ],
)
def test_an_invalid_line_is_refused(line: str) -> None:
    """With the line and the valid form."""
    with pytest.raises(pytest.UsageError, match="is not `KIND NAME max_seconds=SECONDS max_slowdown=FACTOR`"):
        read_cost_budgets([line])


def test_too_many_lines_are_refused() -> None:
    """They are part of one record."""
    with pytest.raises(pytest.UsageError, match="101 lines, at most 100"):
        read_cost_budgets(["import numpy max_seconds=1"] * 101)


def test_what_exceeds_its_budget_is_reported(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """A slow import, collection and fixture; a quick fixture does not."""
    pytester.makeini(
        """
        [pytest]
        akastats_budgets =
            import slow_module max_seconds=0.1
            fixture database max_seconds=0.05
            fixture quick max_seconds=5
            collect test_one.py max_seconds=0.1
        """
    )
    pytester.makepyfile(
        slow_module="import time; time.sleep(0.2)",
        test_one="""
        import time, pytest, slow_module
        @pytest.fixture
        def database(): time.sleep(0.1)
        @pytest.fixture
        def quick(): pass
        def test_shop(database, quick): pass
        """,
    )

    recorded = record(spread)

    assert 0 == recorded.result.ret
    recorded.result.stdout.fnmatch_lines(["  over budget: 3"])
    assert {"max_seconds": 0.05} == recorded.profile["budgets"]["fixture::database"]
    stored = sync_redis.run(verdicts.read_verdicts(NAMESPACE, recorded.run["id"]))
    assert {
        ("import::slow_module", 0.1),
        ("fixture::test_one.py::database", 0.05),
        ("collect::test_one.py", 0.1),
    } == {(each.nodeid, each.allowed) for each in stored.over_budget}


def test_an_invalid_line_is_a_usage_error(pytester: pytest.Pytester) -> None:
    """Before a test runs."""
    pytester.makeini("[pytest]\nakastats_budgets = import numpy\n")
    pytester.makepyfile("def test_one(): pass")

    result = pytester.runpytest_subprocess("--akastats")

    assert 4 == result.ret
    result.stderr.fnmatch_lines(["ERROR: akastats_budgets: 'import numpy' is not `KIND NAME *"])
