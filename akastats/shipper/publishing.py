"""Publish a run to its forge: GitHub's step summary, and annotations in the log."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from akastats import config as configuration
from akastats.config import Config
from akastats.model.findings import Finding
from akastats.model.verdicts import Verdicts
from akastats.queries import run_details as details
from akastats.queries import runs
from akastats.queries.run_details import Details
from akastats.report.code_annotations import list_annotations
from akastats.report.github import render_commands
from akastats.report.markdown import render_markdown
from akastats.report.repository_paths import RepositoryPaths
from akastats.report.run_document import list_named_runs, make_document
from akastats.store.requests import Operation
from akastats.triage import acknowledgements

#: Maximum size of a step's summary in bytes. Several runs may append to it; GitHub rejects a larger one
#: completely.
MAX_BYTES = 1024 * 1024
#: Variables with the directory in which pytest was started, and with its root directory.
STARTED_IN, ROOT = "AKA_STATS_STARTED_IN", "AKA_STATS_ROOT"


def has_forge(environ: Mapping[str, str]) -> bool:
    """Return whether the run is published: on GitHub Actions, unless `AKA_STATS_FORGE` is off."""
    is_github = environ.get("GITHUB_ACTIONS") == "true" or bool(environ.get("GITHUB_STEP_SUMMARY"))
    return is_github and configuration.read_environment(environ).forge != configuration.OFF


def publish_run(
    run_id: str,
    verdicts: Verdicts | None,
    config: Config,
    execute: Callable[[Operation[Any]], Any],
    environ: Mapping[str, str],
    find_costs: Callable[[], Sequence[Finding]] = tuple,
) -> list[str]:
    """Read the details of a run and publish them, as `publish` does; read nothing without a forge.

    find_costs: returns the first findings of the run; called only if the run is published
    """
    if not has_forge(environ):
        return []
    run = execute(details.read_details(config.namespace, run_id))
    news = (
        execute(acknowledgements.drop_quiet_changes(config.namespace, config.run_days, verdicts))
        if verdicts
        else None
    )
    commits = execute(runs.read_commits(config.namespace, list_named_runs(news))) if news else {}
    return publish(news, run, environ, commits, find_costs())


def publish(
    verdicts: Verdicts | None,
    details: Details,
    environ: Mapping[str, str],
    commits: Mapping[str, str] | None = None,
    costs: Sequence[Finding] = (),
) -> list[str]:
    """Append the report of a run to GitHub's step summary, if there is one; return the annotations as lines.

    The plugin prints the lines, because GitHub reads the output of pytest. A summary that cannot be written is
    left out. `commits` maps the runs that `list_named_runs` returns to their commits; `costs` are findings.
    """
    if not has_forge(environ):
        return []
    if environ.get("GITHUB_STEP_SUMMARY"):
        document = make_document(details, verdicts, commits, costs)
        _append(environ["GITHUB_STEP_SUMMARY"], render_markdown(document))
    if environ.get("GITHUB_ACTIONS") != "true":
        return []
    paths = RepositoryPaths.from_environ(environ, environ.get(STARTED_IN, ""), environ.get(ROOT, ""))
    return render_commands(list_annotations(details, verdicts, paths))


# With O_NONBLOCK, opening a pipe that has no reader fails. Without O_NONBLOCK, `open` blocks forever.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)


def _append(path: str, text: str) -> None:
    """Append text in one write, because runs of one step may end at the same moment."""
    content = text.encode(errors="backslashreplace") + b"\n"
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            if os.fstat(descriptor).st_size + len(content) <= MAX_BYTES:
                os.write(descriptor, content)
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        # A summary that cannot be written does not fail the delivery. A null byte in the path is a ValueError.
        return
