"""The text of a failure, without local variables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_akastats.failure_text import DEFAULT_TEXT, make_failure_text, remove_locals, shorten_paths

GROUP = '  + Exception Group Traceback (most recent call last):\n  |   File "/srv/shop/a/b.py", line 1, in test\n'


def representation(*local_variables: str | None) -> Any:
    """Return a failure's representation with an entry for each value."""
    entries = [SimpleNamespace(reprlocals=each) for each in local_variables]
    return SimpleNamespace(chain=[(SimpleNamespace(reprentries=entries), "crash", None)])


def test_local_variables_are_removed_from_a_copy() -> None:
    """Other plugins read the original too."""
    original = representation("secret = 1", None)

    [(traceback, *others)] = remove_locals(original).chain

    assert [each.reprlocals for each in traceback.reprentries] == [None, None]
    assert others == ["crash", None]
    assert original.chain[0][0].reprentries[0].reprlocals == "secret = 1"


@pytest.mark.parametrize("original", [representation(None, None), "a text", None])
def test_a_failure_without_local_variables_is_not_copied(original: Any) -> None:
    """The representation of a collection error is a text."""
    assert original is remove_locals(original)


def test_the_text_in_the_default_style_wins() -> None:
    """The session keeps it if options select another style."""
    report: Any = SimpleNamespace(**{DEFAULT_TEXT: "default", "longrepr": "short", "longreprtext": "short"})

    assert make_failure_text(report) == "default"


@pytest.mark.parametrize(
    ("directory", "path"),
    [
        ("/srv/shop", "a/b.py"),
        ("/srv/shop/", "a/b.py"),
        ("/elsewhere", "/srv/shop/a/b.py"),
        ("", "/srv/shop/a/b.py"),
    ],
)
def test_paths_of_exception_groups_are_relative(directory: str, path: str) -> None:
    """Only files below the directory are renamed."""
    assert f'File "{path}", line 1' in shorten_paths(GROUP, directory)


def test_other_tracebacks_are_not_changed() -> None:
    """pytest makes their paths relative."""
    text = 'File "/srv/shop/a/b.py", line 1'

    assert text == shorten_paths(text, "/srv/shop")
