"""What people say of changes of a duration, read and written: one mark a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from akastats.analysis import marks
from akastats.analysis.marks import Mark, MarkKind
from akastats.analysis.slowdown import Change
from akastats.analysis.verdicts import Verdicts
from akastats.errors import NotFoundError
from akastats.operations import marks as stored_marks
from akastats.operations.requests import Operation
from akastats.operations.runs import DAY_S
from akastats.reading import verdicts

#: So many are kept, those made last: each is some 300 bytes, and all are read at once.
MOST_MARKS = 1000
#: In the newest so many verdicts a change is looked for: of 1,000 tests each takes 70 ms to unpack.
SEARCHED = 10


@dataclass(frozen=True)
class _Known:
    """The marks that are in force, by the id under which each is stored, and ids of those that are not."""

    marks: dict[str, Mark]
    gone: list[str]
    now: float


def current(namespace: str, days: int) -> Operation[list[Mark]]:
    """Read what was said in the last so many days."""
    known = yield from _known(namespace, days)
    return list(known.marks.values())


def news(namespace: str, days: int, found: Verdicts) -> Operation[Verdicts]:
    """Read what people say of the changes in verdicts; return them without those that nobody wants to hear of."""
    if not (found.changes or found.suite_changes):
        return found
    said = yield from current(namespace, days)
    kept, of_suite = (tuple(marks.told(each, said)) for each in (found.changes, found.suite_changes))
    return replace(found, changes=kept, suite_changes=of_suite)


def _known(namespace: str, days: int) -> Operation[_Known]:
    stored = yield from stored_marks.stored(namespace)
    unpacked = {id_: marks.unpack(entry) for id_, entry in stored.entries.items()}
    oldest = stored.now - days * DAY_S
    fresh = {id_: mark for id_, mark in unpacked.items() if mark is not None and mark.since > oldest}
    return _Known(fresh, [id_ for id_ in unpacked if id_ not in fresh], stored.now)


def put(namespace: str, days: int, id_: str, kind: MarkKind, reason: str, run: str = "") -> Operation[Mark]:
    """Say something of the change with this id, in place of what was said before; raises `NotFoundError`.

    It is looked for in the verdicts of `run`, else in the newest ten that there are.
    """
    change = yield from find(namespace, id_, run)
    known = yield from _known(namespace, days)
    mark = marks.mark_of_change(change, kind, reason, known.now)
    yield from stored_marks.put(
        namespace, id_, marks.pack(mark), [*known.gone, *_ids_about(change, known), *_surplus(known)], days * DAY_S
    )
    return mark


def remove(namespace: str, days: int, id_: str, run: str = "") -> Operation[None]:
    """Take back what was said of the change with this id; raises `NotFoundError` where there is no such change."""
    known = yield from _known(namespace, days)
    if id_ in known.marks:
        yield from stored_marks.remove(namespace, [id_])
        return
    change = yield from find(namespace, id_, run)
    yield from stored_marks.remove(namespace, _ids_about(change, known))


def _ids_about(change: Change, known: _Known) -> list[str]:
    """Return under which ids marks about a change are stored: it may have moved to another run since."""
    series = marks.by_series(known.marks.values())
    said = marks.about(change, series)
    return [id_ for id_, mark in known.marks.items() if mark in said]


def _surplus(known: _Known) -> Sequence[str]:
    newest = sorted(known.marks, key=lambda id_: known.marks[id_].since, reverse=True)
    return newest[MOST_MARKS - 1 :]


def find(namespace: str, id_: str, run: str = "") -> Operation[Change]:
    """Read the change with this id out of the verdicts of `run`, else of the newest ten that there are."""
    ids = [run] if run else (yield from verdicts.judged_runs(namespace))
    for judged in ids[:SEARCHED]:
        found = yield from verdicts.of_run_if_any(namespace, judged)
        changes = (*found.changes, *found.suite_changes) if found else ()
        for each in changes:
            if marks.id_of(each.change) == id_:
                return each.change
    raise NotFoundError(f"no change {id_[:64]!r}: unknown, or no verdict tells of it any more")
