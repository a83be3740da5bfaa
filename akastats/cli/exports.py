"""`akastats export`: all that is stored, as lines that other tools read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from akastats.cli import output, target
from akastats.cli.options import Directory, Namespace, Suite, Url
from akastats.config import Config
from akastats.queries import export
from akastats.queries import runs as reading
from akastats.redis import sync_redis
from akastats.store.runs import Position

PAGE_RUNS = 50


def exports(
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            "--json",
            help="One JSON object a line: the one form there is, so it may be left out.",
        ),
    ] = True,
    branch: Annotated[
        str, typer.Option(help="Only runs of this branch. Points of labels come all the same: --no-points.")
    ] = "",
    suite: Suite = "",
    points: Annotated[
        bool, typer.Option(help="The points of all labels and branches too, behind the runs.")
    ] = True,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
) -> None:
    """Write runs with their tests, newest first, then the points of all labels."""
    chosen = target.of_options(url, namespace, directory)
    with target.opened(chosen) as config, output.progress("exporting") as advance:
        for row in _runs(config, {"branch": branch, "suite": suite}, advance):
            output.write_line(row)
        for row in _points(config, advance) if points else ():
            output.write_line(row)


def _runs(config: Config, filters: dict[str, str], advance: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    after: Position | None = None
    while True:
        page = sync_redis.run(reading.page(config.namespace, filters, after, PAGE_RUNS))
        for run in page.items:
            yield from sync_redis.run(export.of_run(config.namespace, run))
            advance(1)
        after = page.next
        if after is None:
            return


def _points(config: Config, advance: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    after = ""
    while True:
        rows, after = sync_redis.run(export.of_labels(config.namespace, after))
        yield from rows
        advance(1)
        if not after:
            return
