"""`akastats export`: write all stored runs and points as JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from akastats.cli import output, targets
from akastats.cli.options import Directory, Namespace, Suite, Url
from akastats.config import Config
from akastats.queries import export
from akastats.queries import runs as reading
from akastats.redis import sync_redis
from akastats.store.runs import Position

RUNS_PER_PAGE = 50


def exports(
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            "--json",
            help="Write one JSON object per line. This is the only format and the default.",
        ),
    ] = True,
    branch: Annotated[
        str, typer.Option(help="Only runs of this branch. Points have no branch; omit them with --no-points.")
    ] = "",
    suite: Suite = "",
    points: Annotated[bool, typer.Option(help="Also write the points of all labels, after the runs.")] = True,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
) -> None:
    """Write all runs and points as JSON lines.

    Runs with their tests come first, newest first, then the points of all labels.
    """
    target = targets.from_options(url, namespace, directory)
    with targets.open_config(target) as config, output.progress("exporting") as advance:
        for row in _runs(config, {"branch": branch, "suite": suite}, advance):
            output.write_json_line(row)
        for row in _points(config, advance) if points else ():
            output.write_json_line(row)


def _runs(config: Config, filters: dict[str, str], advance: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    after: Position | None = None
    while True:
        page = sync_redis.run(reading.read_page(config.namespace, filters, after, RUNS_PER_PAGE))
        for run in page.items:
            yield from sync_redis.run(export.read_run_rows(config.namespace, run))
            advance(1)
        after = page.next
        if after is None:
            return


def _points(config: Config, advance: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        rows, after = sync_redis.run(export.read_point_rows(config.namespace, after))
        yield from rows
        advance(1)
        if not after:
            return
