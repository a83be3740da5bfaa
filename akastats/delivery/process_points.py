"""Points of a run about its processes: imports of packages, and spans of the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from akastats.analysis.process_costs import average_imports, average_spans
from akastats.delivery.run_builder import AddedPoint, RunBuilder
from akastats.delivery.run_profile import profile_of
from akastats.model.results import label


def make_process_points(builder: RunBuilder) -> Iterator[AddedPoint]:
    """Yield a point for each package and span; nothing if the run has not ended."""
    if builder.end is None:
        return
    content = profile_of(builder)
    for word, costs in (("import", average_imports(content)), ("span", average_spans(content))):
        for name, seconds in costs.items():
            yield builder.make_point(label(word, name, builder.suite), builder.end.finished, seconds)
