"""Where in the repository a finding is: forges count files from its root, pytest from elsewhere. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

# Where a provider has checked the repository out.
_CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE", "BUILD_SOURCESDIRECTORY", "BITBUCKET_CLONE_DIR")
_DRIVE = re.compile(r"[A-Za-z]:/")


@dataclass(frozen=True, slots=True)
class Places:
    """Absolute directories: the repository's root, the one pytest was started in, and pytest's root directory.

    Empty ones are not known: then `started_in` is taken for the repository's root.
    """

    repository: str = ""
    started_in: str = ""
    root: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str], started_in: str, root: str) -> Places:
        """Return the places of a run, the repository's as the CI provider's variables tell it."""
        checkouts = (environ[name] for name in _CHECKOUTS if environ.get(name))
        return cls(next(checkouts, ""), started_in, root or started_in)

    def of_frame(self, file: str) -> str:
        """Return a traceback's file as the repository names it; empty for one that is not in it."""
        return self._within(file, self.started_in)

    def of_test(self, nodeid: str) -> str:
        """Return the file of a test as the repository names it; empty for one that is not in it."""
        return self._within(nodeid.partition("::")[0], self.root)

    def _within(self, file: str, directory: str) -> str:
        if not file or "\0" in file:
            return ""
        home = _slashed(self.repository or self.started_in)
        path = posixpath.normpath(_joined(_slashed(directory), _slashed(file)))
        if _is_absolute(path):
            if not home or not path.startswith(posixpath.normpath(home).rstrip("/") + "/"):
                return ""
            path = path[len(posixpath.normpath(home).rstrip("/")) + 1 :]
        return "" if path in (".", "..") or path.startswith("../") else path


def _slashed(path: str) -> str:
    return path.replace("\\", "/")


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or _DRIVE.match(path) is not None


def _joined(directory: str, file: str) -> str:
    return file if _is_absolute(file) or not directory else f"{directory.rstrip('/')}/{file}"
