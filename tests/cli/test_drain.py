"""`akastats drain`: each spool to the server that its header names."""

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
from tests import telling

# A run of just now: of one that is weeks old nobody knows any more whether it was delivered.
spool = partial(telling.spool, started=time.time() - 60)

TESTS = [("a.py::b", "passed", 0.5), ("a.py::c", "failed", 0.5)]


def runs_at(url: str, namespace: str = "AKA-STATS") -> list[str]:
    """Return the ids of the runs that a server lists."""
    with connect(url) as client:
        return [run_id.decode() for run_id in client.zrange(f"{namespace}::RUNS", 0, -1)]


@pytest.fixture
def spools(project: Path) -> Path:
    """The project's spool directory."""
    return project / ".akastats" / "spool"


def test_nothing_waits(akastats):
    """An empty project has nothing to deliver."""
    answer = akastats("drain")

    assert (answer.code, answer.out) == (0, "No undelivered runs.\n")


def test_a_spool_goes_to_the_server_it_names(akastats, spools, server):
    """Whatever is configured now: a run recorded for one server is delivered there."""
    told = {"destination": {"server": server, "namespace": "N"}}
    spool(spools, TESTS, **told)

    answer = akastats("drain", "--json", AKA_STATS_REDIS_URL="redis://127.0.0.1:1")

    (item,) = answer.json["items"]
    assert (answer.code, item["state"], item["tests"], item["server"]) == (0, "delivered", 2, server)
    assert runs_at(server, "N") == [item["run_id"]]
    assert runs_at(server) == []


def test_a_socket_is_known_however_its_url_was_shortened(akastats, spools, server):
    """Some Pythons write `unix:/path` where `unix:///path` was meant."""
    spool(spools, TESTS, destination={"server": server.replace("unix://", "unix:"), "namespace": "AKA-STATS"})

    assert (akastats("drain").code, len(runs_at(server))) == (0, 1)


def test_draining_twice_counts_once(akastats, spools, server):
    """What is delivered already is not delivered again."""
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
    """A download adds a number to a file's name: that makes no second run, and no second count of it."""
    path = spool(spools, TESTS, destination={"server": server, "namespace": "AKA-STATS"})
    akastats("drain")
    path.with_name(f"{path.stem} (1).aks").write_bytes(path.read_bytes())

    answer = akastats("drain")

    assert (
        answer.out
        == "No undelivered runs. 1 run was delivered before; a spool is deleted one day after its delivery.\n"
    )


def test_what_was_delivered_before_is_told_apart(akastats, spools, server):
    """Who drains wants to know what that did; a run that was only now found to have crashed is news."""
    told = {"destination": {"server": server, "namespace": "AKA-STATS"}}
    spool(spools, TESTS, run_id="20231114T000000000-000001", **told)
    akastats("drain")
    spool(spools, TESTS, run_id="20231114T000000000-000002", ended=False, **told)

    table, as_json = akastats("drain").out.splitlines(), akastats("drain", "--json").json["items"]

    assert [line.split()[0] for line in table[1:]] == ["20231114T000000000-000002", "1"]
    assert table[-1] == "1 run was delivered before; a spool is deleted one day after its delivery."
    assert [(item["state"], item["was_known"]) for item in as_json] == [("delivered", True)] * 2


@pytest.mark.parametrize(("header", "cursor"), [({"id": "a\ud800"}, b"1"), ({}, b"\xff")], ids=["id", "cursor"])
def test_a_spool_without_sense_keeps_no_other_back(akastats, spools, server, header, cursor):
    """What is wrong with it is told beside it."""
    told = {"destination": {"server": server, "namespace": "AKA-STATS"}}
    spool(spools, TESTS, run_id="20231114T000000000-000001", **told)
    damaged = spool(spools, TESTS, run_id="20231114T000000000-000002", **told, **header)
    with connect(server) as client:
        client.set(keys.cursor("AKA-STATS", get_producer(damaged.name)), cursor)

    answer = akastats("drain")

    assert (answer.code, runs_at(server)) == (1, ["20231114T000000000-000001"])
    assert "its records are invalid" in answer.err


def test_one_without_a_destination_goes_where_the_project_says(akastats, spools, server):
    """The first server that is configured gets it."""
    spool(spools, TESTS)

    akastats("drain", AKA_STATS_REDIS_URL=server)

    assert len(runs_at(server)) == 1


def test_to_overrides_what_the_spools_say(akastats, spools, server):
    """`--to` sends everything to one server, in the namespace it was recorded for."""
    spool(spools, TESTS, destination={"server": "redis://127.0.0.1:1", "namespace": "N"})

    answer = akastats("drain", "--to", server)

    assert (answer.code, len(runs_at(server, "N"))) == (0, 1)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["table", "json"])
def test_a_password_in_to_is_not_shown(akastats, spools, form):
    """What a command says ends in logs that many read."""
    spool(spools, TESTS)

    answer = akastats("drain", "--to", "redis://me:s3cret@127.0.0.1:1", *form)

    assert "redis://127.0.0.1:1" in answer.out
    assert "s3cret" not in answer.out + answer.err


def test_an_artifact_is_drained_by_its_directory(akastats, project, server):
    """A folder of spools that a CI job kept, named on the command line; its own embedded server is not here."""
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
    """A run whose shipper never came to it is delivered afterwards."""
    spool(spools, TESTS, destination={"server": f"embedded:{project / '.akastats'}", "namespace": "AKA-STATS"})

    drained = akastats("drain", "--json").json
    listed = akastats("runs", "--json").json

    assert [item["state"] for item in drained["items"]] == ["delivered"]
    assert [run["status"] for run in listed["items"]] == ["failed"]


def test_an_artifact_goes_to_an_embedded_server_that_is_named(akastats, project):
    """`--to embedded:DIR` is for looking at a CI job's runs at home."""
    spool(project / "artifact", TESTS, destination={"server": "redis://127.0.0.1:1", "namespace": "AKA-STATS"})

    akastats("drain", "artifact", "--to", "embedded:.akastats")

    assert len(akastats("runs", "--json").json["items"]) == 1


def test_a_run_that_was_killed_becomes_crashed(akastats, spools, server):
    """A spool without its end, whose process is gone, is told as such."""
    spool(spools, TESTS, ended=False, destination={"server": server, "namespace": "AKA-STATS"})

    akastats("drain")

    (run,) = akastats("runs", "--url", server, "--json").json["items"]
    assert (run["status"], run["tests"]) == ("crashed", 2)


def test_a_run_that_goes_on_is_not_ended(akastats, spools, server):
    """What it has written is delivered, and it stays running."""
    alive = {"pid": os.getpid(), "pid_mark": detached.read_start_time(os.getpid())}
    spool(spools, TESTS, ended=False, destination={"server": server, "namespace": "AKA-STATS"}, **alive)

    (item,) = akastats("drain", "--json").json["items"]

    (run,) = akastats("runs", "--url", server, "--json").json["items"]
    assert (item["state"], run["status"]) == ("running", "running")


def test_one_dead_server_does_not_cost_the_others(akastats, spools, server):
    """What cannot be delivered is said, line by line; the rest goes."""
    spool(spools, TESTS, run_id="20231114T000000000-000001", destination={"server": "redis://127.0.0.1:1"})
    spool(spools, TESTS, run_id="20231114T000000000-000002", destination={"server": server})
    spools.joinpath("1-20231114T000000000-000003-1-00.aks").write_bytes(b"what is this\n")

    answer = akastats("drain")

    assert (answer.code, len(runs_at(server)), answer.err.count("\n")) == (1, 1, 2)
    assert "127.0.0.1:1" in answer.err
    assert "no run can be read" in answer.err


def test_fall_back_places_are_drained_too(akastats, project, server, monkeypatch):
    """Where the project could not be written the spools lie in the user's state directory."""
    from akastats.spool import directories

    state = directories.list_candidates(project / ".akastats", os.environ)
    elsewhere = list(state)[1]
    elsewhere.parent.parent.mkdir()
    spool(elsewhere, TESTS, destination={"server": server})

    akastats("drain")

    assert len(runs_at(server)) == 1


def test_a_list_that_nobody_can_make_keeps_no_other_server_waiting(capsys):
    """What stands there may be of a later release, or damaged in a way that nobody has thought of."""

    def execute(operation: object) -> None:
        raise IndexError("list index out of range")

    update_indexes(Config(), execute, ["20261128T210000000-000001"])

    assert "not updated: stored data is corrupt (IndexError: list index" in capsys.readouterr().err


def test_a_place_without_spools_is_said(akastats, project):
    """A mistyped directory is not `nothing waits`."""
    answer = akastats("drain", "nowhere")

    assert (answer.code, str(project / "nowhere") in answer.err) == (1, True)


def test_to_must_be_a_url(akastats):
    """A wrong destination is refused before anything is read."""
    answer = akastats("drain", "--to", "localhost")

    assert (answer.code, answer.err.startswith("akastats: --to")) == (1, True)


def test_a_server_in_another_directory_is_not_started_unasked(akastats, spools, project):
    """A spool may come with a repository and name any directory; the user says whether a server starts there."""
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
    """What waits elsewhere is delivered; the line says whose it is, and what to do."""
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
    """It may hold a run, which nobody can say who may not read it."""
    path = spool(spools, TESTS)
    os.chown(path, 12345, 12345)

    answer = akastats("doctor", AKA_STATS_REDIS_URL=server)

    assert "removed" not in answer.out
    assert f"cannot read a spool, which may contain a run: {path}" in answer.out
