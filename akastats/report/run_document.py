"""A report of a run: its details and verdicts as a document. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from akastats.formatting import format_duration
from akastats.model.verdicts import (
    DurationChange,
    OverBudget,
    UnhealthyTest,
    Verdicts,
    looks_like_outage,
    newly_flaky,
    newly_slower,
    suite_newly_slower,
)
from akastats.queries.run_details import Details, Slow
from akastats.queries.run_failures import Failure
from akastats.queries.runs import Run
from akastats.report import phrases
from akastats.report.document import Code, Document, Item, Line, Link, Section
from akastats.report.failing_tests import Failing, Standing, failing, unnamed

COMMIT_WIDTH = 10
#: Tests that are named of those that a process died in.
MOST_NAMED = 5
#: Environments of a build that a note names.
MOST_ENVIRONMENTS = 4
#: So many of the tests that ran right before a flaky one are named.
MOST_AFTER = 2

_COUNTED = ("failed", "errors", "passed", "skipped", "xfailed", "xpassed")


def document(details: Details, verdicts: Verdicts | None, commits: Mapping[str, str] | None = None) -> Document:
    """Return what there is to tell of a run; without `verdicts` failures have no label.

    `commits` are those of the runs that `runs_named` returns, as far as they are known.
    """
    run = details.run
    found = failing(details, verdicts)
    return Document(
        status=run.status or "",
        title=_title(run, found),
        facts=tuple(line for line in (_place(run, verdicts), _pace(run, verdicts), _states(verdicts)) if line),
        notes=tuple(_notes(details, verdicts)),
        sections=tuple(
            section
            for section in (
                *_failures(found, unnamed(details, verdicts), verdicts),
                *(_news(verdicts, commits or {}) if verdicts else ()),
            )
            if section.count
        ),
        more=tuple(section for section in _slowest(details) if section.count),
    )


def runs_named(verdicts: Verdicts) -> list[str]:
    """Return the runs that a report names, whose commits say more than their ids."""
    changes = [*newly_slower(verdicts), *suite_newly_slower(verdicts)]
    named = [run for change in changes for run in (change.since, change.run, change.until)]
    return list(dict.fromkeys([*named, *(test.since for test in newly_flaky(verdicts) if test.since)]))


def counted(run: Run) -> str:
    """Return what a run's tests came to: `2 failed, 118 passed`."""
    counts = [(getattr(run, name), name) for name in _COUNTED]
    told = [f"{count:,} {'error' if name == 'errors' and count == 1 else name}" for count, name in counts if count]
    if run.collect_errors:
        told.append(f"{run.collect_errors:,} not collected")
    return ", ".join(told) or "no tests"


def _title(run: Run, found: Sequence[Failing]) -> Line:
    suite: Line = (" in ", Code(run.suite)) if run.suite else ()
    excused = sum(each.standing == "quarantined" for each in found)
    # A run that passed may have failures: they are recorded as what they are.
    told = f"; {excused:,} of the failures {'is' if excused == 1 else 'are'} quarantined" if excused else ""
    return (f"Tests {run.status or 'recorded'}", *suite, f": {counted(run)}{told}")


def _place(run: Run, verdicts: Verdicts | None) -> Line:
    """Return the tested code, the base of the comparison, and the link to the full report."""
    line: list[str | Code | Link] = ["Run ", Code(run.id)]
    if run.branch:
        line += [" of ", Code(run.branch)]
    if run.commit:
        line += [" at ", Code(run.commit[:COMMIT_WIDTH])]
    if run.dirty:
        line.append(" with changes that are not committed")
    if run.pull_request:
        line.append(f", pull request {run.pull_request}" if run.pull_request != "true" else ", a pull request")
    if run.nested:
        line.append(", inside another run")
    if verdicts and verdicts.base and not run.nested:
        line += [f", {phrases.compared_with('')}", Code(verdicts.base)]
    if run.build_url and run.build_url.startswith(("https://", "http://")):
        line += [", ", Link("build", run.build_url)]
    return tuple(line)


def _pace(run: Run, verdicts: Verdicts | None) -> Line:
    """Return what the run took, against what it usually takes."""
    taken = verdicts.seconds if verdicts and verdicts.seconds is not None else run.duration
    if taken is None:
        return ()
    typical, factor = (verdicts.usual_seconds, verdicts.pace) if verdicts else (None, None)
    return (f"Duration: {phrases.suite_duration(taken, typical, factor)}",)


def _states(verdicts: Verdicts | None) -> Line:
    counts = verdicts.counts or {} if verdicts else {}
    told = [
        f"{counts[state]:,} {phrases.STATES.get(state, state)}"
        for state in ("healthy", "flaky", "broken", "new", "undecided")
        if counts.get(state)
    ]
    return (f"Tests by state: {', '.join(told)}",) if told else ()


def _notes(details: Details, verdicts: Verdicts | None) -> Iterator[Line]:
    if details.run.died_in:
        yield ("The process died while it ran ", *_codes(details.run.died_in), ".")
    if not details.has_profile:
        yield (
            "The run has no profile, because it is in progress or its profile has expired: failures are unknown.",
        )
    if verdicts is None:
        yield (f"{phrases.capitalise(phrases.NO_VERDICTS)}.",)
        return
    if looks_like_outage(verdicts):
        yield (f"{phrases.capitalise(phrases.OUTAGE)}.",)
    if build_note(verdicts):
        yield (f"{phrases.capitalise(build_note(verdicts))}.",)
    if verdicts.undecided:
        durations = phrases.count_of(verdicts.undecided, "duration")
        yield (f"{phrases.capitalise(phrases.NOT_ENOUGH_DATA)} for a verdict: {durations}.",)


def _codes(names: Sequence[str]) -> Iterator[str | Code]:
    for number, name in enumerate(names[:MOST_NAMED]):
        yield from (", ", Code(name)) if number else (Code(name),)
    if len(names) > MOST_NAMED:
        yield f" and {len(names) - MOST_NAMED:,} more"


def build_note(verdicts: Verdicts) -> str:
    """Return why the runs of a build need suite names; empty if they do not."""
    if verdicts.equal_runs:
        return phrases.EQUAL_RUNS.format(count=f"{verdicts.equal_runs:,}")
    if verdicts.environments:
        count = len(verdicts.environments)
        names = [*verdicts.environments[:MOST_ENVIRONMENTS]]
        if count > MOST_ENVIRONMENTS:
            names.append(f"and {count - MOST_ENVIRONMENTS:,} more")
        return phrases.SEVERAL_ENVIRONMENTS.format(count=f"{count:,}", names="; ".join(names))
    return ""


def _failures(found: Sequence[Failing], left_out: int, verdicts: Verdicts | None) -> Iterator[Section]:
    intervals = {test.nodeid: test for test in verdicts.tests} if verdicts else {}
    for standing, group in groupby(found, key=lambda each: each.standing):
        items = tuple(_causes(list(group), intervals))
        yield Section(phrases.capitalise(phrases.FAILURES[standing].title), items, _why(standing, verdicts))
    if left_out:
        yield Section("Further failures", (), ("The report lists only some of the failures.",), left_out)


def _why(standing: Standing, verdicts: Verdicts | None) -> Line:
    base = Code(verdicts.base) if verdicts and verdicts.base else "the base"
    before, has_base, after = phrases.FAILURES[standing].note.partition("{base}")
    return (before, base, after) if has_base else (before,) if before else ()


def _causes(found: Sequence[Failing], intervals: Mapping[str, UnhealthyTest]) -> Iterator[Item]:
    """Yield tests that failed alike as one item: a helper that fails for a hundred tests is one thing to mend."""
    groups: dict[int, list[Failing]] = {}
    for each in found:
        groups.setdefault(id(each.failure), []).append(each)
    for group in groups.values():
        failure, tests = group[0].failure, [_test(each, intervals.get(each.nodeid)) for each in group]
        if failure is None:
            yield from map(Item, tests)
        elif len(tests) == 1:
            yield Item(tests[0], (cause(failure),))
        else:
            yield Item((f"{len(tests):,} tests: ", *cause(failure)), tuple(tests), len(tests))


def _test(each: Failing, known: UnhealthyTest | None) -> Line:
    if each.rate is None:
        return (Code(each.nodeid),)
    low, high = (known.low, known.high) if known else (None, None)
    return (Code(each.nodeid), f" {phrases.failure_rate(each.rate, low, high)}")


def cause(failure: Failure) -> Line:
    """Return what a failure is and where."""
    text = ": ".join(filter(None, (failure.exception, failure.message)))
    frame = failure.frames[-1] if failure.frames else ""
    file, _, function = frame.rpartition("::")
    place = f"{failure.file}:{failure.line}" if failure.file else file
    line: Line = (Code(text),) if text else ("an error that is not known any more",)
    if place:
        line = (*line, " at ", Code(place))
    return (*line, " in ", Code(function)) if function else line


def _news(verdicts: Verdicts, commits: Mapping[str, str]) -> Iterator[Section]:
    yield Section(
        phrases.capitalise(phrases.SUITE_SLOWER),
        tuple(_slower(each, commits) for each in suite_newly_slower(verdicts)),
    )
    yield Section(
        phrases.capitalise(phrases.NEWLY_FLAKY), tuple(_flaky(test, commits) for test in newly_flaky(verdicts))
    )
    yield Section(
        phrases.capitalise(phrases.NEWLY_SLOWER), tuple(_slower(each, commits) for each in newly_slower(verdicts))
    )
    over = sorted(verdicts.over_budget, key=lambda each: each.allowed - each.seconds)
    yield Section(phrases.capitalise(phrases.OVER_BUDGET), tuple(map(_over, over)))
    for name, heading in phrases.TEST_LISTS.items():
        tests = tuple(Item((Code(nodeid),)) for nodeid in getattr(verdicts, name))
        yield Section(phrases.capitalise(heading.title), tests, (heading.note,))


def _flaky(test: UnhealthyTest, commits: Mapping[str, str]) -> Item:
    rate = f" {phrases.failure_rate(test.rate, test.low, test.high)}"
    cost = f"failed {phrases.count_of(test.runs_failed, 'run')}"
    if test.seconds_lost:
        cost += f" and cost {format_duration(test.seconds_lost)}"
    since: Line = (", since ", *_run(test.since, commits)) if test.since else ()
    before = tuple(_before(test.after[:MOST_AFTER]))
    return Item((Code(test.nodeid), rate), ((cost, *since), *before))


def _before(after: Iterable[tuple[str, int]]) -> Iterator[Line]:
    for nodeid, times in after:
        yield (f"failed {phrases.count_of(times, 'time')} directly after ", Code(nodeid))


def _slower(change: DurationChange, commits: Mapping[str, str]) -> Item:
    name: Line = (Code(name_of(change.label)), " ") if change.label else ()
    size = phrases.change_sentence(change.before, change.after, change.ratio)
    head = (*name, f"{size} ({change.low:.2f} to {change.high:.2f})")
    when = ("since ", *_run(change.run, commits), "; the cause came after ", *_run(change.since, commits))
    return Item(
        head,
        (
            (*when, " and by ", *_run(change.until, commits)),
            (phrases.certainty(change.is_suspected, change.runs_after),),
        ),
    )


def _over(each: OverBudget) -> Item:
    return Item((Code(each.nodeid), f" {phrases.over_budget_sentence(each.seconds, each.allowed, each.rule)}"))


def name_of(label: str) -> str:
    """Return what a label is about as people call it: a node id, a fixture or file by its kind, else the label."""
    word, colons, rest = label.partition("::")
    kind = word.partition("@")[0]
    if not colons or kind not in ("test", "fixture", "collect"):
        return label
    return rest if kind == "test" else f"{kind} {rest}"


def _run(run_id: str, commits: Mapping[str, str]) -> Line:
    commit = commits.get(run_id)
    return (Code(commit[:COMMIT_WIDTH]),) if commit else ("run ", Code(run_id))


def _slowest(details: Details) -> Iterator[Section]:
    yield Section("Slowest tests", tuple(map(_slow, details.slowest)))
    fixtures = [Slow(f"{each.baseid}::{each.name}", each.seconds, each.usual) for each in details.slowest_fixtures]
    yield Section("Slowest fixtures", tuple(map(_slow, fixtures)))


def _slow(slow: Slow) -> Item:
    typical = phrases.NO_HISTORY if slow.usual is None else f"typical {format_duration(slow.usual)}"
    return Item((Code(slow.name), f" took {format_duration(slow.seconds)}, {typical}"))
