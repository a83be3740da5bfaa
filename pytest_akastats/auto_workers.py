"""Let `-n auto` use the number of workers that `akastats plan` recommends: `--akastats-workers=recommended`.

pytest-xdist asks for the number before pytest is configured. A process of the command line reads it, so that the
test process imports nothing and needs no connection.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from akastats.formatting import escape_unprintable

# Maximum seconds of the command; it takes about one.
TIMEOUT_S = 15.0
# Maximum number of characters of its message that are shown.
MAX_MESSAGE = 200


@dataclass(frozen=True)
class Recommendation:
    """A number of workers for this session.

    workers: number of workers; 0 for one process; `None` if pytest-xdist must choose
    reason: why, as one line of the header
    """

    workers: int | None
    reason: str


class RecommendedWorkers:
    """Answers `-n auto` of pytest-xdist."""

    def __init__(self) -> None:
        self._recommendation: Recommendation | None = None

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_auto_num_workers(self, config: pytest.Config) -> int | None:
        try:
            self._recommendation = recommend(list_arguments(config), _list_variables(config))
        except Exception as error:
            self._recommendation = Recommendation(None, f"{type(error).__name__}: {error}")
        return self._recommendation.workers

    def pytest_report_header(self) -> list[str]:
        if self._recommendation is None:
            return []
        return [f"akastats: {escape_unprintable(self._recommendation.reason[:MAX_MESSAGE])}"]


def list_arguments(config: pytest.Config) -> list[str]:
    """Return the arguments of `akastats plan` for the suite and the `--dist` of this session."""
    return list(_list_arguments(config))


def _list_arguments(config: pytest.Config) -> Iterator[str]:
    dist = config.getoption("dist", "no")
    yield from ("plan", "--json", "--dist", "load" if dist == "no" else str(dist))
    for name in ("suite", "url", "namespace", "dir"):
        value = config.getoption(f"--akastats-{name}") or config.getini(f"akastats_{name}")
        if value:
            yield from (f"--{name}", str(value))


def _list_variables(config: pytest.Config) -> Mapping[str, str]:
    """Return the environment of the command, which starts in the root directory of pytest."""
    return {**os.environ, "PWD": str(config.rootpath)}


def recommend(arguments: list[str], environ: Mapping[str, str]) -> Recommendation:
    """Return the number of workers of the best choice of `akastats plan`, or why there is none."""
    command = [sys.executable, "-m", "akastats", *arguments]
    done = subprocess.run(
        command, env=environ, cwd=environ["PWD"], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return Recommendation(None, f"pytest-xdist chooses the number of workers ({lines[-1]})")
    plan = json.loads(done.stdout)
    best = plan["best"]
    choice = f"-n {best['workers']} --dist {best['dist']}" if best["workers"] else "one process"
    return Recommendation(best["workers"], f"{choice}, {best['wall']:.1f} s predicted from run {plan['run']}")
