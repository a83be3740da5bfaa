"""Detect which code a run tests, from a CI provider's variables and git: branch, commit, build, pull request.

Values are validated, because a provider may set the commit to `HEAD`, and the branch to `origin/main` or
`refs/pull/3/merge`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from akastats import git
from akastats.ci.github_event import FOREIGN_COMMIT, Event, read_event
from akastats.ci.providers import PROVIDERS, Provider

#: Maximum number of characters in a value; longer values are truncated. Branch names and URLs have up to 250.
MAX_CHARACTERS = 500
_OVERRIDES = {
    "branch": "AKA_STATS_BRANCH",
    "commit": "AKA_STATS_COMMIT",
    "build_id": "AKA_STATS_BUILD",
    "base": "AKA_STATS_BASE",
}
_PLAIN_FIELDS = ("build_id", "build_url", "job", "attempt")

_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)
# An abbreviated commit id of at least 4 digits, or a Subversion revision number. Used only if git has no commit.
_REVISION = re.compile(r"[0-9a-f]{4,6}|r?\d{1,12}", re.IGNORECASE)
_PULL_REQUEST = re.compile(
    r"(?:refs/)?(?:pull|pulls|pull-requests|merge-requests)/(\d+)(?:/\w+)?|(\d+)/(?:merge|head)"
)
_NUMBER = re.compile(r"(?:.*/)?(\d{1,12})/?")
_NO_BRANCH = ("HEAD", "detached", "<default>", "undefined")
_QUEUED = re.compile(r"gh-readonly-queue/(.+)/pr-\d+-[0-9a-f]+")


def describe_code(environ: Mapping[str, str], directory: Path, base: str = "") -> dict[str, str]:
    """Return branch, commit, provider, build_id, build_url, job, attempt, pull_request, base and default_branch.

    Unknown fields are absent. The provider's variables take precedence over git in `directory`.
    `AKA_STATS_BRANCH`, `AKA_STATS_COMMIT`, `AKA_STATS_BUILD` and `AKA_STATS_BASE` override both without
    validation. `base` is the branch to compare with: the argument, else the variable, else the target of a pull
    request.
    """
    overrides = {field: environ.get(variable, "") for field, variable in _OVERRIDES.items()}
    detected = _with_git(read_provider(environ), git.read_head(directory))
    fields = detected | _present(overrides) | _present({"base": base})
    if _is_branch_build(fields, environ):
        del fields["pull_request"]
    return {field: text[:MAX_CHARACTERS] for field, text in fields.items()}


def _is_branch_build(fields: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Return whether CircleCI built the base branch itself, which happens to have an open pull request.

    CircleCI builds branches, and CIRCLE_PULL_REQUEST names any pull request from the branch. A fork's pull request
    is built as the branch `pull/7`, with CIRCLE_PR_NUMBER set.
    """
    if fields.get("provider") != "circleci" or "pull_request" not in fields or environ.get("CIRCLE_PR_NUMBER"):
        return False
    branch = clean_branch(environ.get("CIRCLE_BRANCH", ""))
    return branch != "" and branch in (fields.get("base"), fields.get("default_branch"))


def _with_git(fields: dict[str, str], head: git.Head) -> dict[str, str]:
    """Return a provider's fields, completed from git; git's commit also replaces an abbreviated commit id."""
    # Drone checks out the target branch for a pull request, so git's branch is not that of the pull request.
    branch = "" if fields.get("pull_request") else head.branch
    from_git = _present({"branch": branch, "commit": head.commit, "default_branch": head.default_branch})
    if head.commit and not _COMMIT.fullmatch(fields.get("commit", "")):
        fields = {field: text for field, text in fields.items() if field != "commit"}
    return from_git | fields


def read_provider(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the fields from the CI provider's variables; empty outside of CI."""
    for provider in PROVIDERS:
        if environ.get(provider.sign):
            event = read_event(environ) if provider.name == "github" else Event()
            return {"provider": provider.name, **_present(_fields(provider, environ, event))}
    return {}


def _fields(provider: Provider, environ: Mapping[str, str], event: Event) -> dict[str, str]:
    number = event.pull_request or _pull_request(provider, environ)
    names = provider.source if number else provider.branch
    branch = _branch(environ, names) or (clean_branch(event.source) if number else "")
    target = _branch(environ, provider.target) if number else _queued_into(branch)
    return {
        "branch": branch,
        "commit": _commit(provider, environ),
        **{field: _first(environ, getattr(provider, field)) for field in _PLAIN_FIELDS},
        "pull_request": number,
        "base": target or clean_branch(event.target),
        "default_branch": clean_branch(event.default_branch) or _default_branch(provider, environ),
    }


def _default_branch(provider: Provider, environ: Mapping[str, str]) -> str:
    if environ.get("BRANCH_IS_PRIMARY") == "true" and provider.name == "jenkins":
        return clean_branch(environ.get("BRANCH_NAME", ""))
    return _branch(environ, provider.default_branch)


def _pull_request(provider: Provider, environ: Mapping[str, str]) -> str:
    """Return the number of the tested pull request, `true` if the number is unknown; empty if there is none."""
    references = (_PULL_REQUEST.fullmatch(environ.get(name, "")) for name in provider.references)
    numbers = [
        *(_number_in(environ.get(name, "")) for name in provider.number),
        *(match[1] or match[2] for match in references if match),
    ]
    values = ((environ.get(name, ""), beginning) for name, beginning in provider.events)
    is_event = any(value and value.startswith(beginning) for value, beginning in values)
    return next(filter(None, numbers), "true" if is_event else "")


def _number_in(text: str) -> str:
    """Return the number that a variable holds, alone or at the end of a URL; empty if false, else `true`."""
    if text.lower() in ("", "false", "0", "null", "none"):
        return ""
    matched = _NUMBER.fullmatch(text)
    return matched[1] if matched else "true"


def _commit(provider: Provider, environ: Mapping[str, str]) -> str:
    if provider.name == "github" and environ.get("GITHUB_EVENT_NAME") in FOREIGN_COMMIT:
        return ""
    values = [environ.get(name, "") for name in provider.commit]
    return next((text.lower() for text in values if _COMMIT.fullmatch(text) or _REVISION.fullmatch(text)), "")


def _branch(environ: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the branch or tag that the first set variable names, without a prefix such as `refs/heads/`."""
    return next(filter(None, (clean_branch(environ.get(name, "")) for name in names)), "")


def clean_branch(text: str) -> str:
    """Return the branch or tag in a reference; empty for a detached head and for a pull request."""
    name = re.sub(r"^(refs/heads/|refs/tags/|refs/remotes/origin/|origin/)", "", text.strip())
    is_none = name in _NO_BRANCH or name.startswith(("(", "refs/")) or _PULL_REQUEST.fullmatch(name)
    return "" if is_none else name


def _queued_into(branch: str) -> str:
    """Return the target branch of a temporary branch of GitHub's merge queue; empty for another branch."""
    matched = _QUEUED.fullmatch(branch)
    return matched[1] if matched else ""


def _present(fields: Mapping[str, str]) -> dict[str, str]:
    return {field: text for field, text in fields.items() if text}


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    for name in names:
        text = _fill_in(environ, name) if "{" in name else environ.get(name, "")
        if text:
            return text
    return ""


def _fill_in(environ: Mapping[str, str], pattern: str) -> str:
    names = re.findall(r"\{(\w+)\}", pattern)
    return pattern.format_map(environ) if all(environ.get(name) for name in names) else ""
