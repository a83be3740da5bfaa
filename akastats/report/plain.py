"""A run's details and verdicts as plain built-ins, for programs: what a JSON writer takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from akastats.analysis.verdicts import JudgedChange, Verdicts
from akastats.reading.details import Details


def plain(details: Details, verdicts: Verdicts | None, commits: Mapping[str, str]) -> dict[str, Any]:
    """Return the run's fields, its details beside them, and `verdicts`, `None` where nobody has judged it."""
    beside = {name: of for name, of in asdict(details).items() if name != "run"}
    return {**asdict(details.run), **beside, "verdicts": _verdicts(verdicts, commits) if verdicts else None}


def _verdicts(verdicts: Verdicts, commits: Mapping[str, str]) -> dict[str, Any]:
    return asdict(verdicts) | {
        "changes": [_change(each, commits) for each in verdicts.changes],
        "suite_changes": [_change(each, commits) for each in verdicts.suite_changes],
    }


def _change(judged: JudgedChange, commits: Mapping[str, str]) -> dict[str, Any]:
    change = judged.change
    told = {"ratio": change.ratio, "is_slower": change.is_slower, "is_suspected": change.is_suspected}
    code = {f"{name}_commit": commits.get(getattr(change, name)) for name in ("since", "run", "until")}
    return {**asdict(change), **told, **code, "is_new": judged.is_new}
