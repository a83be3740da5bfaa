"""Times of the collection of directories."""

from __future__ import annotations

from pytest_akastats.collection_times import sum_directories


def test_directories_without_files_are_summed_by_the_topmost_one():
    """Each takes little; together they take long."""
    seconds = {"./": 1.0, "data/": 0.25, **{f"data/{at}/": 0.0078125 for at in range(32)}, "tests/": 1.0}

    assert {"data/": 0.5} == sum_directories(seconds, ["tests/test_a.py"])


def test_a_directory_beside_tests_has_its_own_time():
    """Its parent holds tests."""
    seconds = {"tests/": 1.0, "tests/data/": 0.25, "tests/data/a/": 0.25, "tests/small/": 0.001}

    assert {"tests/data/": 0.5} == sum_directories(seconds, ["tests/unit/test_a.py"])
