"""Where the time of a test went, from a stored run."""

from __future__ import annotations

import pytest

from akastats.errors import NotFoundError
from akastats.queries.times_of_test import read_times
from akastats.redis import sync_redis
from tests.delivered_runs import deliver_run

NAMESPACE = "AKA-STATS"


def test_a_run_without_the_test_is_named(server, tmp_path):
    """The error has the run and the node id."""
    run_id = deliver_run(server, tmp_path, [("a.py::test_a", "passed", 0.5)])
    test = sync_redis.run(read_times(NAMESPACE, "a.py::test_a", "", run_id))
    with pytest.raises(NotFoundError, match=rf"run {run_id} has no test 'a.py::test_b'"):
        sync_redis.run(read_times(NAMESPACE, "a.py::test_b", "", run_id))

    assert (0.5, []) == (test.times.phases["call"].wall, test.changes)
