"""`akastats report`: what one run means, in the form that a comment, a forge or a browser takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from akastats.analysis.verdicts import Verdicts
from akastats.cli import output, project, target
from akastats.cli.options import Directory, Namespace, Suite, Url
from akastats.config import Config
from akastats.errors import AkastatsError
from akastats.reading import details, marked, runs
from akastats.reading.details import Details
from akastats.reading.whole import Whole, whole
from akastats.redis import sync_redis
from akastats.report.content import document, runs_named
from akastats.report.findings import findings
from akastats.report.gitlab import gitlab
from akastats.report.html import html
from akastats.report.markdown import markdown
from akastats.report.places import Places
from akastats.report.plain import plain

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
        str, typer.Argument(help="A run's id; default: the newest that is over.", metavar="[RUN]")
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
) -> None:
    """Report what one run means: its failures with their labels, what is newly flaky and slower."""
    with target.opened(target.of_options(url, namespace, directory)) as config:
        known = _known(config, run, suite, branch)
    text = _written(known, form)
    if output_file is None:
        output.write(text)
    else:
        _save(target.here() / output_file, text)


def _known(config: Config, run_id: str, suite: str, branch: str) -> _Known:
    space, days = config.namespace, config.run_days
    if not run_id:
        run_id = sync_redis.run(runs.newest(space, {"suite": suite, "branch": branch})).id
    found = sync_redis.run(details.details(space, run_id, SLOWEST))
    if found.verdicts is None:
        return _Known(found, None, {}, None)
    news = sync_redis.run(marked.news(space, days, found.verdicts))
    commits = sync_redis.run(runs.commits(space, runs_named(news)))
    return _Known(found, news, commits, sync_redis.run(whole(space, days, run_id, None, "")))


def _written(known: _Known, form: Form) -> str:
    if form is Form.JSON:
        return output.json_of(plain(known.details, known.whole)) + "\n"
    if form is Form.GITLAB:
        here = target.here()
        places = Places.of(os.environ, str(here), str(project.find(here).root))
        return gitlab(findings(known.details, known.news, places))
    found = document(known.details, known.news, known.commits)
    return html(found) if form is Form.HTML else markdown(found)


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise AkastatsError(f"cannot write {path}: {error.strerror}") from error
