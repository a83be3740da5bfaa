"""A run's details and verdicts as plain built-ins, for programs: what a JSON writer takes. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from akastats.reading.details import Details
from akastats.reading.flaky import ListedTest
from akastats.reading.regressions import ListedChange
from akastats.reading.whole import Whole


def plain(details: Details, whole: Whole | None) -> dict[str, Any]:
    """Return the run's fields, its details beside them, and `verdicts`: all that it means, `None` if unjudged."""
    beside = {name: of for name, of in asdict(details).items() if name not in ("run", "verdicts")}
    return {**asdict(details.run), **beside, "verdicts": _verdicts(whole) if whole else None}


def _verdicts(whole: Whole) -> dict[str, Any]:
    return {
        **asdict(whole.told.verdicts),
        "started": whole.told.started,
        "tests": list(map(_test, whole.tests)),
        "changes": list(map(_change, whole.changes)),
        "suite_changes": list(map(_change, whole.suite_changes)),
    }


def _test(listed: ListedTest) -> dict[str, Any]:
    return {**asdict(listed.test), "suite": listed.suite, "cluster": listed.cluster}


def _change(listed: ListedChange) -> dict[str, Any]:
    change = listed.change
    told = {"ratio": change.ratio, "is_slower": change.is_slower, "is_suspected": change.is_suspected}
    beside = {name: of for name, of in asdict(listed).items() if name not in ("named", "judged")}
    named = {"kind": listed.named.kind, "name": listed.named.name}
    return {**asdict(change), **told, **beside, **named, "is_new": listed.judged.is_new}
