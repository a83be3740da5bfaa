"""Secrets whose middle pytest omits."""

from __future__ import annotations

import pytest

from akastats.redact.mask import MASK
from akastats.redact.truncated import redact_truncated

SECRET = "correct-horse-battery-staple"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"a '{SECRET[:10]}...{SECRET[-6:]}' b", f"a '{MASK}' b"),
        (f"a '{SECRET[:10]}...' b", f"a '{MASK}' b"),
        (f"a '...{SECRET[-9:]}' b", f"a '{MASK}' b"),
        (f"a '{SECRET[:3]}...{SECRET[-3:]}' b", f"a '{MASK}' b"),
    ],
)
def test_the_visible_parts_of_a_secret_are_removed(text: str, redacted: str) -> None:
    """Eight characters on one side are enough, or three on both."""
    assert redacted == redact_truncated(text, [SECRET])


@pytest.mark.parametrize("text", [f"a {SECRET} b", "'co...le'", "wait...", "'corral...table'", "a ... b"])
def test_other_texts_stay(text: str) -> None:
    """A complete secret is the task of other modules, and short parts say too little."""
    assert text == redact_truncated(text, [SECRET])


def test_a_truncated_token_is_recognised_by_its_prefix() -> None:
    """Its value does not have to be known."""
    assert redact_truncated("'ghp_a1B2...c3D4'", []) == f"'{MASK}'"
