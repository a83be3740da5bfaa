"""`akastats merge`: the runs that several jobs added to copies of one history."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
import redis

from akastats import embedded
from conftest import eventually
from tests import delivered_runs

TESTS = [("a.py::b", "passed", 0.5), ("a.py::c", "failed", 0.5)]


def record(home: Path, folder: Path, number: int, copy_to: Path | None = None) -> None:
    """Record a run on a directory's server; copy the directory while the server rewrites its file."""
    with embedded.use(home) as lease:
        started = delivered_runs.STARTED + number * 100
        delivered_runs.deliver_run(lease.url, folder, TESTS, run_id=f"run-{number:03d}", started=started)
        if copy_to is not None:
            with redis.Redis.from_url(lease.url) as client:
                client.bgrewriteaof()
            eventually(lambda: is_copied(home, copy_to / ".akastats"))


def is_copied(home: Path, target: Path) -> bool:
    """Return whether a copy succeeded; a file can disappear before it is read."""
    try:
        shutil.copytree(home, target, ignore=shutil.ignore_patterns("*.sock", "temp-*"), dirs_exist_ok=True)
    except shutil.Error:
        return False
    return True


def runs_of(akastats) -> list[str]:
    return sorted(item["id"] for item in akastats("runs", "--json").json["items"])


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one", "two")], ids=" ".join)
def test_two_jobs_that_restored_one_cache_lose_nothing(akastats, project, order):
    """Each job saves a copy while its server runs; the merge contains the runs of both."""
    record(project / ".akastats", project / "told", 1, project / "cache")
    for number, job in enumerate(("one", "two"), 2):
        shutil.copytree(project / "cache" / ".akastats", project / job / ".akastats")
        record(project / job / ".akastats", project / "told", number, project / f"saved {job}")

    for job in order:
        answer = akastats("merge", f"saved {job}")
        assert (answer.code, answer.err) == (0, "")

    assert runs_of(akastats) == ["run-001", "run-002", "run-003"]
    assert len(akastats("show", "a.py::b", "--json").json["items"]) == 3
    assert akastats("merge", "--json", *(f"saved {job}" for job in order)).json["items"][0]["merged"]["known"] == 2


def test_spools_in_a_directory_are_merged_too(akastats, project):
    """A job that ended before the delivery of its run saved the spool in its copy."""
    path = delivered_runs.spool(
        project / "saved" / ".akastats" / "spool", TESTS, producer="ab" * 16, started=time.time() - 60
    )
    content = path.read_bytes()

    first, second = akastats("merge", "saved", "--json"), akastats("merge", "saved", "--json")

    assert [len(answer.json["items"][0]["from_spools"]) for answer in (first, second)] == [1, 1]
    assert len(akastats("show", "a.py::b", "--json").json["items"]) == 1
    assert path.read_bytes() == content


def test_a_run_is_counted_once_where_both_the_data_and_a_spool_hold_it(akastats, project):
    """A spool remains for a day after its delivery: the second merge recognises its run."""
    saved = project / "saved" / ".akastats"
    delivered_runs.spool(saved / "spool", TESTS, producer="ab" * 16, started=time.time() - 60)
    akastats("merge", "saved", "--dir", str(saved))

    answers = [akastats("merge", "saved") for _ in range(2)]

    assert [""] * 2 == [answer.err for answer in answers]
    counts = [answer.out.splitlines()[1].split()[1:] for answer in answers]
    assert [(added, skipped) for added, _, skipped, _ in counts] == [("1", "0"), ("0", "1")]


def test_history_that_was_moved_aside_comes_back(akastats, project):
    """`doctor` names the command: merging the damaged data into the newer history."""
    home = project / ".akastats"
    record(home, project / "told", 1, project / "old")
    aside = home / "server" / "damaged-20260101T000000Z"
    aside.mkdir()
    shutil.move(project / "old" / ".akastats" / "server" / "appendonlydir", aside)
    record(project / "new" / ".akastats", project / "told", 2)
    shutil.move(aside, project / "new" / ".akastats" / "server")

    where = ("--dir", "new/.akastats")
    (note,) = [line for line in akastats("doctor", *where).out.splitlines() if "moved aside" in line]
    answer = akastats("merge", note.split("`akastats merge ")[1].partition("`")[0], *where)

    assert answer.code == 0, answer.err
    assert sorted(item["id"] for item in akastats("runs", "--json", *where).json["items"]) == [
        "run-001",
        "run-002",
    ]


def test_data_that_must_not_be_served_is_not_merged(akastats, project):
    """A directory of another user may contain commands. It is checked first, and the others are merged."""
    record(project / "good" / ".akastats", project / "told", 1)
    parts = project / "bad" / ".akastats" / "server" / "appendonlydir"
    parts.mkdir(parents=True)
    (parts / "appendonly.aof.manifest").write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    (parts / "appendonly.aof.1.incr.aof").write_bytes(b"*1\r\n$8\r\nSHUTDOWN\r\n")

    answer = akastats("merge", "bad", "good")

    assert answer.code == 1
    assert "contains the command SHUTDOWN" in answer.err, answer.out
    assert runs_of(akastats) == ["run-001"]


def test_a_directory_without_statistics_is_an_error(akastats, project):
    """A wrong path is not an empty history."""
    answer = akastats("merge", "nothing")

    assert answer.code == 1
    assert "no statistics found in" in answer.err
