"""Whether git tracks a directory, as git itself says."""

from __future__ import annotations

import subprocess

import pytest

from akastats.embedded import git_index


@pytest.fixture
def git(project):
    """Run git in a repository of the test's own, whatever this user has configured."""
    environ = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": str(project), "PATH": "/usr/bin:/bin"}

    def run(*arguments, where="repository"):
        names = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always")
        subprocess.run(
            ["git", *names, *arguments], cwd=project / where, env=environ, check=True, capture_output=True
        )

    (project / "repository").mkdir()
    return run


def commit(git, folder, version, *files, init=("init",)):
    git(*init)
    for name in files:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    git("add", "--force", ".")
    git("update-index", "--index-version", str(version))


OTHERS = (".a", ".akastat", ".akastats-old/x", "other/.akastats/x", "src/" + "n" * 250)


@pytest.mark.parametrize("init", [("init",), ("init", "--object-format=sha256")], ids=["sha1", "sha256"])
@pytest.mark.parametrize("version", [2, 3, 4])
def test_tracked_files_are_found(git, project, version, init):
    """In each version of the index, between names that begin alike."""
    folder = project / "repository"
    commit(git, folder, version, *OTHERS, init=init)
    assert not git_index.is_tracked(folder / ".akastats")

    commit(git, folder, version, ".akastats/server/appendonlydir/x", init=init)

    assert git_index.is_tracked(folder / ".akastats")
    assert git_index.is_tracked(folder / "other" / ".akastats")
    assert not git_index.is_tracked(folder / "src" / ".akastats")


def test_flags_of_an_entry_may_take_more_room(git, project):
    """An entry that is only intended to be added has extended flags."""
    folder = project / "repository"
    commit(git, folder, 3, ".akastats/x")
    git("rm", "--cached", "-r", ".akastats")
    git("add", "--force", "--intent-to-add", ".akastats/x")

    assert git_index.is_tracked(folder / ".akastats")


def test_a_worktree_has_an_index_of_its_own(git, project):
    """There `.git` is a file that names the directory."""
    folder = project / "repository"
    commit(git, folder, 2, ".akastats/x")
    git("commit", "-m", "x")
    git("worktree", "add", str(project / "worktree"))

    assert git_index.is_tracked(project / "worktree" / ".akastats")


def test_no_repository_tracks_nothing(project):
    """Neither does one whose index cannot be read."""
    assert not git_index.is_tracked(project / ".akastats")
    (project / ".git").mkdir()
    (project / ".git" / "index").write_bytes(b"DIRC\0\0\0\4\0\0\0\1")

    assert not git_index.is_tracked(project / ".akastats")
