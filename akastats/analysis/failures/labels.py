"""What one failure is, to whoever asks "did I break it?". Pure."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.analysis.flakiness.classification import Flakiness
from akastats.model.verdicts import FailureLabel

#: Less likely than this for a flaky test, failing again and again on one commit is no flake.
UNLIKELY = 0.01


@dataclass(frozen=True)
class Label:
    """What a failure is; `rate` is the known flaky test's, else `None`."""

    kind: FailureLabel
    rate: float | None = None


def label_failure(
    known: Flakiness | None, *, attempts: int = 1, fails_on_base: bool = False, is_quarantined: bool = False
) -> Label:
    """Return what the failure of a test is that failed in all of `attempts` on this commit.

    `known` is the judgement of its history before this run, `None` without one; `fails_on_base` says that its
    newest verdict on the base branch never passed. A flaky test that fails more often in a row than even the upper
    end of its rate explains is new: the change may well have broken it.
    """
    if is_quarantined:
        return Label("quarantined")
    if known is not None and known.state == "flaky" and known.high ** (attempts - 1) >= UNLIKELY:
        return Label("known flaky", known.rate)
    if fails_on_base or (known is not None and known.state == "broken"):
        return Label("also failing on base")
    return Label("new")
