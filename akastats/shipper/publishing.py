"""Publish a run to its forge: GitHub's step summary, and annotations in the log."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from akastats import config as configuration
from akastats.config import Config
from akastats.model.verdicts import Verdicts
from akastats.queries import run_details as details
from akastats.queries import runs
from akastats.queries.run_details import Details
from akastats.report.code_annotations import list_annotations
from akastats.report.github import commands
from akastats.report.markdown import markdown
from akastats.report.repository_paths import RepositoryPaths
from akastats.report.run_document import document, runs_named
from akastats.store.requests import Operation
from akastats.triage import acknowledgements

#: GitHub refuses the whole summary of a step that is larger; several runs may be of one step.
MAX_BYTES = 1024 * 1024
#: In which directory pytest was started, and its root directory: the shipper's own is another.
STARTED_IN, ROOT = "AKA_STATS_STARTED_IN", "AKA_STATS_ROOT"


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Return whether there is a forge to publish to."""
    is_github = environ.get("GITHUB_ACTIONS") == "true" or bool(environ.get("GITHUB_STEP_SUMMARY"))
    return is_github and configuration.read_environment(environ).forge != configuration.OFF


def published(
    run_id: str,
    verdicts: Verdicts | None,
    config: Config,
    execute: Callable[[Operation[Any]], Any],
    environ: Mapping[str, str],
) -> list[str]:
    """Read the details of a run and publish them; read nothing without a forge."""
    if not is_wanted(environ):
        return []
    found = execute(details.read_details(config.namespace, run_id))
    told = (
        execute(acknowledgements.drop_quiet_changes(config.namespace, config.run_days, verdicts))
        if verdicts
        else None
    )
    commits = execute(runs.read_commits(config.namespace, runs_named(told))) if told else {}
    return publish(told, found, environ, commits)


def publish(
    verdicts: Verdicts | None,
    details: Details,
    environ: Mapping[str, str],
    commits: Mapping[str, str] | None = None,
) -> list[str]:
    """Append a run's report to GitHub's step summary, if there is one; return the lines that mark its findings.

    The lines are for whoever writes to what GitHub listens to. A summary that cannot be written is left out.
    `commits` are those of the runs that `akastats.report.run_document.runs_named` returns.
    """
    if not is_wanted(environ):
        return []
    if environ.get("GITHUB_STEP_SUMMARY"):
        _append(environ["GITHUB_STEP_SUMMARY"], markdown(document(details, verdicts, commits)))
    if environ.get("GITHUB_ACTIONS") != "true":
        return []
    paths = RepositoryPaths.from_environ(environ, environ.get(STARTED_IN, ""), environ.get(ROOT, ""))
    return commands(list_annotations(details, verdicts, paths))


# A pipe without a reader would hold us for ever: opening it fails instead.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)


def _append(path: str, text: str) -> None:
    """Append text in one write: runs of one step may end at the same moment."""
    content = text.encode(errors="backslashreplace") + b"\n"
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            if os.fstat(descriptor).st_size + len(content) <= MAX_BYTES:
                os.write(descriptor, content)
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        # Measuring never breaks what is measured; a path with a null byte is a ValueError.
        return
