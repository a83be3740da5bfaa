"""`akastats report`: what one run means, in the form that a comment, a forge or a browser takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from akastats import ci
from akastats.analysis.verdicts import Verdicts
from akastats.cli import output, project, target
from akastats.cli.options import Directory, Json, Namespace, Suite, Url
from akastats.config import Config
from akastats.errors import AkastatsError
from akastats.operations.requests import Operation
from akastats.reading import details, marked, quarantine, runs
from akastats.reading.details import Details
from akastats.reading.runs import Run
from akastats.reading.whole import Whole, whole
from akastats.redis import sync_redis
from akastats.report.content import document, runs_named
from akastats.report.findings import findings
from akastats.report.gitlab import gitlab
from akastats.report.html import html
from akastats.report.markdown import markdown
from akastats.report.places import Places
from akastats.shipper.judging import Judge

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
    whole: Whole | None


def report(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's id; default: the newest of this build or, outside of CI, of all.", metavar="[RUN]"
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
    with target.opened(target.of_options(url, namespace, directory)) as config:
        run_id = run or sync_redis.run(_newest(config.namespace, suite, branch)).id
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
        Judge(config, sync_redis.run).judge(run_id, sync_redis.run(quarantine.excused(space, found.run)))
        found = sync_redis.run(details.details(space, run_id, SLOWEST))
    if found.verdicts is None:
        return _Known(found, None, {}, None)
    news = sync_redis.run(marked.news(space, days, found.verdicts))
    commits = sync_redis.run(runs.commits(space, runs_named(news)))
    return _Known(found, news, commits, sync_redis.run(whole(space, days, run_id, None, "")))


def _newest(space: str, suite: str, branch: str) -> Operation[Run]:
    """Return how the newest run is read: in CI that of this build, for others end there at any time."""
    told = {} if branch else ci.describe(os.environ, target.here())
    if "build_id" not in told:
        return runs.newest(space, {"suite": suite, "branch": branch})
    filters = {"suite": suite, "commit": told.get("commit", "")}
    return runs.newest_of_build(space, filters, told["build_id"], told.get("job", ""))


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
    """Return what the API answers of a run, with all that `/verdicts` does."""
    # Late: importing FastAPI takes most of a second, which the other commands and forms need not wait for.
    from akastats.api.runs import details_of
    from akastats.api.verdicts import verdicts_of

    verdicts = verdicts_of(known.whole).model_dump(mode="json") if known.whole else None
    return {**details_of(known.details).model_dump(mode="json"), "verdicts": verdicts}


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise AkastatsError(f"cannot write {path}: {error.strerror}") from error
