"""Detect runs inside a recorded run: a test can start pytest in its own process or in another."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

#: The environment variable with the id of the recorded run, for the processes that its tests start.
VARIABLE = "AKA_STATS_RUN"
# Ids of the recorded runs of this process, for tests that clear the environment.
_running: list[str] = []


def outer_run(environ: Mapping[str, str]) -> str:
    """Return the id of the recorded run that contains this one; empty if there is none."""
    return environ.get(VARIABLE, "") or (_running[-1] if _running else "")


def enter(run_id: str) -> Callable[[], None]:
    """Mark runs that start from now on as inside this run; return a function that undoes this."""
    before = os.environ.get(VARIABLE)
    _running.append(run_id)
    os.environ[VARIABLE] = run_id

    def leave() -> None:
        try:
            _running.remove(run_id)
            if before is None:
                os.environ.pop(VARIABLE, None)
            else:
                os.environ[VARIABLE] = before
        except Exception:
            # pytest calls this after the terminal summary, so the error cannot be reported.
            return

    return leave
