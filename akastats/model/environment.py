"""The environment in which a run executed the code: Python, platform and CI job."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

# Job names that only one build has, so that they do not describe the environment. Travis numbers the jobs of a
# build (`4512.3`), and Bitbucket gives each step of a build a new UUID.
_OF_ONE_BUILD = re.compile(r"\d+\.\d+|\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")


class Environment(NamedTuple):
    """The environment of a run; unknown parts are empty.

    python: minor version, such as `3.13`.
    platform: operating system and machine, such as `linux-x86_64`.
    job: name of the CI job, the same in each build.
    """

    python: str = ""
    platform: str = ""
    job: str = ""

    def __str__(self) -> str:
        python = f"Python {self.python}" if self.python else ""
        return ", ".join(part for part in (python, self.platform, self.job) if part)


UNKNOWN_ENVIRONMENT = Environment()


def environment_of(python: str, platform: str, job: str, branch: str = "") -> Environment:
    """Return the environment of a run from the fields with these names; `python` is the full version."""
    return Environment(".".join(python.split(".")[:2]), platform, _stable_job(job, branch))


def _stable_job(job: str, branch: str) -> str:
    """Return a job's name without the parts that differ from build to build; empty if nothing remains."""
    if _OF_ONE_BUILD.fullmatch(job):
        return ""
    # In a multibranch project of Jenkins, the job's name ends with the percent-encoded branch, or with PR-7.
    project, _, last = job.rpartition("/")
    is_branch = bool(branch) and last in (branch, quote(branch, safe=""))
    return project if project and (is_branch or re.fullmatch(r"(PR|MR)-\d+", unquote(last))) else job
