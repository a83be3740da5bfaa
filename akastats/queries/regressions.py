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

Kind = Literal["test", "fixture", "collect", "stat", "suite"]

_WORDS: tuple[Kind, ...] = ("test", "fixture", "collect")


class Named(NamedTuple):
    """The subject of a label.

    kind: test, fixture, collect, stat or suite
    name: node id, fixture with its location, path, or the label itself
    """

    kind: Kind
    name: str


@dataclass(frozen=True)
class ListedChange:
    """A duration change of a list.

    id: id of the change
    named: subject of the label
    verdict: the change, and whether it is new
    suite: suite of the verdicts; empty without one
    since_commit: commit of the run before the interval; `None` if unknown
    commit: commit of the likeliest run; `None` if unknown
    until_commit: commit of the last run of the interval; `None` if unknown
    group: index of the labels that changed together; `None` without others
    acknowledgement: acknowledgement of the change; `None` without one
    """

    id: str
    named: Named
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
    suite_changes: changes of the suite as a whole
    """

    source: DatedVerdicts | None
    items: list[ListedChange]
    total: int
    suite_changes: list[ListedChange]


def page(
    namespace: str,
    days: int,
    wanted: ListQuery,
    place: PageStart | None,
    size: int,
    suite: str | None,
    branch: str | None,
) -> Operation[Page]:
    """Read a page of changes from the newest verdicts of a suite and branch, newest first."""
    told = yield from reading.of_page(namespace, place, suite, branch)
    if told is None:
        return Page(None, [], 0, [])
    found = chosen(told.verdicts.changes, wanted)
    start = place.at if place else 0
    items = found[start : start + size]
    of_suite = chosen(told.verdicts.suite_changes, ListQuery(faster=wanted.faster))
    both = yield from listed(namespace, days, told.verdicts, [*items, *of_suite])
    return Page(told, both[: len(items)], len(found), both[len(items) :])


def named(label: str) -> Named:
    """Return the subject of a label; an empty label is the suite as a whole."""
    if not label:
        return Named("suite", "")
    word, colons, name = label.partition("::")
    kind = word.partition("@")[0]
    found = next((each for each in _WORDS if each == kind and colons and name), None)
    return Named(found, name) if found else Named("stat", label)


def chosen(changes: Iterable[ChangeVerdict], wanted: ListQuery) -> list[ChangeVerdict]:
    """Return the changes that match a query, newest first, then the largest first, then by label."""
    found = [
        judged
        for judged in changes
        if (wanted.faster or judged.change.is_slower)
        and (wanted.kind is None or named(judged.change.label).kind == wanted.kind)
    ]
    found.sort(key=lambda judged: (judged.change.label, judged.change.environment))
    return sorted(found, key=_newness, reverse=True)


def _newness(judged: ChangeVerdict) -> tuple[str, float]:
    ratio = judged.change.ratio
    return judged.change.run, max(ratio, 1 / ratio)


def listed(
    namespace: str, days: int, verdicts: Verdicts, changes: Sequence[ChangeVerdict]
) -> Operation[list[ListedChange]]:
    """Read commits and acknowledgements of changes, in two round trips."""
    if not changes:
        return []
    said = acknowledgement_rules.by_series((yield from acknowledgements.current(namespace, days)))
    ends = dict.fromkeys(run for judged in changes for run in _runs_of(judged.change))
    told = yield from runs.read_fields(namespace, list(ends), ("commit",))
    commits = {run: fields.get("commit") for run, fields in told.items()}
    return [_listed(judged, verdicts, commits, said) for judged in changes]


def _listed(
    verdict: ChangeVerdict, verdicts: Verdicts, commits: Mapping[str, str | None], said: BySeries
) -> ListedChange:
    change = verdict.change
    return ListedChange(
        id=acknowledgement_rules.id_of(change),
        named=named(change.label),
        verdict=verdict,
        suite=verdicts.suite,
        since_commit=commits[change.since],
        commit=commits[change.run],
        until_commit=commits[change.until],
        group=group_of(change, verdicts),
        acknowledgement=acknowledgement_rules.find_acknowledgement(change, said),
    )


def _runs_of(change: DurationChange) -> tuple[str, str, str]:
    return change.since, change.run, change.until


def group_of(change: DurationChange, verdicts: Verdicts) -> int | None:
    """Return the index in `verdicts.together` of the group of a change; `None` without another such change."""
    for place, group in enumerate(verdicts.together):
        if change.label in group and any(_moved_alike(change, each.change, group) for each in verdicts.changes):
            return place
    return None


def _moved_alike(change: DurationChange, other: DurationChange, group: Sequence[str]) -> bool:
    return (
        other.label in group
        and other.label != change.label
        and (other.environment, other.is_slower) == (change.environment, change.is_slower)
        and (change.since < other.run <= change.until or other.since < change.run <= other.until)
    )


#: Newest verdicts that are searched for a change; decoding the verdicts of 1,000 tests takes 70 ms.
SEARCHED = 10


def acknowledge(
    namespace: str, days: int, id_: str, kind: AcknowledgementKind, reason: str, run: str = ""
) -> Operation[AcknowledgedChange]:
    """Store an acknowledgement of the change with this id, in place of earlier ones; raises `NotFoundError`.

    The change is searched in the verdicts of `run`, otherwise in the newest ten.
    """
    change = yield from find_change(namespace, id_, run)
    return (yield from acknowledgements.put(namespace, days, change, kind, reason))


def withdraw(namespace: str, days: int, id_: str, run: str = "") -> Operation[None]:
    """Remove the acknowledgement of the change with this id; raises `NotFoundError` for an unknown change."""
    if not (yield from acknowledgements.remove(namespace, days, id_)):
        change = yield from find_change(namespace, id_, run)
        yield from acknowledgements.remove_about(namespace, days, change)


def find_change(namespace: str, id_: str, run: str = "") -> Operation[DurationChange]:
    """Read the change with this id from the verdicts of `run`, otherwise from the newest ten."""
    ids = [run] if run else (yield from reading.analysed_runs(namespace))
    for judged in ids[:SEARCHED]:
        found = yield from reading.of_run_if_any(namespace, judged)
        changes = (*found.changes, *found.suite_changes) if found else ()
        for each in changes:
            if acknowledgement_rules.id_of(each.change) == id_:
                return each.change
    raise NotFoundError(f"no change {id_[:64]!r}: its id is unknown, or the verdicts that name it have expired")
