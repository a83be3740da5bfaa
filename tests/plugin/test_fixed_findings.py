"""Findings that a later run fixed, from real runs."""

from __future__ import annotations

import pytest

from akastats.queries.findings import read_findings, read_predictions
from akastats.redis import sync_redis
from tests.plugin.conftest import NAMESPACE, Record

SUITE = """
import time
import pytest

@pytest.fixture(scope="{scope}")
def catalogue():
    time.sleep(0.15)

@pytest.mark.parametrize("at", range(10))
def test_price(catalogue, at):
    pass
"""


def test_a_wider_scope_fixes_a_finding(pytester: pytest.Pytester, record: Record) -> None:
    """The measured saving is near the prediction of the run before."""
    pytester.makepyfile(test_one=SUITE.format(scope="function"))
    before = record("-n0")
    pytester.makepyfile(test_one=SUITE.format(scope="module"))

    after = record("-n0")

    answer = sync_redis.run(read_findings(NAMESPACE, after.run["id"]))
    scope = next(each for each in answer.fixed if each.finding.place.endswith("::catalogue"))
    assert (before.run["id"], after.run["id"]) == (scope.before, scope.run)
    assert pytest.approx(scope.finding.seconds, rel=0.3) == sum(each.measured for each in answer.fixed)
    assert list(answer.fixed) == sync_redis.run(read_predictions(NAMESPACE, None, None)).items
