"""The mask over positions in a text."""

from __future__ import annotations

import pytest

from akastats.redact.mask import MASK, apply_mask


@pytest.mark.parametrize(
    ("spans", "masked"),
    [
        ([], "0123456789"),
        ([(0, 2), (8, 10)], f"{MASK}234567{MASK}"),
        ([(2, 5), (3, 7)], f"01{MASK}789"),
        ([(2, 7), (3, 5)], f"01{MASK}789"),
        ([(2, 4), (4, 6)], f"01{MASK}{MASK}6789"),
    ],
)
def test_spans_are_masked(spans: list[tuple[int, int]], masked: str) -> None:
    """Overlapping spans share one mask; the rest of the text stays."""
    assert masked == apply_mask("0123456789", spans)
