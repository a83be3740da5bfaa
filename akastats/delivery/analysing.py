"""Analyse a run beside it: read its history while the tests run, store its verdicts when it ends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from akastats.analysis.analyse import analyse
from akastats.config import Config
from akastats.delivery.spool_delivery import UNSOUND
from akastats.errors import AkastatsError
from akastats.extensions import call_hooks, load_analysis_hooks
from akastats.model import verdicts
from akastats.model.verdicts import Verdicts
from akastats.queries import analysis_input
from akastats.queries.analysis_input import RecordCache
from akastats.queries.quarantine import read_quarantined_during
from akastats.queries.runs import Run, read_run
from akastats.store import runs
from akastats.store import verdicts as stored
from akastats.store.requests import Operation

#: Late runs that are analysed at once, the newest.
MOST_LATE = 20


class Analyser:
    """Analyses runs of one namespace; `execute` runs an operation on the server."""

    def __init__(self, config: Config, execute: Callable[[Operation[Any]], Any]) -> None:
        self._config = config
        self._execute = execute
        self._known = RecordCache()
        self._wanted: list[Run] | None = None
        #: why hooks of extensions failed; empty if none did
        self.hook_errors = ""
        self._is_ready = False

    def prepare(self, run_id: str) -> None:
        """Read one part of the history of a run, in at most about 0.1 s; do nothing once all is read."""
        if self._is_ready:
            return
        try:
            if self._wanted is None:
                run = self._execute(read_run(self._config.namespace, run_id))
                past = self._execute(analysis_input.read_history(self._config.namespace, run))
                self._wanted = analysis_input.within_bounds(past.newest_first)
            learnt = analysis_input.load_records(self._config.namespace, self._wanted, self._known, steps=1)
            self._is_ready = self._execute(learnt)
        except AkastatsError:
            # At the run's end it is read all the same, if the server answers then.
            self._is_ready = True

    def judge(self, run_id: str, quarantined: Collection[str] = ()) -> Verdicts:
        """Analyse an applied run, store its verdicts and call the hooks of extensions.

        Raises `AkastatsError` if the analysis is not possible. An error of a hook is only recorded.
        """
        namespace = self._config.namespace
        found = analyse(self._execute(analysis_input.read_input(namespace, run_id, self._known, quarantined)))
        ttl_s = self._config.run_days * runs.DAY_S
        self._execute(stored.store_verdicts(namespace, run_id, verdicts.pack(found), ttl_s))
        self._call_hooks(found)
        return found

    def _call_hooks(self, found: Verdicts) -> None:
        hooks = load_analysis_hooks()
        if not hooks:
            return
        try:
            run = self._execute(read_run(self._config.namespace, found.run))
            self.hook_errors = call_hooks(hooks, run, found)
        except AkastatsError as error:
            self.hook_errors = f"hooks were not called: {error}"


def judge_late(config: Config, execute: Callable[[Operation[Any]], Any], run_ids: Sequence[str]) -> list[str]:
    """Analyse the newest 20 of the runs that were delivered late, oldest first: each is history for the next.

    Runs with verdicts keep them; a run that cannot be analysed stays without. Returns the errors of hooks.
    """
    try:
        newest = sorted(run_ids)[-MOST_LATE:]
        analysed = execute(stored.filter_with_verdicts(config.namespace, newest))
    except (AkastatsError, *UNSOUND):
        return []
    hook_errors: list[str] = []
    for run_id in newest:
        if run_id not in analysed:
            try:
                # Each has a cache of its own, because the runs can be of different branches.
                run = execute(read_run(config.namespace, run_id))
                analyser = Analyser(config, execute)
                analyser.judge(run_id, execute(read_quarantined_during(config.namespace, run)))
                hook_errors += [f"run {run_id}: {analyser.hook_errors}"] if analyser.hook_errors else []
            except (AkastatsError, *UNSOUND):
                continue
    return hook_errors
