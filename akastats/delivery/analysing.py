"""Analyse a run: read its history while the tests run, and store its verdicts when it ends."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from akastats.analysis.analyse import analyse
from akastats.analysis.findings.rules import compare_costs
from akastats.config import Config
from akastats.delivery.spool_delivery import UNSOUND, Execute
from akastats.errors import AkastatsError, CorruptDataError, NotFoundError
from akastats.extensions import call_hooks, load_analysis_hooks
from akastats.model import verdicts
from akastats.model.findings import RunCosts
from akastats.model.verdicts import Verdicts
from akastats.queries import analysis_input
from akastats.queries.analysis_input import RecordCache
from akastats.queries.ledger import read_recorded_run
from akastats.queries.quarantine import read_quarantined_during
from akastats.queries.runs import Run, read_run
from akastats.store import runs
from akastats.store import verdicts as stored

#: Maximum number of runs that are analysed after a late delivery.
MAX_LATE = 20


class Analyser:
    """Analyses runs of one namespace; `execute` runs an operation on the server."""

    def __init__(self, config: Config, execute: Execute) -> None:
        self._config = config
        self._execute = execute
        self._records = RecordCache()
        self._history: list[Run] | None = None
        #: Errors of the hooks of extensions; empty if none failed.
        self.hook_errors = ""
        self._is_ready = False

    def prepare(self, run_id: str) -> None:
        """Read the next part of a run's history, which takes about 0.1 s; do nothing if it is complete."""
        if self._is_ready:
            return
        try:
            if self._history is None:
                run = self._execute(read_run(self._config.namespace, run_id))
                past = self._execute(analysis_input.read_history(self._config.namespace, run))
                self._history = analysis_input.within_bounds(past.newest_first)
            loading = analysis_input.load_records(self._config.namespace, self._history, self._records, steps=1)
            self._is_ready = self._execute(loading)
        except AkastatsError:
            # `analyse` reads the rest at the end of the run.
            self._is_ready = True

    def analyse(self, run_id: str, quarantined: Collection[str] = ()) -> Verdicts:
        """Analyse a delivered run, store its verdicts and call the hooks of extensions.

        Raises `AkastatsError` if the server fails. The errors of hooks are in `hook_errors`.
        """
        namespace = self._config.namespace
        content = self._execute(analysis_input.read_input(namespace, run_id, self._records, quarantined))
        result = replace(analyse(content), costs=self._find_costs(run_id, content.previous))
        ttl_s = self._config.run_days * runs.DAY_S
        self._execute(stored.store_verdicts(namespace, run_id, verdicts.pack(result), ttl_s))
        self._call_hooks(result)
        return result

    def _find_costs(self, run_id: str, before: Verdicts | None) -> RunCosts | None:
        """Return the findings of a run; `None` for a run that is too large, or if a rule fails on its data."""
        try:
            _, recorded = self._execute(read_recorded_run(self._config.namespace, run_id))
            return compare_costs(run_id, recorded, before)
        except (NotFoundError, CorruptDataError, *UNSOUND):
            return None

    def _call_hooks(self, result: Verdicts) -> None:
        hooks = load_analysis_hooks()
        if not hooks:
            return
        try:
            run = self._execute(read_run(self._config.namespace, result.run))
            self.hook_errors = call_hooks(hooks, run, result)
        except AkastatsError as error:
            self.hook_errors = f"hooks were not called: {error}"


def analyse_late_runs(config: Config, execute: Execute, run_ids: Sequence[str]) -> list[str]:
    """Analyse the newest 20 of some late runs, oldest first, because each is part of the history of the next.

    Runs that have verdicts are skipped. A run that cannot be analysed gets no verdicts. Returns the errors
    of hooks.
    """
    try:
        newest = sorted(run_ids)[-MAX_LATE:]
        analysed = execute(stored.filter_with_verdicts(config.namespace, newest))
    except (AkastatsError, *UNSOUND):
        return []
    hook_errors: list[str] = []
    for run_id in newest:
        if run_id not in analysed:
            try:
                # No shared cache, because the runs can be of different branches.
                run = execute(read_run(config.namespace, run_id))
                analyser = Analyser(config, execute)
                analyser.analyse(run_id, execute(read_quarantined_during(config.namespace, run)))
                hook_errors += [f"run {run_id}: {analyser.hook_errors}"] if analyser.hook_errors else []
            except (AkastatsError, *UNSOUND):
                continue
    return hook_errors
