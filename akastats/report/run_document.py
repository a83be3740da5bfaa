"""Build the report of a run from its details and verdicts, as a document without a format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from akastats.formatting import format_duration
from akastats.model.findings import Finding
from akastats.model.results import DURATION_LABELS
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
from akastats.report.failing_tests import FailingTest, ReportedLabel, count_unnamed, list_failing_tests

#: Number of characters of a commit id in a report.
COMMIT_WIDTH = 10
#: Maximum number of tests named in the note about a dead process.
MAX_NAMED = 5
#: Maximum number of environments named in the note about a build.
MAX_ENVIRONMENTS = 4
#: Maximum number of tests that ran directly before a flaky one, per flaky test.
MAX_AFTER = 2

_COUNTED = ("failed", "errors", "passed", "skipped", "xfailed", "xpassed")


def make_document(
    details: Details,
    verdicts: Verdicts | None,
    commits: Mapping[str, str] | None = None,
    costs: Sequence[Finding] = (),
) -> Document:
    """Return the report of a run; without `verdicts`, failures have no label.

    `commits` maps the runs that `list_named_runs` returns to their commits, if they are known. `costs` must be
    findings of akastats, because their advice is shown as trusted text.
    """
    run = details.run
    failing = list_failing_tests(details, verdicts)
    return Document(
        status=run.status or "",
        title=_title(run, failing),
        facts=tuple(
            line for line in (_origin(run, verdicts), _duration(run, verdicts), _states(verdicts)) if line
        ),
        notes=tuple(_notes(details, verdicts)),
        sections=tuple(
            section
            for section in (
                *_failures(failing, count_unnamed(details, verdicts), verdicts),
                *(_news(verdicts, commits or {}) if verdicts else ()),
                Section(phrases.capitalise(phrases.SAVINGS), tuple(map(_cost, costs))),
            )
            if section.count
        ),
        more=tuple(section for section in _slowest(details) if section.count),
    )


def list_named_runs(verdicts: Verdicts) -> list[str]:
    """Return the ids of the runs that a report names by their commit."""
    changes = [*newly_slower(verdicts), *suite_newly_slower(verdicts)]
    named = [run for change in changes for run in (change.since, change.run, change.until)]
    return list(dict.fromkeys([*named, *(test.since for test in newly_flaky(verdicts) if test.since)]))


def format_counts(run: Run) -> str:
    """Return the numbers of a run's tests by outcome: `2 failed, 118 passed`."""
    counts = [(getattr(run, name), name) for name in _COUNTED]
    parts = [
        f"{count:,} {'error' if name == 'errors' and count == 1 else name}" for count, name in counts if count
    ]
    if run.collect_errors:
        parts.append(f"{run.collect_errors:,} not collected")
    return ", ".join(parts) or "no tests"


def _title(run: Run, failing: Sequence[FailingTest]) -> Line:
    suite: Line = (" in ", Code(run.suite)) if run.suite else ()
    quarantined = sum(test.label == "quarantined" for test in failing)
    # The note explains why a run with failures passed.
    verb = "is" if quarantined == 1 else "are"
    note = f"; {quarantined:,} of the failures {verb} quarantined" if quarantined else ""
    return (f"Tests {run.status or 'recorded'}", *suite, f": {format_counts(run)}{note}")


def _origin(run: Run, verdicts: Verdicts | None) -> Line:
    """Return the tested branch and commit, the base of the comparison, and the link to the build."""
    line: list[str | Code | Link] = ["Run ", Code(run.id)]
    if run.branch:
        line += [" of ", Code(run.branch)]
    if run.commit:
        line += [" at ", Code(run.commit[:COMMIT_WIDTH])]
    if run.dirty:
        line.append(" with uncommitted changes")
    if run.pull_request:
        line.append(f", pull request {run.pull_request}" if run.pull_request != "true" else ", a pull request")
    if run.nested:
        line.append(", inside another run")
    if verdicts and verdicts.base and not run.nested:
        line += [f", {phrases.compared_with('')}", Code(verdicts.base)]
    if run.build_url and run.build_url.startswith(("https://", "http://")):
        line += [", ", Link("build", run.build_url)]
    return tuple(line)


def _duration(run: Run, verdicts: Verdicts | None) -> Line:
    """Return the duration of the run and its typical duration."""
    seconds = verdicts.seconds if verdicts and verdicts.seconds is not None else run.duration
    if seconds is None:
        return ()
    typical, factor = (verdicts.usual_seconds, verdicts.pace) if verdicts else (None, None)
    causes = [(each.kind, each.name, each.seconds) for each in verdicts.causes] if verdicts else []
    return (f"Duration: {phrases.suite_duration(seconds, typical, factor, causes)}",)


def _states(verdicts: Verdicts | None) -> Line:
    counts = verdicts.counts or {} if verdicts else {}
    parts = [
        f"{counts[state]:,} {phrases.state_name(state)}"
        for state in ("healthy", "flaky", "broken", "new", "undecided")
        if counts.get(state)
    ]
    return (f"Tests by state: {', '.join(parts)}",) if parts else ()


def _notes(details: Details, verdicts: Verdicts | None) -> Iterator[Line]:
    if details.run.died_in:
        yield ("The test process died while running ", *_codes(details.run.died_in), ".")
    if not details.has_profile:
        yield (
            "Failures are unknown: the run has no profile, because it is in progress or its profile has expired.",
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
    for number, name in enumerate(names[:MAX_NAMED]):
        yield from (", ", Code(name)) if number else (Code(name),)
    if len(names) > MAX_NAMED:
        yield f" and {len(names) - MAX_NAMED:,} more"


def build_note(verdicts: Verdicts) -> str:
    """Return why the runs of a build need suite names; empty if they do not."""
    if verdicts.equal_runs:
        return phrases.EQUAL_RUNS.format(count=f"{verdicts.equal_runs:,}")
    if verdicts.environments:
        count = len(verdicts.environments)
        names = [*verdicts.environments[:MAX_ENVIRONMENTS]]
        if count > MAX_ENVIRONMENTS:
            names.append(f"and {count - MAX_ENVIRONMENTS:,} more")
        return phrases.SEVERAL_ENVIRONMENTS.format(count=f"{count:,}", names="; ".join(names))
    return ""


def _failures(failing: Sequence[FailingTest], left_out: int, verdicts: Verdicts | None) -> Iterator[Section]:
    intervals = {test.nodeid: test for test in verdicts.tests} if verdicts else {}
    for label, group in groupby(failing, key=lambda test: test.label):
        items = tuple(_causes(list(group), intervals))
        yield Section(phrases.capitalise(phrases.FAILURES[label].title), items, _explanation(label, verdicts))
    if left_out:
        yield Section("Further failures", (), ("The report lists only some of the failures.",), left_out)


def _explanation(label: ReportedLabel, verdicts: Verdicts | None) -> Line:
    base = Code(verdicts.base) if verdicts and verdicts.base else "the base"
    before, has_base, after = phrases.FAILURES[label].note.partition("{base}")
    return (before, base, after) if has_base else (before,) if before else ()


def _causes(failing: Sequence[FailingTest], intervals: Mapping[str, UnhealthyTest]) -> Iterator[Item]:
    """Yield one item per failure, with all its tests, because a helper that fails in 100 tests needs one fix."""
    groups: dict[int, list[FailingTest]] = {}
    for test in failing:
        groups.setdefault(id(test.failure), []).append(test)
    for group in groups.values():
        failure, tests = group[0].failure, [_test(test, intervals.get(test.nodeid)) for test in group]
        if failure is None:
            yield from map(Item, tests)
        elif len(tests) == 1:
            yield Item(tests[0], (describe_failure(failure),))
        else:
            yield Item((f"{len(tests):,} tests: ", *describe_failure(failure)), tuple(tests), len(tests))


def _test(test: FailingTest, state: UnhealthyTest | None) -> Line:
    if test.rate is None:
        return (Code(test.nodeid),)
    low, high = (state.low, state.high) if state else (None, None)
    return (Code(test.nodeid), f" {phrases.failure_rate(test.rate, low, high)}")


def describe_failure(failure: Failure) -> Line:
    """Return the exception, message and location of a failure."""
    text = ": ".join(filter(None, (failure.exception, failure.message)))
    frame = failure.frames[-1] if failure.frames else ""
    file, _, function = frame.rpartition("::")
    location = f"{failure.file}:{failure.line}" if failure.file else file
    line: Line = (Code(text),) if text else ("an error that has expired",)
    if location:
        line = (*line, " at ", Code(location))
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
    before = tuple(_before(test.after[:MAX_AFTER]))
    return Item((Code(test.nodeid), rate), ((cost, *since), *before))


def _before(after: Iterable[tuple[str, int]]) -> Iterator[Line]:
    for nodeid, times in after:
        yield (f"failed {phrases.count_of(times, 'time')} directly after ", Code(nodeid))


def _slower(change: DurationChange, commits: Mapping[str, str]) -> Item:
    name: Line = (Code(display_name(change.label)), " ") if change.label else ()
    size = phrases.change_sentence(change.before, change.after, change.ratio)
    head = (*name, f"{size} ({change.low:.2f} to {change.high:.2f})")
    when = ("since ", *_run(change.run, commits), "; the cause is after ", *_run(change.since, commits))
    return Item(
        head,
        (
            (*when, ", not after ", *_run(change.until, commits)),
            (phrases.certainty(change.is_suspected, change.runs_after),),
        ),
    )


def _over(each: OverBudget) -> Item:
    return Item(
        (
            Code(display_name(each.nodeid)),
            f" {phrases.over_budget_sentence(each.seconds, each.allowed, each.rule)}",
        )
    )


def _cost(finding: Finding) -> Item:
    saved = finding.saving
    # The title contains names of tests and fixtures.
    head = (f"{format_duration(saved.seconds)} ({saved.share:.0%}): ", Code(finding.title))
    return Item(head, ((finding.advice,),))


def display_name(label: str) -> str:
    """Return the displayed name of a label.

    It is the node id of a test, the phrase of a span, kind and name of other durations, or the label itself.
    """
    word, colons, rest = label.partition("::")
    kind = word.partition("@")[0]
    if not colons or kind not in DURATION_LABELS:
        return label
    if kind == "span":
        return phrases.SPAN_NAMES.get(rest, rest)
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
