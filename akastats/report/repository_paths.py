"""Convert paths to be relative to the root of the repository, as forges require."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

# Variables with the path of the checkout, by CI provider.
_CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE", "BUILD_SOURCESDIRECTORY", "BITBUCKET_CLONE_DIR")
_DRIVE = re.compile(r"[A-Za-z]:/")


@dataclass(frozen=True, slots=True)
class RepositoryPaths:
    """Converter for the paths of a run. Its directories are absolute, or empty if unknown.

    repository: root of the repository; if unknown, `started_in` counts as the root
    started_in: directory in which pytest was started
    root: root directory of pytest
    """

    repository: str = ""
    started_in: str = ""
    root: str = ""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], started_in: str, root: str) -> RepositoryPaths:
        """Return the directories of a run, with the repository's root from the variables of the CI provider."""
        checkouts = (environ[name] for name in _CHECKOUTS if environ.get(name))
        return cls(next(checkouts, ""), started_in, root or started_in)

    def path_of_frame(self, file: str) -> str:
        """Return the path in the repository of a file in a traceback; empty if the file is outside."""
        return self._in_repository(file, self.started_in)

    def path_of_test(self, nodeid: str) -> str:
        """Return the path in the repository of a test's file; empty if the file is outside."""
        return self._in_repository(nodeid.partition("::")[0], self.root)

    def _in_repository(self, file: str, directory: str) -> str:
        if not file or "\0" in file:
            return ""
        home = _with_slashes(self.repository or self.started_in)
        path = posixpath.normpath(_join(_with_slashes(directory), _with_slashes(file)))
        if _is_absolute(path):
            if not home or not path.startswith(posixpath.normpath(home).rstrip("/") + "/"):
                return ""
            path = path[len(posixpath.normpath(home).rstrip("/")) + 1 :]
        return "" if path in (".", "..") or path.startswith("../") else path


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/")


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or _DRIVE.match(path) is not None


def _join(directory: str, file: str) -> str:
    return file if _is_absolute(file) or not directory else f"{directory.rstrip('/')}/{file}"
