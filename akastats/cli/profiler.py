"""`akastats why` and `plan`: what costs time in a run, and how long it would take with other workers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, cast

import typer

from akastats.analysis.times_of_test import FixtureTimes
from akastats.cli import node_ids, output, targets, verdict_tables
from akastats.cli.options import Directory, Json, Namespace, Suite, Url
from akastats.cli.verdict_tables import COMMIT_WIDTH
from akastats.config import Config
from akastats.errors import NotFoundError
from akastats.extensions import load_finding_rules
from akastats.model.findings import Finding, MarkName
from akastats.queries import findings, ledger, plan, times_of_test
from akastats.queries import runs as reading
from akastats.queries.findings import Predictions, RunFindings
from akastats.queries.plan import ALL_DISTRIBUTIONS, DISTRIBUTIONS, MAX_WORKERS, PlanChoice, RunPlan
from akastats.queries.times_of_test import TestInRun
from akastats.redis import sync_redis
from akastats.report import finding_phrases, phrases
from akastats.triage import finding_marks

RunOrTest = Annotated[
    str,
    typer.Argument(
        help="Id of a run, node id of a test, or a unique part of one; default: the newest run.",
        metavar="[RUN|NODEID]",
    ),
]
RunArgument = Annotated[
    str, typer.Argument(help="Id of a run; default: the newest complete run of the suite.", metavar="[RUN]")
]
_PHASE_SECONDS = ("wall (s)", "CPU (s)", "child processes (s)", "waited (s)")
_FIXTURE_SECONDS = ("setups", "setup (s)", "teardown (s)", "in this test (s)")
_SECONDS = ("wall (s)", "from (s)", "to (s)", "floor (s)")
_NUMBERS = re.compile(r"\d{1,3}(,\d{1,3})*")


def why(
    run: RunOrTest = "",
    is_complete: Annotated[bool, typer.Option("--all", help="Also list small savings.")] = False,
    dismiss: Annotated[str, typer.Option(help="Dismiss the finding with this id in all runs.", metavar="ID")] = "",
    acknowledge: Annotated[str, typer.Option(help="Acknowledge the finding with this id.", metavar="ID")] = "",
    restore: Annotated[str, typer.Option(help="Remove the mark of the finding with this id.", metavar="ID")] = "",
    reason: Annotated[str, typer.Option(help="Reason of --dismiss or --acknowledge.")] = "",
    is_fixed: Annotated[bool, typer.Option("--fixed", help="List the findings that later runs fixed.")] = False,
    suite: Suite = "",
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Show what costs time in a run, and what a change would save; or where the time of a test goes."""
    with targets.open_config(targets.from_options(url, namespace, directory)) as config:
        if dismiss or acknowledge or restore:
            _mark(config, dismiss, acknowledge, restore, reason)
            return
        if is_fixed:
            _write_predictions(
                sync_redis.run(findings.read_predictions(config.namespace, suite or None, None)), as_json
            )
            return
        if run and not _is_run(config, run):
            _explain_test(_read_times(config, run, suite), as_json)
            return
        run_id = _find_run(config, run)
        answer = sync_redis.run(
            findings.read_findings(config.namespace, run_id, is_complete, load_finding_rules())
        )
        of_run = sync_redis.run(ledger.read_ledger(config.namespace, run_id))
    if as_json:
        output.write_json(answer)
        return
    output.write_lines(f"run {answer.run}, {answer.wall:.1f} s", "", *finding_phrases.describe_ledger(of_run), "")
    output.write_lines(*_format_findings(answer))


def _mark(config: Config, dismissed: str, acknowledged: str, restored: str, reason: str) -> None:
    """Store or remove the marks of findings, by their ids."""
    for id_, name in ((dismissed, "dismissed"), (acknowledged, "acknowledged")):
        if id_:
            sync_redis.run(
                finding_marks.put_mark(config.namespace, config.run_days, id_, cast(MarkName, name), reason)
            )
            output.write_lines(f"{name}: {id_}")
    if restored:
        if not sync_redis.run(finding_marks.remove_mark(config.namespace, restored)):
            raise NotFoundError(f"finding {restored!r} has no mark: `akastats why` lists the ids of findings")
        output.write_lines(f"restored: {restored}")


def _write_predictions(predictions: Predictions, as_json: bool) -> None:
    if as_json:
        output.write_json(predictions)
        return
    rows = [
        (each.run, f"{each.finding.seconds:.2f}", f"{each.measured:.2f}", each.finding.title)
        for each in predictions.items
    ]
    if not rows:
        output.write_lines("No finding was fixed yet.")
        return
    output.table(
        ("fixed in run", "predicted (s)", "measured (s)", "finding"), rows, ("predicted (s)", "measured (s)")
    )
    if predictions.error is not None:
        output.write_lines("", f"median error of the predictions: {predictions.error:.0%}")


def _is_run(config: Config, name: str) -> bool:
    try:
        return bool(node_ids.RUN_ID.fullmatch(name) and sync_redis.run(reading.read_run(config.namespace, name)))
    except NotFoundError:
        return False


def _read_times(config: Config, name: str, suite: str) -> TestInRun:
    """Return a test in its newest run; `name` may be a unique part of the node id."""
    nodeid, suite, attempts = node_ids.read_attempts(config, name, suite, 1)
    run_id = attempts[0].run
    if not run_id:
        raise NotFoundError(f"the newest attempt of {nodeid} has no run: record the test with pytest --akastats")
    return sync_redis.run(times_of_test.read_times(config.namespace, nodeid, suite, run_id))


def _explain_test(test: TestInRun, as_json: bool) -> None:
    if as_json:
        output.write_json(test)
        return
    times = test.times
    attempts = f", {times.attempts} attempts" if times.attempts > 1 else ""
    output.write_lines(test.nodeid, "", f"run {test.run}{attempts}", "")
    rows = [
        (name, *map(_cell, (each.wall, each.cpu, each.children, each.waited)))
        for name, each in times.phases.items()
    ]
    output.table(("phase", *_PHASE_SECONDS), rows, _PHASE_SECONDS)
    if times.fixtures:
        output.write_lines("")
        output.table(
            ("fixture", "scope", *_FIXTURE_SECONDS), [*map(_fixture_row, times.fixtures)], _FIXTURE_SECONDS
        )
    output.write_lines("", *verdict_tables.state_lines(None, test.changes))


def _fixture_row(fixture: FixtureTimes) -> Sequence[object]:
    seconds = map(_cell, (fixture.setup, fixture.teardown, fixture.paid))
    return (fixture.name, fixture.scope, fixture.setups, *seconds)


def _cell(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"


def _find_run(config: Config, run_id: str) -> str:
    return run_id or sync_redis.run(reading.read_newest(config.namespace)).id


def _format_findings(answer: RunFindings) -> list[str]:
    shown = [each for each in answer.findings if each.mark is None or each.mark.mark != "dismissed"]
    lines = [line for number, each in enumerate(shown, 1) for line in _format_finding(number, each)]
    hidden = [
        f"dismissed: {each.title} ({each.id}{': ' if each.mark.reason else ''}{each.mark.reason})"
        for each in answer.findings
        if each.mark is not None and each.mark.mark == "dismissed"
    ]
    fixed = [
        f"fixed: {each.finding.title}; predicted {each.finding.seconds:.2f} s, measured {each.measured:.2f} s"
        for each in answer.fixed
    ]
    return [
        *(lines or [phrases.NO_FINDINGS]),
        *hidden,
        *fixed,
        *(f"not recorded: {each}" for each in answer.lacks),
    ]


def _format_finding(number: int, finding: Finding) -> list[str]:
    places = finding_phrases.list_places(finding)
    return [
        f"{number}. {finding.title}",
        f"   {finding_phrases.saving(finding.saving)}",
        *([f"   where: {', '.join(places)}"] if places else []),
        *_format_since(finding),
        f"   {finding.advice}",
        f"   id: {finding.id}" + (f", acknowledged: {finding.mark.reason}" if finding.mark else ""),
        "",
    ]


def _format_since(finding: Finding) -> list[str]:
    since = finding.since
    if since is None or since.first_recorded:
        return []
    return [f"   slower since run {since.run}" + (f" ({since.commit[:COMMIT_WIDTH]})" if since.commit else "")]


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
    suite: Suite = "",
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
                run or sync_redis.run(reading.read_newest_complete(config.namespace, suite)).id,
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
