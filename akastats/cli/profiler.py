"""`akastats why` and `plan`: what costs time in a run, and how long it would take with other workers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from akastats.cli import output, targets
from akastats.cli.options import Directory, Json, Namespace, Url
from akastats.config import Config
from akastats.extensions import load_finding_rules
from akastats.model.findings import Finding
from akastats.queries import findings, ledger, plan
from akastats.queries import runs as reading
from akastats.queries.findings import RunFindings
from akastats.queries.plan import ALL_DISTRIBUTIONS, DISTRIBUTIONS, MAX_WORKERS, PlanChoice, RunPlan
from akastats.redis import sync_redis
from akastats.report import finding_phrases, phrases

RunArgument = Annotated[str, typer.Argument(help="Id of a run; default: the newest run.", metavar="[RUN]")]
_SECONDS = ("wall (s)", "from (s)", "to (s)", "floor (s)")
_NUMBERS = re.compile(r"\d{1,3}(,\d{1,3})*")


def why(
    run: RunArgument = "",
    is_complete: Annotated[bool, typer.Option("--all", help="Also list small savings.")] = False,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Show what costs time in a run, and what a change would save."""
    with targets.open_config(targets.from_options(url, namespace, directory)) as config:
        run_id = _find_run(config, run)
        answer = sync_redis.run(
            findings.read_findings(config.namespace, run_id, is_complete, load_finding_rules())
        )
        spans = sync_redis.run(ledger.read_ledger(config.namespace, run_id)).spans
    if as_json:
        output.write_json(answer)
        return
    output.write_lines(f"run {answer.run}, {answer.wall:.1f} s", "", finding_phrases.where_time_went(spans), "")
    output.write_lines(*_format_findings(answer))


def _find_run(config: Config, run_id: str) -> str:
    return run_id or sync_redis.run(reading.read_newest(config.namespace)).id


def _format_findings(answer: RunFindings) -> list[str]:
    lines = [line for number, each in enumerate(answer.findings, 1) for line in _format_finding(number, each)]
    return [*(lines or [phrases.NO_FINDINGS]), *(f"not recorded: {each}" for each in answer.lacks)]


def _format_finding(number: int, finding: Finding) -> list[str]:
    places = finding_phrases.list_places(finding)
    return [
        f"{number}. {finding.title}",
        f"   {finding_phrases.saving(finding.saving)}",
        *([f"   where: {', '.join(places)}"] if places else []),
        f"   {finding.advice}",
        "",
    ]


def plan_run(
    run: RunArgument = "",
    workers: Annotated[
        str, typer.Option("-n", help="Numbers of workers, separated by commas; 0: without workers.")
    ] = "",
    dist: Annotated[
        str, typer.Option(help=f"Distributions, separated by commas: {', '.join(ALL_DISTRIBUTIONS)}.")
    ] = ",".join(DISTRIBUTIONS),
    without: Annotated[
        list[str] | None, typer.Option(help="Omit the time of this fixture.", metavar="FIXTURE")
    ] = None,
    order: Annotated[str, typer.Option(help="Order of the tests: collected or longest-first.")] = "collected",
    fix: Annotated[
        list[str] | None, typer.Option(help="Follow the advice of findings of this kind.", metavar="KIND")
    ] = None,
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Predict the duration of a run with other workers."""
    numbers, distributions = _parse_numbers(workers), _parse_distributions(dist)
    if order not in ("collected", "longest-first"):
        raise typer.BadParameter(f"{order!r} is not collected or longest-first", param_hint="--order")
    with targets.open_config(targets.from_options(url, namespace, directory)) as config:
        predicted = sync_redis.run(
            plan.read_plan(
                config.namespace,
                _find_run(config, run),
                numbers,
                distributions,
                without or (),
                order == "longest-first",
                fix or (),
            )
        )
    if as_json:
        output.write_json(predicted)
    else:
        _write_plan(predicted)


def _parse_numbers(text: str) -> list[int]:
    if text and not _NUMBERS.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as 0,2,4", param_hint="-n")
    numbers = [int(each) for each in text.split(",") if each]
    if any(number > MAX_WORKERS for number in numbers):
        raise typer.BadParameter(f"more than {MAX_WORKERS} workers", param_hint="-n")
    return numbers


def _parse_distributions(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in ALL_DISTRIBUTIONS]
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]!r} is not one of {', '.join(ALL_DISTRIBUTIONS)}", param_hint="--dist"
        )
    return names


def _write_plan(predicted: RunPlan) -> None:
    measured = f"run {predicted.run}: {_describe(predicted.workers, predicted.dist)} took {predicted.wall:.1f} s"
    output.write_lines(f"{measured}; the replay predicts {predicted.predicted:.1f} s", "")
    rows = [_row(choice, predicted.best) for choice in predicted.choices]
    output.table(("workers", "dist", *_SECONDS, ""), rows, _SECONDS)
    best = predicted.best
    output.write_lines(
        "",
        f"best: {_describe(best.workers, best.dist)}, {best.wall:.1f} s",
        f"floor with any number of workers: {predicted.floor:.1f} s for start-up, collection and the longest test",
    )


def _row(choice: PlanChoice, best: PlanChoice) -> Sequence[object]:
    numbers = [f"{seconds:.1f}" for seconds in (choice.wall, choice.low, choice.high, choice.floor)]
    return (choice.workers, choice.dist, *numbers, "best" if choice == best else "")


def _describe(workers: int, dist: str) -> str:
    return f"-n {workers} --dist {dist}" if workers else "one process"
