"""Points of imports and spans."""

from __future__ import annotations

from akastats.delivery.process_points import make_process_points
from tests.delivery.test_run_builder import tell

SECOND = 1_000_000
MOMENTS = {"start": 1000 * SECOND, "configured": 1001 * SECOND, "collection": 1001 * SECOND}
RECORDS = [
    ["process", "", {**MOMENTS, "collected": 1004 * SECOND, "finished": 1005 * SECOND}, {"conftest": SECOND // 4}],
    ["imports", "", "collect", [["numpy", 200, 1.0, ""], ["tiny", 1, 0.001, ""]]],
]


def test_imports_and_spans_have_a_point_at_the_end_of_the_run() -> None:
    """With the suite in the label."""
    builder, _ = tell(*RECORDS, ["end", {"finished": 1006.0, "exit_code": 0}], header={"suite": "unit"})

    points = {point.label: point.entry.value for point in make_process_points(builder)}

    spans = {"startup": 0.75, "conftest": 0.25, "collect": 2.0, "pytest": 1.0}
    assert {"import@unit::numpy": 1.0} | {f"span@unit::{name}": each for name, each in spans.items()} == points
    assert {1006.0} == {point.entry.timestamp for point in make_process_points(builder)}


def test_a_run_without_an_end_has_no_such_points() -> None:
    """It may still be running."""
    builder, _ = tell(*RECORDS)

    assert [] == list(make_process_points(builder))
