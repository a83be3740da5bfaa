"""`akastats report`: what one run means, in the form that a comment, a forge or a browser takes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from akastats import ci
from akastats.cli import output, project, spools, target
from akastats.cli.options import Directory, Json, Namespace, Suite, Url
from akastats.cli.target import Target
from akastats.config import Config
from akastats.delivery.analysing import Analyser
from akastats.errors import AkastatsError, NotFoundError
from akastats.model.verdicts import Verdicts
from akastats.queries import run_details as details
from akastats.queries import runs
from akastats.queries.quarantine import quarantined_during
from akastats.queries.run_details import Details, answer_details
from akastats.queries.run_report import RunReport, read_report
from akastats.queries.runs import Run
from akastats.queries.verdict_answers import answer_verdicts
from akastats.redis import sync_redis
from akastats.report.code_annotations import findings
from akastats.report.gitlab import gitlab
from akastats.report.html import html
from akastats.report.markdown import markdown
from akastats.report.repository_paths import Places
from akastats.report.run_document import document, runs_named
from akastats.spool import directories as places
from akastats.spool import recorded_runs
from akastats.store.requests import Operation
from akastats.triage import acknowledgements

#: So many of the slowest tests are told, where they are.
SLOWEST = 10


class Form(str, Enum):
    """The forms that a report has."""

    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"
    GITLAB = "gitlab"


@dataclass(frozen=True)
class _Known:
    """What is known of a run; `news` are its verdicts less what nobody wants to hear of, `None` where unjudged."""

    details: Details
    news: Verdicts | None
    commits: Mapping[str, str]
    whole: RunReport | None


def report(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's id; default: what this directory has recorded, in CI for this build.", metavar="[RUN]"
        ),
    ] = "",
    form: Annotated[
        Form, typer.Option("--format", help="For a comment, a browser, a program, GitLab.")
    ] = Form.MARKDOWN,
    output_file: Annotated[
        Path | None, typer.Option("--output", help="Write to this file; default: stdout.", metavar="FILE")
    ] = None,
    suite: Suite = "",
    branch: Annotated[str, typer.Option(help="Without a RUN: the newest of this branch.")] = "",
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
    judge: Annotated[
        bool, typer.Option("--judge", help="Judge the run if nobody has, as one that was drained or imported.")
    ] = False,
) -> None:
    """Report what one run means: its failures with their labels, what is newly flaky and slower."""
    found = target.of_options(url, namespace, directory)
    with target.opened(found) as config:
        run_id = run or _own_run(found, config, suite, branch)
        known = _known(config, run_id, judge)
    text = _written(known, Form.JSON if as_json else form)
    if output_file is None:
        output.write(text)
    else:
        _save(target.here() / output_file, text)


def _known(config: Config, run_id: str, judge: bool) -> _Known:
    space, days = config.namespace, config.run_days
    found = sync_redis.run(details.details(space, run_id, SLOWEST))
    if judge and found.verdicts is None and found.has_profile:
        Analyser(config, sync_redis.run).judge(run_id, sync_redis.run(quarantined_during(space, found.run)))
        found = sync_redis.run(details.details(space, run_id, SLOWEST))
    if found.verdicts is None:
        return _Known(found, None, {}, None)
    news = sync_redis.run(acknowledgements.news(space, days, found.verdicts))
    commits = sync_redis.run(runs.commits(space, runs_named(news)))
    return _Known(found, news, commits, sync_redis.run(read_report(space, days, run_id, None, "")))


def _own_run(found: Target, config: Config, suite: str, branch: str) -> str:
    """Return the id of the run to report: one that this directory has recorded, else the build's or the newest."""
    build = {} if branch else ci.describe_code(os.environ, target.here())
    ids = [] if branch else _recorded_here(found, suite, build)
    if ids:
        return sync_redis.run(_worst(config.namespace, ids, is_build="build_id" in build)).id
    return sync_redis.run(_newest(config.namespace, suite, branch, build)).id


def _recorded_here(found: Target, suite: str, build: Mapping[str, str]) -> list[str]:
    """Return the newest run of each suite that this project has recorded on this machine, newest first.

    In CI only runs of this build and attempt count: a machine may serve several.
    """
    here = str(target.here())
    newest: dict[str, str] = {}
    for run in recorded_runs.read(places.list_candidates(found.directory, os.environ)):
        is_here = here == run.root or here.startswith(run.root.rstrip("/") + "/")
        is_sent_there = spools.destination(run.server, run.namespace) == spools.named(found)
        is_of_build = all(getattr(run, name) == build.get(name, "") for name in ("build_id", "attempt"))
        is_asked_for = suite in ("", run.suite) and (is_of_build or "build_id" not in build)
        is_here = is_here and run.host == platform.node()
        if is_here and is_sent_there and is_asked_for and not run.is_nested:
            newest.setdefault(run.suite, run.id)
    return list(newest.values())


def _worst(space: str, ids: Sequence[str], is_build: bool) -> Operation[Run]:
    """Choose the run to report from those recorded here: in CI a failed one before one that passed.

    Raises `NotFoundError` where none of them is delivered yet: another job's would be reported as this one's.
    """
    known = yield from runs.those_of(space, ids)
    if not known:
        raise NotFoundError(
            f"run {ids[0]} was recorded here and is not delivered yet: run akastats drain, or name another run"
        )
    red = [run for run in known if run.status not in ("passed", "empty", "running")]
    return red[0] if is_build and red else known[0]


def _newest(space: str, suite: str, branch: str, build: Mapping[str, str]) -> Operation[Run]:
    """Return how the newest run is read: in CI that of this build, for others end there at any time."""
    if "build_id" not in build:
        return runs.newest(space, {"suite": suite, "branch": branch})
    filters = {"suite": suite, "commit": build.get("commit", "")}
    return runs.newest_of_build(space, filters, build["build_id"], build.get("job", ""))


def _written(known: _Known, form: Form) -> str:
    if form is Form.JSON:
        return output.json_of(_answered(known)) + "\n"
    if form is Form.GITLAB:
        here = target.here()
        places = Places.of(os.environ, str(here), str(project.find(here).root))
        return gitlab(findings(known.details, known.news, places))
    found = document(known.details, known.news, known.commits)
    return html(found) if form is Form.HTML else markdown(found)


def _answered(known: _Known) -> dict[str, Any]:
    """Return the JSON object of a run as the API returns it, with all its verdicts."""
    verdicts = asdict(answer_verdicts(known.whole)) if known.whole else None
    return {**asdict(answer_details(known.details)), "verdicts": verdicts}


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise AkastatsError(f"cannot write {path}: {error.strerror}") from error
