"""Extension points: functions that other distributions add through entry points.

| group | function | called |
|---|---|---|
| `akastats.redactors` | `TextRedactor` | by the test process and by `akastats import`, for each text |
| `akastats.renderers` | `ReportRenderer` | by `akastats report --format NAME` |
| `akastats.run_analysed` | `AnalysisHook` | by the process that delivers a run, after its verdicts are stored |
| `akastats.finding_rules` | `FindingRule` | by `akastats why` and the API, for each requested run |

docs/howto/extensions.md has an example of each. If an entry point
cannot be imported, a function that raises the error replaces it, so that each caller handles one kind of failure.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from akastats.analysis.findings.recorded_run import RecordedRun
    from akastats.model.findings import FoundCost
    from akastats.model.verdicts import Verdicts
    from akastats.queries.runs import Run
    from akastats.report.document import Document

__all__ = ["AnalysisHook", "FindingRule", "ReportRenderer", "TextRedactor"]

#: Maximum number of seconds for all hooks together, because pytest waits for them.
HOOKS_TIMEOUT_S = 2.0


class TextRedactor(Protocol):
    """Removes additional secrets from a text, after the rules of akastats.

    It runs in the test process, so it should take less than a millisecond for a text of 24 KiB. If it
    raises an error, the text is not stored.
    """

    def __call__(self, text: str, /) -> str:
        """Return the text without secrets."""


class ReportRenderer(Protocol):
    """Formats a report. The name of the entry point is the name of the format."""

    def __call__(self, document: Document, /) -> str:
        """Return the report as text."""


class AnalysisHook(Protocol):
    """Receives each run after its analysis, even if it is delivered late.

    All hooks have 2 seconds together.
    """

    def __call__(self, run: Run, verdicts: Verdicts, /) -> object:
        """Use the run and its verdicts; the result is ignored."""


class FindingRule(Protocol):
    """Finds what costs time in a run, as the rules of akastats do."""

    def __call__(self, run: RecordedRun, /) -> Iterable[FoundCost]:
        """Return the costs, each with the wall time that a change would save."""


def load_finding_rules() -> Mapping[str, FindingRule]:
    """Return the installed rules of findings by name."""
    return _load("akastats.finding_rules")


def load_redactors() -> Mapping[str, TextRedactor]:
    """Return the installed redactors by name."""
    return _load("akastats.redactors")


def load_renderers() -> Mapping[str, ReportRenderer]:
    """Return the installed report formats by name."""
    return _load("akastats.renderers")


def load_analysis_hooks() -> Mapping[str, AnalysisHook]:
    """Return the installed hooks by name."""
    return _load("akastats.run_analysed")


def call_hooks(hooks: Mapping[str, AnalysisHook], run: Run, verdicts: Verdicts) -> str:
    """Call each hook; return the errors of failed hooks as one text, which is empty if none failed.

    Each hook has a thread, because nothing else bounds its time. A hook that takes longer continues until the
    process ends.
    """
    errors = dict.fromkeys(hooks, f"no result within {HOOKS_TIMEOUT_S:g} s")

    def call(name: str, hook: AnalysisHook) -> None:
        try:
            hook(run, verdicts)
            errors[name] = ""
        except BaseException as error:  # noqa: BLE001 - an extension may raise anything
            errors[name] = describe_error(error)

    threads = [threading.Thread(target=call, args=item, daemon=True) for item in hooks.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + HOOKS_TIMEOUT_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return "; ".join(f"hook {name} failed ({error})" for name, error in list(errors.items()) if error)


def describe_error(error: BaseException) -> str:
    """Return the class and the first 200 characters of an error."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the `__str__` of an extension's error may raise anything
        text = ""
    return f"{type(error).__name__}: {text}"[:200]


def _load(group: str) -> dict[str, Callable[..., Any]]:
    if not _may_have(group, sys.path):
        return {}
    # Imported late, because few installations have an extension.
    from importlib.metadata import entry_points

    return {point.name: _import(point.load) for point in entry_points(group=group)}


def _import(load: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
    try:
        return load()
    except Exception as error:  # noqa: BLE001 - an extension may raise anything at import
        return _make_failing(error)


def _make_failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


def _may_have(group: str, paths: Iterable[str]) -> bool:
    """Return whether the installed distributions may have a group of entry points.

    With 100 distributions, this check takes 1 ms, and reading all entry points takes 4 ms.
    """
    for path in dict.fromkeys(paths):
        try:
            names = os.listdir(path or os.curdir)
        except NotADirectoryError:
            # An archive can contain distributions.
            return True
        except OSError:
            continue
        metadata = (name for name in names if name.endswith((".dist-info", ".egg-info")))
        if any(_names_group(os.path.join(path, name, "entry_points.txt"), group) for name in metadata):
            return True
    return False


def _names_group(path: str, group: str) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:
            return group.encode() in file.read()
    except OSError:
        return False
