"""The keys: the contract's spelling, letter for letter."""

from __future__ import annotations

from akastats.store import keys


def test_a_label_s_keys_are_the_guide_s():
    """Nine numbers and a history, in the order that the script is given."""
    names = keys.label("AKA-STATS", "a::b")

    assert set(names) == {
        f"AKA-STATS::{field}::a::b"
        for field in ["LAST", "LAST_TIME", "MIN", "MAX", "AVG", "STDEV", "COUNT", "TOTAL", "TOTAL_SQ", "HISTORY"]
    }
    assert names[-1] == keys.history("AKA-STATS", "a::b")


def test_the_other_keys_are_the_contract_s():
    """Index, contexts and the rest are spelled as the contract says."""
    assert [
        keys.number("N", "avg", "l"),
        keys.context("N", "c"),
        keys.index("N"),
        keys.seen("N"),
        keys.cursor("N", "p"),
        keys.run("N", "r"),
        keys.runs("N"),
        keys.runs("N", "branch", "main"),
        keys.profile("N", "r"),
    ] == [
        "N::AVG::l",
        "N::CONTEXTS::c",
        "N::INDEX",
        "N::SEEN",
        "N::CURSOR::p",
        "N::RUN::r",
        "N::RUNS",
        "N::RUNS::branch::main",
        "N::PROFILE::r",
    ]
