"""Models of statistics, points and labels."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.api.models.common import CONTEXT_ID
from akastats.api.models.derived import add_examples
from akastats.records import Summary

add_examples(
    Summary,
    "Numbers",
    avg=40.351110649767,
    count=725.0,
    last=39.73086142539978,
    last_time=1586883727.65556,
    max=45.452062368393,
    min=38.798961877823,
    stdev=0.79583557884292,
    total=29254.55522108078,
)


@dataclass(frozen=True)
class HistoryPoint:
    """One point of a history.

    timestamp: epoch seconds
    label: label of the point
    value: the value; null if an older writer stored a value that is not a finite number
    context_id: id of the context; empty if there is none
    """

    timestamp: float
    label: str
    value: float | None
    context_id: str


add_examples(
    HistoryPoint,
    timestamp=1586884334.34567,
    label="DEVICE::172.27.217.56",
    value=39.564290046691895,
    context_id=CONTEXT_ID,
)


@dataclass(frozen=True)
class LabelsPage:
    """Labels in byte order. A page may be short although more pages follow.

    items: the labels of this page
    next: cursor of the next page; null at the end
    """

    items: list[str]
    next: str | None


add_examples(
    LabelsPage,
    items=["run::duration", "test::tests/test_orders.py::test_total[eur]"],
    next="cnVuOjpkdXJhdGlvbg",
)
