"""The wording of findings and of the ledger, shared by command line, terminal and documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from akastats.analysis.ledger import ProcessLedger
from akastats.model.findings import Finding, Saving
from akastats.queries.ledger import RunDifference, RunLedger
from akastats.report import phrases

#: Bytes per megabyte.
MB = 1e6


def where_time_went(spans: Mapping[str, float]) -> str:
    """Return the spans of all processes as percentages, the largest first; omit spans below 1 %."""
    total = sum(spans.values())
    shares = {span: seconds / total for span, seconds in spans.items() if seconds >= 0.01 * total > 0}
    parts = (
        f"{phrases.SPAN_NAMES[span]} {shares[span]:.0%}" for span in sorted(shares, key=lambda span: -shares[span])
    )
    return f"where the time went: {', '.join(parts) or 'unknown'}"


def describe_ledger(ledger: RunLedger) -> list[str]:
    """Return lines with the duration of a run, its spans, and the resources of its processes.

    The duration is omitted if no typical duration is known, the resources if the run has no samples of them.
    """
    return [
        *_describe_difference(ledger.difference),
        where_time_went(ledger.spans),
        *_describe_resources(ledger.processes),
    ]


def _describe_difference(difference: RunDifference | None) -> list[str]:
    """Return why the duration of a run differs from the typical one, in one line; empty if unknown."""
    if difference is None:
        return []
    causes = [(each.kind, each.name, each.seconds) for each in difference.causes]
    duration = phrases.suite_duration(difference.seconds, difference.typical, difference.speed_factor, causes)
    return [f"suite: {duration}"]


def _describe_resources(processes: Iterable[ProcessLedger]) -> list[str]:
    """Return memory, CPU time, threads and children of the processes in one line; empty without samples."""
    sampled = {each.worker or "the main process": each.resources for each in processes if each.resources}
    if not sampled:
        return []
    largest = max(sampled, key=lambda name: sampled[name].peak_memory)
    used = sampled.values()
    total = f", {sum(each.peak_memory for each in used) / MB:.0f} MB in total" if len(sampled) > 1 else ""
    children = max((each.children for each in used if each.children is not None), default=None)
    return [
        f"resources: peak memory {sampled[largest].peak_memory / MB:.0f} MB in {largest}{total}; "
        f"CPU {sum(each.cpu for each in used):.1f} s; at most {max(each.threads for each in used)} threads"
        + ("" if children is None else f" and {children} child processes")
    ]


def saving(saved: Saving) -> str:
    """Return the time that a change would save, in words."""
    interval = f" ({saved.low:.1f} to {saved.high:.1f} s)" if saved.high - saved.low >= 0.1 else ""
    return f"would save {saved.seconds:.1f} s{interval}, {saved.share:.0%} of the run"


def describe_finding(finding: Finding) -> str:
    """Return a finding in one line, which begins with the saving."""
    return f"{finding.saving.seconds:.1f} s ({finding.saving.share:.0%}): {finding.title}"


def list_places(finding: Finding) -> list[str]:
    """Return where a finding spends its time, as texts."""
    texts = []
    for place in finding.where:
        fixture = place.fixture and f"fixture {place.fixture.removeprefix('::')}"
        texts += [fixture or place.nodeid or place.package or place.file or place.option or ""]
    return [text for text in texts if text]
