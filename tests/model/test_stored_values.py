"""What the server holds, read back: as values of their types, or refused."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pytest

from akastats.errors import CorruptDataError
from akastats.model import profile
from akastats.model.stored_values import decompress, json_of, read, read_row


@dataclass(frozen=True)
class Inner:
    """A value in a value."""

    name: str
    word: Literal["a", "b"] | None = None


@dataclass(frozen=True)
class Outer:
    """One of each kind."""

    number: float
    count: int
    is_so: bool
    perhaps: float | None
    texts: tuple[str, ...]
    numbers: tuple[float | None, ...]
    pair: tuple[str, int]
    inner: tuple[Inner, ...]
    by_name: Mapping[str, tuple[float, int]]


STORED = {
    "number": 1,
    "count": 2,
    "is_so": True,
    "perhaps": None,
    "texts": ["a", "b"],
    "numbers": [1.5, None],
    "pair": ["a", 1],
    "inner": [{"name": "x", "word": "a"}, {"name": "y"}],
    "by_name": {"r": [1.5, 2]},
}
MADE = Outer(1, 2, True, None, ("a", "b"), (1.5, None), ("a", 1), (Inner("x", "a"), Inner("y")), {"r": (1.5, 2)})


def test_a_value_is_read_with_all_it_holds():
    """Lists as tuples, objects as dataclasses; what a later version added is left out."""
    assert MADE == read(Outer, {**STORED, "later": 1})
    assert MADE == read_row(Outer, list(STORED.values()))


WRONG = {
    "number": [None, True, "1", float("inf"), 10**400],
    "count": [None, True, 1.0, 2**63],
    "is_so": [None, 1, "true"],
    "perhaps": ["", False],
    "texts": [None, "ab", ["a", None], [["a"]], {"a": 1}],
    "numbers": [["a"], [float("inf")], [[1]], [10**400, -(10**400)]],
    "pair": [["a"], ["a", "b"], ["a", 1, 1], "a1"],
    "inner": [[{}], [None], [{"name": "x", "word": "c"}], [{"name": "x", "word": ["a"]}]],
    "by_name": [[], {"r": [1.5]}, {"r": None}],
}


@pytest.mark.parametrize(("field", "wrong"), [(field, each) for field, wrong in WRONG.items() for each in wrong])
def test_what_is_of_another_type_is_damaged(field, wrong):
    """As is what lacks a field."""
    lacking = {name: each for name, each in STORED.items() if name != field}

    for stored in ({**STORED, field: wrong}, lacking):
        with pytest.raises(CorruptDataError):
            read(Outer, stored)
    with pytest.raises(CorruptDataError):
        read_row(Outer, list({**STORED, field: wrong}.values()))


@pytest.mark.parametrize(
    "stored",
    [b"", b"{", b"NaN", b"-Infinity", b"\xff", b'"\xed\xa0\x80"', b"\xff\xfe1\x00", b"9" * 5000, b"[" * 100_000],
    ids=lambda stored: str(stored[:12]),
)
def test_what_is_no_json_is_damaged(stored):
    """A half that the server lost, a number that JSON has not, bytes of another encoding, nesting without end."""
    with pytest.raises(CorruptDataError):
        json_of(stored)


@pytest.mark.parametrize("text", ["a\ud800", "\udfff\ud83d", "\U0001f600", "\\ud800", "\\\ud800", "größe\n"])
@pytest.mark.parametrize("is_upper", [False, True])
def test_only_lone_surrogates_are_spelled_out(text, is_upper):
    """A character of two is one, and a backslash before a `u` is itself."""
    stored = json.dumps(text)
    stored = stored.replace("\\ud", "\\uD") if is_upper and "\\\\" not in stored else stored

    told = json_of(stored.encode()).replace("\\uD", "\\ud")
    assert text.encode("utf-8", "backslashreplace").decode() == told


@pytest.mark.parametrize(
    "stored", [b"", b"x", zlib.compress(b"x" * 100)[:-6], zlib.compress(b"x" * 101)], ids=range(4)
)
def test_what_cannot_be_inflated_is_damaged(stored):
    """As is what holds more than it may."""
    with pytest.raises(CorruptDataError):
        decompress(stored, 100)


def test_a_profile_of_very_many_tests_is_read():
    """Of 100,000 tests with long names it is within what a profile may be, with room for as many again."""
    count = 100_000
    folder = "tests/integration/orders"
    names = [f"{folder}/test_orders_{at}.py::TestOrders::test_total_of[eur-{at}]" for at in range(count)]
    numbers = {name: [123_456] * count for name in ("start", "setup", "call", "teardown")}
    tests = {"nodeid": names, "outcome": ["passed"] * count, "worker": ["gw10"] * count, "stats": [[]] * count}
    content = {
        "version": profile.VERSION,
        "tests": {**tests, **numbers},
        "fixtures": {name: [] for name in ("name", "baseid", "scope", "count", "setup", "teardown")},
        "files": {"path": [], "seconds": []},
    }
    written = json.dumps(content).encode()

    assert profile.MAX_BYTES > 2 * len(written)
    assert names == profile.decode(zlib.compress(written, 1)).tests.nodeid
