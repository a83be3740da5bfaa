"""Suites that are run with the plugin, and the data that the server has afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from akastats import sync_stats
from akastats.model import profile
from akastats.records import Stat
from akastats.redis import sync_redis
from akastats.store import runs
from conftest import eventually

NAMESPACE = "AKA-STATS"


@dataclass(frozen=True)
class Recorded:
    """One recorded run: the result of pytest, and the stored data."""

    result: pytest.RunResult
    run: dict[str, str]
    profile: dict[str, Any]

    @property
    def outcomes(self) -> dict[str, str]:
        """Return the outcome of each test, by the last part of its node id."""
        return {row["nodeid"].split("::", 1)[1]: row["outcome"] for row in profile.rows(self.profile["tests"])}

    @property
    def fixtures(self) -> dict[str, dict[str, Any]]:
        """Return the fixtures by name, with seconds of `setup` and `teardown`."""
        rows = profile.rows(self.profile["fixtures"])
        seconds = {"setup": 1e-6, "teardown": 1e-6}
        return {row["name"]: {name: row[name] * seconds.get(name, 1) for name in row} for row in rows}

    def counts(self, *names: str) -> tuple[int, ...]:
        """Return fields of the run as numbers."""
        return tuple(int(self.run[name]) for name in names)


def history(label: str) -> list[Stat]:
    """Return the points of a label, newest first."""
    return sync_stats.stat_history(label)


def newest_run() -> dict[str, str]:
    """Return the record of the newest run."""
    (run,), _ = sync_redis.run(runs.find_runs(NAMESPACE, {}, None, 1))
    return run


def ended_run() -> dict[str, str] | None:
    """Return the newest run after its delivery: pytest does not wait for it if it shows no summary."""
    found, _ = sync_redis.run(runs.find_runs(NAMESPACE, {}, None, 1))
    return found[0] if found and found[0]["status"] != "running" else None


Record = Callable[..., Recorded]


@pytest.fixture
def record(pytester: pytest.Pytester, server: str) -> Record:
    """Run the suite in pytester's directory with the plugin, and return its data once it is stored."""

    def run(*arguments: str, options: tuple[str, ...] = ("--akastats", "--akastats-wait=60")) -> Recorded:
        plain = ("-p", "no:randomly", "-p", "no:cacheprovider", f"--akastats-url={server}")
        result = pytester.runpytest_subprocess(*plain, *options, *arguments)
        stored = eventually(ended_run)
        return Recorded(
            result,
            stored,
            profile.to_json(profile.decode(sync_redis.run(runs.read_profile(NAMESPACE, stored["id"])))),
        )

    return run


@pytest.fixture(params=["-n0", "-n2"])
def spread(request: pytest.FixtureRequest) -> str:
    """Arguments of pytest: one process, and two workers of pytest-xdist."""
    return str(request.param)
