"""Branch and commit read from the files of real repositories of every form."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from akastats import git
from akastats.git import Head

IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")


def run(directory: Path, *arguments: str) -> str:
    """Run git in a directory, and return what it writes."""
    command = ["git", "-C", str(directory), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit on the branch `topic/one`."""
    directory = tmp_path / "repository"
    directory.mkdir()
    run(directory, "init", "-q", "-b", "topic/one")
    run(directory, "commit", "-q", "--allow-empty", "-m", "one")
    return directory


def test_a_branch_and_its_commit_from_a_directory_below(repository: Path) -> None:
    """The same as git itself says."""
    (repository / "deep" / "down").mkdir(parents=True)

    assert Head("topic/one", run(repository, "rev-parse", "HEAD")) == git.read_head(repository / "deep" / "down")


def test_packed_references(repository: Path) -> None:
    """After `git gc` branches stand in one file; one whose name ends alike is another."""
    run(repository, "branch", "two/topic/one", run(repository, "commit-tree", "HEAD^{tree}", "-m", "two"))
    run(repository, "pack-refs", "--all")
    assert not (repository / ".git" / "refs" / "heads" / "topic" / "one").exists()

    assert Head("topic/one", run(repository, "rev-parse", "HEAD")) == git.read_head(repository)


def test_a_detached_head_is_a_commit_without_a_branch(repository: Path) -> None:
    """A CI that checks a commit out is on no branch."""
    run(repository, "checkout", "-q", "--detach")

    assert Head("", run(repository, "rev-parse", "HEAD")) == git.read_head(repository)


def test_a_branch_without_a_commit(tmp_path: Path) -> None:
    """Right after `git init`."""
    run(tmp_path, "init", "-q", "-b", "main")

    assert Head("main", "") == git.read_head(tmp_path)


def test_a_symbolic_reference_is_followed(repository: Path) -> None:
    """A branch that is another name of a branch, also where that one is packed."""
    run(repository, "symbolic-ref", "refs/heads/alias", "refs/heads/topic/one")
    run(repository, "symbolic-ref", "HEAD", "refs/heads/alias")
    run(repository, "pack-refs", "--all")

    assert Head("topic/one", run(repository, "rev-parse", "HEAD")) == git.read_head(repository)


def test_circular_references_are_ignored(repository: Path) -> None:
    """Git refuses them too."""
    (repository / ".git" / "refs" / "heads" / "a").write_text("ref: refs/heads/b\n")
    (repository / ".git" / "refs" / "heads" / "b").write_text("ref: refs/heads/a\n")
    (repository / ".git" / "HEAD").write_text("ref: refs/heads/a\n")

    assert Head() == git.read_head(repository)


def test_a_head_that_is_a_link(repository: Path) -> None:
    """As git wrote it once, and still does with core.preferSymlinkRefs."""
    head = repository / ".git" / "HEAD"
    head.unlink()
    head.symlink_to("refs/heads/topic/one")

    assert Head("topic/one", run(repository, "rev-parse", "HEAD")) == git.read_head(repository)


def test_a_worktree_is_followed_to_its_repository(repository: Path, tmp_path: Path) -> None:
    """There `.git` is a file, and branches live in the common directory."""
    run(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    run(tmp_path / "side", "commit", "-q", "--allow-empty", "-m", "two")

    assert Head("side", run(tmp_path / "side", "rev-parse", "HEAD")) == git.read_head(tmp_path / "side")


def test_a_submodule_is_a_checkout_of_its_own(repository: Path, tmp_path: Path) -> None:
    """Its code is not that of the repository around it."""
    outer = tmp_path / "outer"
    outer.mkdir()
    run(outer, "init", "-q", "-b", "main")
    run(outer, "submodule", "--quiet", "add", str(repository), "part")

    head = git.read_head(outer / "part")

    assert ("topic/one", run(repository, "rev-parse", "HEAD")) == (head.branch, head.commit)


def test_a_shallow_clone_knows_its_commit_and_the_default_branch(repository: Path, tmp_path: Path) -> None:
    """`origin/HEAD` is the branch that the other repository has checked out."""
    clone = tmp_path / "clone"
    run(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", str(clone))
    run(clone, "checkout", "-q", "-b", "mine")

    assert Head("mine", run(clone, "rev-parse", "HEAD"), "topic/one") == git.read_head(clone)


def test_ids_of_64_digits(tmp_path: Path) -> None:
    """A repository may use SHA-256."""
    run(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256")
    run(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")

    head = git.read_head(tmp_path)

    assert (64, run(tmp_path, "rev-parse", "HEAD")) == (len(head.commit), head.commit)


def test_references_in_tables_cannot_be_read(repository: Path) -> None:
    """Their stand-in `HEAD` names a branch that there is not."""
    (repository / ".git" / "reftable").mkdir()
    (repository / ".git" / "HEAD").write_text("ref: refs/heads/.invalid\n")

    assert Head() == git.read_head(repository)


@pytest.mark.parametrize(
    "text", ["", "ref: ../../secret", "ref: /etc/passwd", "ref: refs/../../x", "\xff", "0" * 9]
)
def test_a_damaged_head_says_nothing(repository: Path, text: str) -> None:
    """And leads to no file outside of the repository."""
    (repository / ".git" / "HEAD").write_text(text, encoding="latin-1")

    assert Head() == git.read_head(repository)


def test_a_head_that_is_a_pipe_holds_nobody(repository: Path) -> None:
    """Opening it would wait for a writer for ever."""
    (repository / ".git" / "HEAD").unlink()
    os.mkfifo(repository / ".git" / "HEAD")

    assert Head() == git.read_head(repository)


def test_all_fields_are_empty_outside_of_git(tmp_path: Path) -> None:
    """Nor where `.git` leads nowhere."""
    assert Head() == git.read_head(tmp_path)

    (tmp_path / ".git").write_text("gitdir: /no/such/place\n")
    assert Head() == git.read_head(tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_strangers_repository_above_ours_says_nothing(repository: Path) -> None:
    """Below the temporary directory anybody can have made a `.git` for all."""
    project = repository / "project"
    project.mkdir()
    for path in (repository / ".git", repository):
        os.chown(path, 4242, 4242)

    assert Head() == git.read_head(project)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_checkout_that_another_user_owns_completely_is_read(repository: Path) -> None:
    """In a container the tests run as root, and the checkout is the host's user's."""
    for path in (repository / ".git", repository):
        os.chown(path, 4242, 4242)

    assert "topic/one" == git.read_head(repository).branch
