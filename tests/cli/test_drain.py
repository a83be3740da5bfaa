"""`akastats drain`: each spool is delivered to the server in its header."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from akastats import detached
from akastats.cli.drain import update_indexes
from akastats.config import Config
from akastats.redis import connect
from akastats.spool import directories
from akastats.spool.records import get_producer
from akastats.store import keys
from tests import delivered_runs

# A recent run: the server no longer knows whether a run of some weeks ago was delivered.
spool = partial(delivered_runs.spool, started=time.time() - 60)

TESTS = [("a.py::b", "passed", 0.5), ("a.py::c", "failed", 0.5)]


def runs_at(url: str, namespace: str = "AKA-STATS") -> list[str]:
    """Return the ids of the runs on a server."""
    with connect(url) as client:
        return [run_id.decode() for run_id in client.zrange(f"{namespace}::RUNS", 0, -1)]


@pytest.fixture
def spools(project: Path) -> Path:
    """The spool directory of the project."""
    return project / ".akastats" / "spool"


def test_nothing_waits(akastats):
    """An empty project has nothing to deliver."""
    answer = akastats("drain")

    assert (answer.code, answer.out) == (0, "No undelivered runs.\n")


def test_a_spool_goes_to_the_server_it_names(akastats, spools, server):
    """A run that was recorded for one server is delivered there, whatever is configured now."""
    fields = {"destination": {"server": server, "namespace": "N"}}
    spool(spools, TESTS, **fields)

    answer = akastats("drain", "--json", AKA_STATS_REDIS_URL="redis://127.0.0.1:1")

    (item,) = answer.json["items"]
    assert (answer.code, item["state"], item["tests"], item["server"]) == (0, "delivered", 2, server)
    assert runs_at(server, "N") == [item["run_id"]]
    assert runs_at(server) == []


def test_a_socket_is_recognised_in_each_form_of_its_url(akastats, spools, server):
    """Some Python versions write `unix:/path` instead of `unix:///path`."""
    spool(spools, TESTS, destination={"server": server.replace("unix://", "unix:"), "namespace": "AKA-STATS"})

    assert (akastats("drain").code, len(runs_at(server))) == (0, 1)


def test_draining_twice_counts_once(akastats, spools, server):
    """A delivered spool is not delivered again."""
    spool(spools, TESTS, destination={"server": server, "namespace": "AKA-STATS"})

    first, second = akastats("drain"), akastats("drain")

    assert (first.code, second.code) == (0, 0)
    assert "delivered" in first.out.splitlines()[1]
    assert (
        second.out
        == "No undelivered runs. 1 run was delivered before; a spool is deleted one day after its delivery.\n"
    )
    with connect(server) as client:
        assert client.get("AKA-STATS::COUNT::test::a.py::b") == b"1"


def test_copies_of_a_delivered_spool_are_one_run(akastats, spools, server):
    """A number that a download adds to the file name creates no second run."""
    path = spool(spools, TESTS, destination={"server": server, "namespace": "AKA-STATS"})
    akastats("drain")
    path.with_name(f"{path.stem} (1).aks").write_bytes(path.read_bytes())

    answer = akastats("drain")

    assert (
        answer.out
        == "No undelivered runs. 1 run was delivered before; a spool is deleted one day after its delivery.\n"
    )


def test_each_run_is_reported_with_the_result_of_its_delivery(akastats, spools, server):
    """New deliveries, earlier ones, and runs that are now known to have crashed are distinguished."""
    fields = {"destination": {"server": server, "namespace": "AKA-STATS"}}
    spool(spools, TESTS, run_id="20231114T000000000-000001", **fields)
    akastats("drain")
    spool(spools, TESTS, run_id="20231114T000000000-000002", ended=False, **fields)

    table, as_json = akastats("drain").out.splitlines(), akastats("drain", "--json").json["items"]

    assert [line.split()[0] for line in table[1:]] == ["20231114T000000000-000002", "1"]
    assert table[-1] == "1 run was delivered before; a spool is deleted one day after its delivery."
    assert [(item["state"], item["was_known"]) for item in as_json] == [("delivered", True)] * 2


@pytest.mark.parametrize(("header", "cursor"), [({"id": "a\ud800"}, b"1"), ({}, b"\xff")], ids=["id", "cursor"])
def test_a_spool_without_sense_keeps_no_other_back(akastats, spools, server, header, cursor):
    """A damaged spool is reported, and the others are delivered."""
    fields = {"destination": {"server": server, "namespace": "AKA-STATS"}}
    spool(spools, TESTS, run_id="20231114T000000000-000001", **fields)
    damaged = spool(spools, TESTS, run_id="20231114T000000000-000002", **fields, **header)
    with connect(server) as client:
        client.set(keys.cursor("AKA-STATS", get_producer(damaged.name)), cursor)

    answer = akastats("drain")

    assert (answer.code, runs_at(server)) == (1, ["20231114T000000000-000001"])
    assert "its records are invalid" in answer.err


def test_one_without_a_destination_goes_where_the_project_says(akastats, spools, server):
    """A spool without a server is delivered to the first configured one."""
    spool(spools, TESTS)

    akastats("drain", AKA_STATS_REDIS_URL=server)

    assert len(runs_at(server)) == 1


def test_to_overrides_the_destination_of_the_spools(akastats, spools, server):
    """`--to` delivers all spools to one server, in the namespace of their recording."""
    spool(spools, TESTS, destination={"server": "redis://127.0.0.1:1", "namespace": "N"})

    answer = akastats("drain", "--to", server)

    assert (answer.code, len(runs_at(server, "N"))) == (0, 1)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["table", "json"])
def test_a_password_in_to_is_not_shown(akastats, spools, form):
    """The output of a command ends in logs that others read."""
    spool(spools, TESTS)

    answer = akastats("drain", "--to", "redis://me:s3cret@127.0.0.1:1", *form)

    assert "redis://127.0.0.1:1" in answer.out
    assert "s3cret" not in answer.out + answer.err


def test_an_artifact_is_drained_by_its_directory(akastats, project, server):
    """The argument is a directory of spools from a CI job, whose embedded server is not on this machine."""
    spool(
        project / "artifact",
        TESTS,
        destination={"server": "embedded:/no/such/builds/x/.akastats", "namespace": "AKA-STATS"},
    )

    without = akastats("drain", "artifact")
    with_to = akastats("drain", "artifact", "--to", server)

    assert (without.code, with_to.code, len(runs_at(server))) == (1, 0, 1)
    assert "--to" in without.err
    assert not Path("/no/such").exists()


def test_the_embedded_server_is_started_for_what_was_recorded_for_it(akastats, spools, project):
    """A run that its shipper could not deliver is delivered later."""
    spool(spools, TESTS, destination={"server": f"embedded:{project / '.akastats'}", "namespace": "AKA-STATS"})

    drained = akastats("drain", "--json").json
    listed = akastats("runs", "--json").json

    assert [item["state"] for item in drained["items"]] == ["delivered"]
    assert [run["status"] for run in listed["items"]] == ["failed"]


def test_an_artifact_goes_to_an_embedded_server_that_is_named(akastats, project):
    """`--to embedded:DIR` delivers the runs of a CI job to a local server."""
    spool(project / "artifact", TESTS, destination={"server": "redis://127.0.0.1:1", "namespace": "AKA-STATS"})

    akastats("drain", "artifact", "--to", "embedded:.akastats")

    assert len(akastats("runs", "--json").json["items"]) == 1


def test_a_run_that_was_killed_becomes_crashed(akastats, spools, server):
    """A spool without an end, whose process is gone, is a crashed run."""
    spool(spools, TESTS, ended=False, destination={"server": server, "namespace": "AKA-STATS"})

    akastats("drain")

    (run,) = akastats("runs", "--url", server, "--json").json["items"]
    assert (run["status"], run["tests"]) == ("crashed", 2)


def test_a_run_that_goes_on_is_not_ended(akastats, spools, server):
    """Its records are delivered, and the run stays in progress."""
    alive = {"pid": os.getpid(), "pid_mark": detached.read_start_time(os.getpid())}
    spool(spools, TESTS, ended=False, destination={"server": server, "namespace": "AKA-STATS"}, **alive)

    (item,) = akastats("drain", "--json").json["items"]

    (run,) = akastats("runs", "--url", server, "--json").json["items"]
    assert (item["state"], run["status"]) == ("running", "running")


def test_one_dead_server_does_not_cost_the_others(akastats, spools, server):
    """Each spool that cannot be delivered has its own line; the others are delivered."""
    spool(spools, TESTS, run_id="20231114T000000000-000001", destination={"server": "redis://127.0.0.1:1"})
    spool(spools, TESTS, run_id="20231114T000000000-000002", destination={"server": server})
    spools.joinpath("1-20231114T000000000-000003-1-00.aks").write_bytes(b"what is this\n")

    answer = akastats("drain")

    assert (answer.code, len(runs_at(server)), answer.err.count("\n")) == (1, 1, 2)
    assert "127.0.0.1:1" in answer.err
    assert "no run can be read" in answer.err


def test_spools_in_fallback_directories_are_drained(akastats, project, server, monkeypatch):
    """If the project is not writable, the spools are in the user's state directory."""
    from akastats.spool import directories

    state = directories.list_candidates(project / ".akastats", os.environ)
    elsewhere = list(state)[1]
    elsewhere.parent.parent.mkdir()
    spool(elsewhere, TESTS, destination={"server": server})

    akastats("drain")

    assert len(runs_at(server)) == 1


def test_an_unreadable_pending_index_update_does_not_block_other_servers(capsys):
    """The file may come from a later release, or be damaged."""

    def execute(operation: object) -> None:
        raise IndexError("list index out of range")

    update_indexes(Config(), execute, ["20261128T210000000-000001"])

    assert "not updated: stored data is corrupt (IndexError: list index" in capsys.readouterr().err


def test_a_directory_without_spools_is_an_error(akastats, project):
    """A mistyped directory is reported, not treated as empty."""
    answer = akastats("drain", "nowhere")

    assert (answer.code, str(project / "nowhere") in answer.err) == (1, True)


def test_to_must_be_a_url(akastats):
    """An invalid destination is refused before anything is read."""
    answer = akastats("drain", "--to", "localhost")

    assert (answer.code, answer.err.startswith("akastats: --to")) == (1, True)


def test_a_server_in_another_directory_is_not_started_unasked(akastats, spools, project):
    """A spool in a repository can name any directory, so the user decides whether a server is started there."""
    elsewhere = project / "elsewhere" / ".akastats"
    elsewhere.parent.mkdir()
    spool(spools, TESTS, destination={"server": f"embedded:{elsewhere}", "namespace": "AKA-STATS"})

    refused = akastats("drain")

    assert refused.code == 1
    assert f"embedded server in {elsewhere}, which belongs to another project. Start it with --yes" in refused.err
    assert not elsewhere.exists()
    assert akastats("drain", "--yes").code == 0
    assert (elsewhere / "server").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_a_directory_of_another_user_is_named_and_the_others_are_drained(akastats, spools, project, server):
    """The line names the owner and the remedy."""
    spool(spools, TESTS)
    os.chown(spools.parent, 12345, 12345)
    apart = list(directories.list_candidates(project / ".akastats", os.environ))[1]
    spool(apart, TESTS, run_id="20231114T000000000-000002")

    answer = akastats("drain", "--to", server)

    assert (answer.code, runs_at(server)) == (0, ["20231114T000000000-000002"])
    assert f"{spools.parent} belongs to user 12345" in answer.err
    assert "sudo chown -R" in answer.err
    assert akastats("drain", str(spools), "--to", server).code == 0
    assert len(runs_at(server)) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_an_undelivered_spool_of_another_user_is_not_called_removable(akastats, spools, server):
    """Without read access, nothing shows whether it contains a run."""
    path = spool(spools, TESTS)
    os.chown(path, 12345, 12345)

    answer = akastats("doctor", AKA_STATS_REDIS_URL=server)

    assert "removed" not in answer.out
    assert f"cannot read a spool, which may contain a run: {path}" in answer.out
