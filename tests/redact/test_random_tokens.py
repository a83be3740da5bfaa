"""Tokens without a known format are recognised by their characters."""

from __future__ import annotations

import hashlib
import random
import string

import pytest

from akastats.redact.random_tokens import CLASSES, classes, find_random, is_opaque, score

TOKEN = "q8ZxW3vKp0LrT7nYb2GdJ5sM"


def test_random_words_score_higher_than_words_of_a_program() -> None:
    """A positive score means: more likely random."""
    assert score(TOKEN) > 17
    assert score("configuration_of_the_database") < 0


@pytest.mark.parametrize("seed", range(20))
def test_random_words_are_opaque(seed: int) -> None:
    """Words of 40 letters and digits, as generators of tokens make them."""
    word = "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=40))

    assert is_opaque(word)


@pytest.mark.parametrize(
    "word",
    [
        "short9Xk",
        "test_a_long_name_of_a_test_2",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        hashlib.sha256(b"x").hexdigest(),
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "AAAAC3NzaC1lZDI1NTE5AAAAIQ8ZxW3vKp0LrT7nYb2GdJ5sM",
        "x1" * 20,
    ],
)
def test_ordinary_words_are_not_opaque(word: str) -> None:
    """Names, alphabets, digests, UUIDs and public keys."""
    assert not is_opaque(word)


def test_tokens_are_found_between_words() -> None:
    """The words around a token stay, and so does a digest after the name of its algorithm."""
    assert [TOKEN] == list(find_random(f"request of client/{TOKEN} failed"))
    assert [] == list(find_random(f"sha256:{TOKEN}"))


def test_every_character_has_a_class() -> None:
    """All digits share one, and unknown characters another."""
    assert {CLASSES.digit} == set(classes("0123456789"))
    assert classes("é€") == bytes([CLASSES.size - 1] * 2)
    assert len(set(classes("aAzZ_-"))) == 6
