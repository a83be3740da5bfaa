"""Labels of failures."""

from __future__ import annotations

import pytest

from akastats.analysis.failures.labels import Label, label_failure
from akastats.analysis.flakiness.classification import Flakiness, classify
from tests.analysis.histories import drawn

HEALTHY, BROKEN = classify(drawn("." * 50)), classify(drawn("." * 50 + "fff"))
FLAKY = Flakiness("flaky", 0.1, 0.05, 0.2)


@pytest.mark.parametrize(
    ("flakiness", "about", "kind"),
    [
        (None, {}, "new"),
        (HEALTHY, {}, "new"),
        (HEALTHY, {"fails_on_base": True}, "also failing on base"),
        (BROKEN, {}, "also failing on base"),
        (FLAKY, {}, "known flaky"),
        (FLAKY, {"fails_on_base": True}, "known flaky"),
        (FLAKY, {"attempts": 2}, "known flaky"),
        (FLAKY, {"attempts": 4}, "new"),
        (FLAKY, {"attempts": 4, "fails_on_base": True}, "also failing on base"),
        (FLAKY, {"is_quarantined": True}, "quarantined"),
        (None, {"is_quarantined": True}, "quarantined"),
    ],
)
def test_kinds(flakiness, about, kind):
    """A failure is new if quarantine, the test's flakiness and the base do not explain it."""
    assert label_failure(flakiness, **about).kind == kind


def test_a_known_flaky_test_has_its_rate():
    """Only a known flaky test has a rate."""
    assert [label_failure(flakiness) for flakiness in (FLAKY, HEALTHY)] == [
        Label("known flaky", 0.1),
        Label("new", None),
    ]
