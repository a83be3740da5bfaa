"""List duration changes from verdicts, with commits and acknowledgements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from akastats.errors import NotFoundError
from akastats.model.verdicts import ChangeVerdict, DurationChange, Verdicts
from akastats.queries import verdicts as reading
from akastats.queries.verdicts import DatedVerdicts, PageStart
from akastats.store import runs
from akastats.store.requests import Operation
from akastats.triage import acknowledgement_rules, acknowledgements
from akastats.triage.acknowledgement_rules import AcknowledgedChange, AcknowledgementKind, BySeries

Kind = Literal["test", "fixture", "collect", "import", "span", "stat", "suite"]

_KINDS: tuple[Kind, ...] = ("test", "fixture", "collect", "import", "span")


class Subject(NamedTuple):
    """The subject of a label.

    kind: test, fixture, collect, import, span, stat or suite
    name: node id, fixture with its location, path, package, span of the ledger, or the label itself
    """

    kind: Kind
    name: str


@dataclass(frozen=True)
class ListedChange:
    """A duration change of a list.

    id: id of the change
    subject: subject of the label
    verdict: the change, and whether it is new
    suite: suite of the verdicts; empty if there is none
    since_commit: commit of the run before the interval; `None` if unknown
    commit: commit of the likeliest run; `None` if unknown
    until_commit: commit of the last run of the interval; `None` if unknown
    group: index of the group of labels that changed together; `None` if no other label changed
    acknowledgement: acknowledgement of the change; `None` if there is none
    """

    id: str
    subject: Subject
    verdict: ChangeVerdict
    suite: str
    since_commit: str | None
    commit: str | None
    until_commit: str | None
    group: int | None
    acknowledgement: AcknowledgedChange | None

    @property
    def change(self) -> DurationChange:
        """The change itself."""
        return self.verdict.change


@dataclass(frozen=True)
class ListQuery:
    """Filter of a list.

    kind: kind of the label; `None` for all
    faster: whether to include changes to a shorter duration
    """

    kind: Kind | None = None
    faster: bool = False


#: Query for all changes.
ANY = ListQuery(faster=True)


@dataclass(frozen=True)
class Page:
    """A page of duration changes.

    source: verdicts of the list; `None` without verdicts
    items: changes of the page
    total: number of changes on all pages
    suite_changes: changes of the whole suite
    """

    source: DatedVerdicts | None
    items: list[ListedChange]
    total: int
    suite_changes: list[ListedChange]


def read_page(
    namespace: str,
    days: int,
    query: ListQuery,
    start: PageStart | None,
    size: int,
    suite: str | None,
    branch: str | None,
) -> Operation[Page]:
    """Read a page of changes from the newest verdicts of a suite and branch, newest first."""
    dated = yield from reading.read_page_verdicts(namespace, start, suite, branch)
    if dated is None:
        return Page(None, [], 0, [])
    matches = select(dated.verdicts.changes, query)
    at = start.at if start else 0
    items = matches[at : at + size]
    of_suite = select(dated.verdicts.suite_changes, ListQuery(faster=query.faster))
    listed = yield from list_changes(namespace, days, dated.verdicts, [*items, *of_suite])
    return Page(dated, listed[: len(items)], len(matches), listed[len(items) :])


def subject_of(label: str) -> Subject:
    """Return the subject of a label; an empty label stands for the whole suite."""
    if not label:
        return Subject("suite", "")
    prefix, colons, name = label.partition("::")
    word = prefix.partition("@")[0]
    kind = next((each for each in _KINDS if each == word and colons and name), None)
    return Subject(kind, name) if kind else Subject("stat", label)


def select(verdicts: Iterable[ChangeVerdict], query: ListQuery) -> list[ChangeVerdict]:
    """Return the changes that match a query: newest first, then the largest first, then by label."""
    matches = [
        verdict
        for verdict in verdicts
        if (query.faster or verdict.change.is_slower)
        and (query.kind is None or subject_of(verdict.change.label).kind == query.kind)
    ]
    matches.sort(key=lambda verdict: (verdict.change.label, verdict.change.environment))
    return sorted(matches, key=_newness, reverse=True)


def _newness(verdict: ChangeVerdict) -> tuple[str, float]:
    ratio = verdict.change.ratio
    return verdict.change.run, max(ratio, 1 / ratio)


def list_changes(
    namespace: str, days: int, verdicts: Verdicts, changes: Sequence[ChangeVerdict]
) -> Operation[list[ListedChange]]:
    """Read commits and acknowledgements of changes, in two round trips."""
    if not changes:
        return []
    entries = acknowledgement_rules.by_series((yield from acknowledgements.read_current(namespace, days)))
    run_ids = dict.fromkeys(run for verdict in changes for run in _runs_of(verdict.change))
    stored = yield from runs.read_fields(namespace, list(run_ids), ("commit",))
    commits = {run: fields.get("commit") for run, fields in stored.items()}
    return [_make_listed_change(verdict, verdicts, commits, entries) for verdict in changes]


def _make_listed_change(
    verdict: ChangeVerdict, verdicts: Verdicts, commits: Mapping[str, str | None], entries: BySeries
) -> ListedChange:
    change = verdict.change
    return ListedChange(
        id=acknowledgement_rules.id_of(change),
        subject=subject_of(change.label),
        verdict=verdict,
        suite=verdicts.suite,
        since_commit=commits[change.since],
        commit=commits[change.run],
        until_commit=commits[change.until],
        group=group_of(change, verdicts),
        acknowledgement=acknowledgement_rules.find_acknowledgement(change, entries),
    )


def _runs_of(change: DurationChange) -> tuple[str, str, str]:
    return change.since, change.run, change.until


def group_of(change: DurationChange, verdicts: Verdicts) -> int | None:
    """Return the index in `verdicts.together` of the group of a change; `None` if it is in no group."""
    for index, group in enumerate(verdicts.together):
        if change.label in group and any(_is_related(change, each.change, group) for each in verdicts.changes):
            return index
    return None


def _is_related(change: DurationChange, other: DurationChange, group: Sequence[str]) -> bool:
    """Return whether another label of the group changed in the same environment, direction and interval."""
    return (
        other.label in group
        and other.label != change.label
        and (other.environment, other.is_slower) == (change.environment, change.is_slower)
        and (change.since < other.run <= change.until or other.since < change.run <= other.until)
    )


#: Maximum number of runs whose verdicts are searched for a change. Decoding verdicts of 1,000 tests takes 70 ms.
SEARCHED = 10


def acknowledge(
    namespace: str, days: int, id_: str, kind: AcknowledgementKind, reason: str, run: str = ""
) -> Operation[AcknowledgedChange]:
    """Store an acknowledgement of the change with this id, which replaces earlier ones; return it.

    The change comes from the verdicts of `run`, otherwise from the newest ten verdicts. Raises `NotFoundError`
    for an unknown change.
    """
    change = yield from find_change(namespace, id_, run)
    return (yield from acknowledgements.put(namespace, days, change, kind, reason))


def withdraw(namespace: str, days: int, id_: str, run: str = "") -> Operation[None]:
    """Remove the acknowledgement of the change with this id; raises `NotFoundError` for an unknown change."""
    if not (yield from acknowledgements.remove(namespace, days, id_)):
        change = yield from find_change(namespace, id_, run)
        yield from acknowledgements.remove_all(namespace, days, change)


def find_change(namespace: str, id_: str, run: str = "") -> Operation[DurationChange]:
    """Read the change with this id from the verdicts of `run`, or from the newest ten verdicts if `run` is empty.

    Raises `NotFoundError` for an unknown change.
    """
    run_ids = [run] if run else (yield from reading.read_analysed_run_ids(namespace))
    for run_id in run_ids[:SEARCHED]:
        verdicts = yield from reading.read_verdicts_if_any(namespace, run_id)
        changes = (*verdicts.changes, *verdicts.suite_changes) if verdicts else ()
        for each in changes:
            if acknowledgement_rules.id_of(each.change) == id_:
                return each.change
    raise NotFoundError(
        f"no duration change with id {id_[:64]!r}: unknown, or its verdicts have expired; "
        "`akastats slower --json` lists the current ids"
    )
