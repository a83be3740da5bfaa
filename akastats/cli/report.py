"""`akastats report`: report the failures and changes of one run as markdown, HTML, JSON or for GitLab."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from akastats import ci
from akastats.cli import output, project, spools, targets
from akastats.cli.options import Directory, Json, Namespace, Suite, Url
from akastats.cli.targets import Target
from akastats.config import Config
from akastats.delivery.analysing import Analyser
from akastats.errors import AkastatsError, NotFoundError
from akastats.extensions import ReportRenderer, describe_error, load_renderers
from akastats.model.findings import Finding
from akastats.model.verdicts import Verdicts
from akastats.queries import run_details, runs
from akastats.queries.findings import read_first_findings
from akastats.queries.quarantine import read_quarantined_during
from akastats.queries.run_details import Details, answer_details
from akastats.queries.run_report import RunReport, read_report
from akastats.queries.runs import Run
from akastats.queries.verdict_answers import answer_verdicts
from akastats.redis import sync_redis
from akastats.report.code_annotations import list_annotations
from akastats.report.document import Document
from akastats.report.gitlab import render_gitlab
from akastats.report.html import render_html
from akastats.report.markdown import render_markdown
from akastats.report.repository_paths import RepositoryPaths
from akastats.report.run_document import list_named_runs, make_document
from akastats.spool import directories as spool_directories
from akastats.spool import recorded_runs
from akastats.store.requests import Operation
from akastats.triage import acknowledgements

#: Maximum number of slowest tests in a report.
SLOWEST = 10


#: Formats of a report; extensions add others.
FORMATS = ("markdown", "html", "json", "gitlab")


@dataclass(frozen=True)
class _RunData:
    """Input of a report.

    details: The run.
    news: Its verdicts without acknowledged changes, `None` if it was not analysed.
    commits: Commits of the runs in the verdicts, by run id.
    complete: All its verdicts, for JSON; `None` if it was not analysed.
    costs: The first findings about its duration.
    """

    details: Details
    news: Verdicts | None
    commits: Mapping[str, str]
    complete: RunReport | None
    costs: Sequence[Finding]


RunId = Annotated[
    str,
    typer.Argument(
        help="Run id; default: the newest run recorded in this directory, in CI of this build.",
        metavar="RUN",
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        help="Format: markdown for comments, html, json, gitlab for its code quality report, or the name of "
        "an extension.",
        metavar="FORMAT",
    ),
]
OutputFile = Annotated[
    Path | None,
    typer.Option("--output", help="Write the report to this file; default: stdout.", metavar="FILE"),
]
Branch = Annotated[str, typer.Option(help="Without RUN: the newest run of this branch.")]
Analyse = Annotated[
    bool,
    typer.Option("--judge", help="Analyse the run first if it has no verdicts, for example after an import."),
]


def report(
    run: RunId = "",
    form: Format = "markdown",
    output_file: OutputFile = None,
    suite: Suite = "",
    branch: Branch = "",
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
    analyse: Analyse = False,
) -> None:
    """Report the failures and changes of one run.

    Each failure has a label: new, known flaky, quarantined, or also failing on the base branch.
    """
    name = "json" if as_json else form
    renderer = None if name in FORMATS else _find_renderer(name)
    target = targets.from_options(url, namespace, directory)
    with targets.open_config(target) as config:
        run_id = run or _own_run(target, config, suite, branch)
        data = _read_run(config, run_id, analyse)
    text = _render(data, name, renderer)
    if output_file is None:
        output.write(text)
    else:
        _save(targets.here() / output_file, text)


def _read_run(config: Config, run_id: str, analyse: bool) -> _RunData:
    space, days = config.namespace, config.run_days
    details = sync_redis.run(run_details.read_details(space, run_id, SLOWEST))
    if analyse and details.verdicts is None and details.has_profile:
        analyser = Analyser(config, sync_redis.run)
        analyser.analyse(run_id, sync_redis.run(read_quarantined_during(space, details.run)))
        if analyser.hook_errors:
            output.warn(analyser.hook_errors)
        details = sync_redis.run(run_details.read_details(space, run_id, SLOWEST))
    costs = sync_redis.run(read_first_findings(space, details.run))
    if details.verdicts is None:
        return _RunData(details, None, {}, None, costs)
    news = sync_redis.run(acknowledgements.drop_quiet_changes(space, days, details.verdicts))
    commits = sync_redis.run(runs.read_commits(space, list_named_runs(news)))
    return _RunData(details, news, commits, sync_redis.run(read_report(space, days, run_id, None, "")), costs)


def _own_run(target: Target, config: Config, suite: str, branch: str) -> str:
    """Return the id of the run to report: one recorded here, else one of this build, else the newest."""
    build = {} if branch else ci.describe_code(os.environ, targets.here())
    ids = [] if branch else _recorded_here(target, suite, build)
    if ids:
        return sync_redis.run(_worst(config.namespace, ids, is_build="build_id" in build)).id
    return sync_redis.run(_newest(config.namespace, suite, branch, build)).id


def _recorded_here(target: Target, suite: str, build: Mapping[str, str]) -> list[str]:
    """Return the ids of this project's newest runs, one per suite, newest first.

    In CI only runs of this build and attempt count, because a machine may run several builds.
    """
    here = str(targets.here())
    newest: dict[str, str] = {}
    for run in recorded_runs.read(spool_directories.list_candidates(target.directory, os.environ)):
        is_here = here == run.root or here.startswith(run.root.rstrip("/") + "/")
        is_same_server = spools.destination(run.server, run.namespace) == spools.destination_of(target)
        is_of_build = all(getattr(run, name) == build.get(name, "") for name in ("build_id", "attempt"))
        is_selected = suite in ("", run.suite) and (is_of_build or "build_id" not in build)
        is_here = is_here and run.host == platform.node()
        if is_here and is_same_server and is_selected and not run.is_nested:
            newest.setdefault(run.suite, run.id)
    return list(newest.values())


def _worst(space: str, ids: Sequence[str], is_build: bool) -> Operation[Run]:
    """Choose the run to report from those recorded here; in CI a failed run has priority.

    Raises `NotFoundError` if none is delivered yet, because another job's run must not be reported instead.
    """
    delivered = yield from runs.read_runs(space, ids)
    if not delivered:
        raise NotFoundError(
            f"run {ids[0]} was recorded here and is not delivered yet: run akastats drain, or give another run id"
        )
    failed = [run for run in delivered if run.status not in ("passed", "empty", "running")]
    return failed[0] if is_build and failed else delivered[0]


def _newest(space: str, suite: str, branch: str, build: Mapping[str, str]) -> Operation[Run]:
    """Read the newest run; in CI the newest run of this build, because other builds can end at any time."""
    if "build_id" not in build:
        return runs.read_newest(space, {"suite": suite, "branch": branch})
    filters = {"suite": suite, "commit": build.get("commit", "")}
    return runs.read_newest_of_build(space, filters, build["build_id"], build.get("job", ""))


def _find_renderer(name: str) -> ReportRenderer:
    renderers = load_renderers()
    if name not in renderers:
        formats = ", ".join([*FORMATS, *sorted(renderers)])
        raise typer.BadParameter(f"{name!r} is not one of {formats}.", param_hint="'--format'")

    def render(document: Document) -> str:
        try:
            text = renderers[name](document)
        except Exception as error:
            raise AkastatsError(f"report format {name} failed: {describe_error(error)}") from error
        if not isinstance(text, str):
            raise AkastatsError(f"report format {name} returned {type(text).__name__} instead of text")
        return text

    return render


def _render(data: _RunData, name: str, renderer: ReportRenderer | None) -> str:
    if name == "json":
        return output.format_json(_run_json(data)) + "\n"
    if name == "gitlab":
        here = targets.here()
        paths = RepositoryPaths.from_environ(os.environ, str(here), str(project.find(here).root))
        return render_gitlab(list_annotations(data.details, data.news, paths))
    content = make_document(data.details, data.news, data.commits, data.costs)
    if renderer is not None:
        return renderer(content)
    return render_html(content) if name == "html" else render_markdown(content)


def _run_json(data: _RunData) -> dict[str, Any]:
    """Return the JSON object of a run as the API returns it, with all its verdicts."""
    verdicts = asdict(answer_verdicts(data.complete)) if data.complete else None
    return {**asdict(answer_details(data.details)), "verdicts": verdicts}


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise AkastatsError(f"cannot write {path}: {error.strerror}") from error
