"""The runs that a project has recorded on this machine."""

from __future__ import annotations

import json
import os

import pytest

from akastats.spool import recorded_runs
from akastats.spool.recorded_runs import RecordedRun, make_recorded_run
from akastats.spool.records import Destination, RunHeader

HEADER = RunHeader(
    "20260801T101500123-6e913c",
    started=1.8e9,
    suite="unit",
    build_id="7",
    attempt="2",
    host="runner-1",
    destination=Destination("redis://db", "SHOP"),
)
RUN = RecordedRun(
    id="20260801T101500123-6e913c",
    suite="unit",
    build_id="7",
    attempt="2",
    server="redis://db",
    namespace="SHOP",
    root="/src",
    host="runner-1",
)


@pytest.fixture
def directory(tmp_path):
    """A spool directory that only this user can write."""
    directory = tmp_path / "spool"
    directory.mkdir(mode=0o700)
    return directory


def test_runs_are_read_newest_first_and_once(directory, tmp_path):
    """Also from the directory in which a spool was continued."""
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    later = RecordedRun(**{**vars(RUN), "id": "20260901T000000000-000001", "is_nested": True})
    recorded_runs.write(directory / "1-a.aks", make_recorded_run(HEADER, "/src"))
    recorded_runs.write(other / "1-a.aks", RUN)
    recorded_runs.write(other / "1-b.aks", later)

    assert [later, RUN] == recorded_runs.read([directory, other, tmp_path / "none"])


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"id": 3}', '{"id": ""}', "[" * 100_000, "\\0"])
def test_an_invalid_file_is_left_out(directory, content):
    """The file may contain anything."""
    (directory / "1-a.run").write_text(content)
    (directory / "1-a.run").chmod(0o600)

    assert [] == recorded_runs.read([directory])


def test_fields_of_another_type_or_a_later_release_are_left_out(directory):
    """The other fields of the run remain."""
    content = {"id": "r", "suite": 3, "is_nested": "yes", "later": 1}
    (directory / "1-a.run").write_text(json.dumps(content))
    (directory / "1-a.run").chmod(0o600)

    assert [RecordedRun("r")] == recorded_runs.read([directory])


@pytest.mark.parametrize("kind", ["link", "open to others", "pipe"])
def test_a_file_that_other_users_could_have_written_is_left_out(directory, tmp_path, kind):
    """Otherwise another user's run would be reported as this user's."""
    path = directory / "1-a.run"
    (tmp_path / "target").write_text(json.dumps({"id": "r"}))
    if kind == "link":
        path.symlink_to(tmp_path / "target")
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    else:
        path.write_text(json.dumps({"id": "r"}))
        path.chmod(0o666)

    assert [] == recorded_runs.read([directory])


def test_a_directory_that_cannot_be_written_delays_nothing(tmp_path):
    """The run is still recorded."""
    recorded_runs.write(tmp_path / "none" / "1-a.aks", RUN)

    assert [] == recorded_runs.read([tmp_path / "none"])
