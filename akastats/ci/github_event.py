"""Read the event payload of a GitHub Actions workflow, for fields that the variables lack."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Maximum size of a payload in bytes. Most payloads have 30 KB, but a push of many commits may have a few MB.
_MOST_BYTES = 8 * 1024 * 1024

#: In these events GITHUB_SHA is the newest commit of the default or target branch, not the checked-out one.
FOREIGN_COMMIT = ("pull_request_target", "workflow_run", "issue_comment")


@dataclass(frozen=True)
class Event:
    """Fields of the payload that describe the code; unknown fields are empty.

    pull_request: number of the pull request, or `true` if the number is unknown.
    source, target: branch of the pull request, and the branch that it will be merged into.
    default_branch: default branch of the repository.
    """

    pull_request: str = ""
    source: str = ""
    target: str = ""
    default_branch: str = ""


def read_event(environ: Mapping[str, str]) -> Event:
    """Return the event from the payload at `GITHUB_EVENT_PATH`; an empty `Event` if the payload cannot be read."""
    path = environ.get("GITHUB_EVENT_PATH", "")
    try:
        if not path or os.path.getsize(path) > _MOST_BYTES:
            return Event()
        with open(path, "rb") as file:
            return parse_event(json.loads(file.read()))
    except (OSError, ValueError, RecursionError):
        return Event()


def parse_event(payload: Any) -> Event:
    """Return the event that a payload describes."""
    number = _at(payload, "pull_request", "number")
    if _at(payload, "workflow_run", "event").startswith("pull_request"):
        # GitHub omits the number for a pull request from a fork.
        number = _at(payload, "workflow_run", "pull_requests", 0, "number") or "true"
    elif _at(payload, "issue", "pull_request", "url"):
        number = _at(payload, "issue", "number") or "true"
    return Event(
        pull_request=number,
        source=_at(payload, "pull_request", "head", "ref") or _at(payload, "workflow_run", "head_branch"),
        target=_at(payload, "pull_request", "base", "ref") or _at(payload, "merge_group", "base_ref"),
        default_branch=_at(payload, "repository", "default_branch"),
    )


def _at(payload: Any, *path: str | int) -> str:
    """Return the text or number at a path; empty if there is none."""
    for step in path:
        try:
            payload = payload[step]
        except (KeyError, IndexError, TypeError):
            return ""
    is_number = isinstance(payload, int) and not isinstance(payload, bool)
    return str(payload) if is_number or isinstance(payload, str) else ""
