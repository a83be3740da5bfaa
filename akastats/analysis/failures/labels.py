"""Label one failure, to answer "did I break it?"."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.analysis.flakiness.classification import Flakiness
from akastats.model.verdicts import FailureLabel

#: Repeated failures on one commit that are less probable than this for a flaky test are not flaky failures.
UNLIKELY = 0.01


@dataclass(frozen=True)
class Label:
    """Label of a failure.

    kind: the label
    rate: failure rate of a known flaky test; `None` for other labels
    """

    kind: FailureLabel
    rate: float | None = None


def label_failure(
    history: Flakiness | None, *, attempts: int = 1, fails_on_base: bool = False, is_quarantined: bool = False
) -> Label:
    """Return the label of a test that failed in all of its `attempts` on this commit.

    `history` is the state of the test before this run, `None` if missing; `fails_on_base` is whether it never
    passed on the newest commit of the base branch. A flaky test whose failures in a row exceed the upper end of
    its rate is new, because the change may have broken it.
    """
    if is_quarantined:
        return Label("quarantined")
    if history is not None and history.state == "flaky" and history.high ** (attempts - 1) >= UNLIKELY:
        return Label("known flaky", history.rate)
    if fails_on_base or (history is not None and history.state == "broken"):
        return Label("also failing on base")
    return Label("new")
