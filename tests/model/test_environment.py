"""In which environment a run executed the code."""

from __future__ import annotations

import pytest

from akastats.model.environment import Environment, environment_of


def test_patch_releases_of_python_are_one_environment():
    """Two jobs of a matrix differ in the minor version; 3.13.1 and 3.13.2 of one job do not."""
    assert Environment("3.13", "linux-x86_64", "unit") == environment_of("3.13.1", "linux-x86_64", "unit")
    assert environment_of("3.13.1", "", "") == environment_of("3.13.2", "", "")
    assert environment_of("3.9.1", "", "") != environment_of("3.13.1", "", "")


@pytest.mark.parametrize(
    ("job", "branch", "stable"),
    [
        ("unit", "main", "unit"),
        ("4512.3", "main", ""),
        ("{9b0a2c1e-4a7e-4c0b-9f9d-0c7f0d4f7f11}", "main", ""),
        ("shop/main", "main", "shop"),
        ("shop/topic%2Ffaster", "topic/faster", "shop"),
        ("shop/PR-7", "topic", "shop"),
        ("folder/unit", "main", "folder/unit"),
        ("main", "main", "main"),
    ],
)
def test_a_job_is_the_same_in_each_build(job, branch, stable):
    """What a provider makes up anew for each build or branch does not part the evidence on one commit."""
    assert stable == environment_of("3.13.1", "linux-x86_64", job, branch).job


def test_an_environment_is_named_by_its_known_parts():
    """For the line that lists the environments of one build."""
    assert "Python 3.13, linux-x86_64, unit" == str(Environment("3.13", "linux-x86_64", "unit"))
    assert "" == str(Environment())
