"""Read the state of the checkout with git: commit, branch, and whether there are uncommitted changes.

Only the shipper starts git, never the test process. Git needs less than 10 ms for 100 files and 0.1 s for
50,000. It starts with the run, and the record of the run gets the fields when git has answered.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from akastats import git, trust
from akastats.ci.providers import PROVIDERS
from akastats.spool import shipper_state
from akastats.spool.records import RunHeader

#: Maximum number of seconds per git command; the result of a slower command is unknown.
LIMIT_S = 5.0
#: Maximum number of bytes read from the output of a git command, because one changed file is enough.
MAX_BYTES = 256 * 1024
#: The fields that git reports; `dirty` is a boolean.
FIELDS = ("branch", "commit", "default_branch", "dirty")

# Git starts no daemon and ignores file modes, which containers change. It uses no prompt, pager, lock or download.
_SETTINGS = ("core.fsmonitor=false", "core.fileMode=false", "core.pager=cat", "status.showStash=false")
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
# Other variables such as GIT_DIR and GIT_INDEX_FILE name another repository, for example in a git hook.
_PASSED_ON = ("GIT_CONFIG_", "GIT_EXEC_PATH", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")
_STATUS = ("--porcelain=v2", "--branch", "-z", "--untracked-files=no", "--ignore-submodules=untracked")
# New test files count as changes, except in CI, which may generate some. Other new files do not count, because a
# changed file normally imports new code.
_TEST_FILES = (":(top,glob)**/test_*.py", ":(top,glob)**/*_test.py", ":(top,glob)**/conftest.py")


def path_for(spool: Path) -> Path:
    """Return the path of the file with the state of a run's checkout, beside its spool."""
    return spool.with_suffix(".checkout")


class Checkout:
    """Reads a checkout's state in the background and stores it beside the run's spool.

    `began` is the start of the run in epoch seconds: later changes were made by the tests.
    """

    def __init__(self, spool: Path, root: Path, began: float, environ: Mapping[str, str]) -> None:
        self._spool = spool
        self._arguments = (root, began, environ)
        self._fields: dict[str, Any] = {}
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        self._fields = read_checkout(*self._arguments)
        if self._fields:
            shipper_state.put(path_for(self._spool), json.dumps(self._fields))

    @property
    def is_read(self) -> bool:
        """Return whether git has answered or failed."""
        return not self._reading.is_alive()

    def fields(self, waits: bool) -> dict[str, Any]:
        """Return the fields read so far; with `waits`, wait for all of them."""
        if waits:
            # There are four commands, and each is killed after `LIMIT_S`.
            self._reading.join(5 * LIMIT_S)
        return self._fields


def stored_fields(spool: Path) -> dict[str, Any]:
    """Return the fields that are stored beside a spool; empty if there are none."""
    for path in shipper_state.newest_first(path_for(spool)):
        try:
            stored = json.loads(trust.read_trusted(path))
        except (OSError, ValueError):
            continue
        if isinstance(stored, dict):
            return {name: stored[name] for name in FIELDS if isinstance(stored.get(name), (str, bool))}
    return {}


def complete(header: RunHeader, checkout: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checkout's fields that a run's header lacks; for a pull request, omit git's branch."""
    left_out = ("branch",) if header.pull_request else ()
    return {name: value for name, value in checkout.items() if name not in left_out and not getattr(header, name)}


def read_checkout(root: Path, began: float, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that git reports for `root`; empty outside of a repository or if git does not answer."""
    try:
        repository = git.find_repository(root)
        return _read(_Git(repository, environ), root, began) if repository else {}
    except (OSError, ValueError):
        return {}


def _read(repository: _Git, root: Path, began: float) -> dict[str, Any]:
    status = repository.run("status", *_STATUS, "--no-renames", "--no-ahead-behind")
    if status is None:
        return {}
    head = {words[1]: words[2] for entry in status if len(words := entry.split(" ", 2)) == 3 and words[0] == "#"}
    default = repository.run("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD") or [""]
    fields = {
        "branch": head.get("branch.head", "").replace("(detached)", ""),
        "commit": head.get("branch.oid", "") if git.COMMIT.fullmatch(head.get("branch.oid", "")) else "",
        "default_branch": default[0].strip().removeprefix("refs/remotes/origin/"),
    }
    changes = [entry for entry in status if not entry.startswith("#")]
    is_dirty = any(_is_older(repository.root, change, began) for change in changes) or repository.has_new(root)
    return {**{name: text for name, text in fields.items() if text}, "dirty": is_dirty}


def _is_older(root: Path, change: str, began: float) -> bool:
    """Return whether a change is older than the run; tests may write files that git tracks."""
    kind, states, *_ = change.split(" ", 2)
    if kind != "1" or states[0] != "." or states[1] == "D":
        return True
    try:
        return os.lstat(root / change.split(" ", 8)[8]).st_mtime < began
    except (OSError, IndexError):
        return True


class _Git:
    """Runs git commands that do not change a repository, with limits on time and output."""

    def __init__(self, repository: git.Repository, environ: Mapping[str, str]) -> None:
        self.root = repository.root.resolve()
        passed_on = {name: text for name, text in environ.items() if not _is_dropped(name)}
        self._environ = {**passed_on, **_ENVIRONMENT}
        self._is_ci = any(environ.get(provider.sign) for provider in PROVIDERS)
        # In a container, another user may own the checkout. `git.find_repository` has checked who can change it.
        settings = (*_SETTINGS, f"safe.directory={self.root}")
        self._command = ["git", "-C", str(self.root), *(part for each in settings for part in ("-c", each))]

    def has_new(self, directory: Path) -> bool:
        """Return whether a test file, or all of `directory`, is untracked."""
        if self.run("ls-files", "-z", "--", str(directory.resolve())) == []:
            return True
        others = ("ls-files", "-z", "--others", "--exclude-standard", "--", *_TEST_FILES)
        return not self._is_ci and bool(self.run(*others))

    def run(self, *arguments: str) -> Sequence[str] | None:
        """Return the first entries of a git command's output, split at zero bytes; `None` if it fails."""
        process = subprocess.Popen(
            [*self._command, *arguments],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        timer = threading.Timer(LIMIT_S, process.kill)
        timer.start()
        try:
            with process:
                assert process.stdout is not None
                content = process.stdout.read(MAX_BYTES)
                is_complete = len(content) < MAX_BYTES
                if not is_complete:
                    process.kill()
        finally:
            timer.cancel()
        if is_complete and process.returncode != 0:
            return None
        entries = content.decode(errors="surrogateescape").split("\0")
        return [entry for entry in (entries if is_complete else entries[:-1]) if entry]


def _is_dropped(name: str) -> bool:
    return name.startswith("GIT_") and not name.startswith(_PASSED_ON)
