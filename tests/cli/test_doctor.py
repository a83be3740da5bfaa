"""`akastats doctor`: the state of server, spools and installation, and their problems."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
from pathlib import Path

import pytest

from akastats import detached, push_stat
from akastats.cli.doctor import notes_of, problems_of
from akastats.cli.spools import read_spool
from akastats.store import keys
from akastats.store.keys import LABEL_TTL_S
from akastats.store.server import Health
from akastats.sync_stats import available_stats
from tests.delivered_runs import deliver, spool

WELL = Health("valkey", "9.1.0", "aof", "noeviction", 0, 1_000_000, write_error=False)


def test_a_healthy_server_has_no_problems():
    """An append-only server without eviction has no problems and no notes."""
    assert problems_of(WELL) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"persistence": "none"}, "no persistence"),
        ({"eviction": "allkeys-lru", "max_memory": 10**8}, "allkeys-lru"),
        ({"version": "6.0.16"}, "6.2"),
        ({"write_error": True}, "failed to write"),
    ],
)
def test_what_may_lose_statistics_is_a_problem(change, word):
    """Each setting that can lose data is a separate problem."""
    (problem,) = problems_of(dataclasses.replace(WELL, **change))

    assert word in problem


def test_eviction_without_a_limit_is_no_problem():
    """A policy without a memory limit never evicts."""
    assert problems_of(dataclasses.replace(WELL, eviction="allkeys-lru")) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://localhost:6379", []),
        ("redis://127.0.0.1", []),
        ("redis://[::1]:6379/0", []),
        ("unix:///run/redis.sock", []),
        ("rediss://me:secret@redis.example", []),
        ("redis://:secret@redis.example", ["not encrypted"]),
        ("rediss://redis.example", ["no password"]),
        ("redis://10.0.0.7:6379", ["not encrypted", "no password"]),
    ],
)
def test_an_open_way_to_another_machine_is_noted(url, words):
    """A remote server without TLS or without a password is noted; on one machine neither matters."""
    notes = notes_of(url, WELL)

    assert [True] * len(words) == [word in note for word, note in zip(words, notes, strict=True)]
    assert not [note for note in notes if "secret" in note]


@pytest.mark.parametrize(
    ("kind", "version", "fixed"),
    [
        ("redis", "6.2.19", "6.2.20"),
        ("redis", "6.2.20", ""),
        ("redis", "7.0.15", "7.2.11"),
        ("redis", "7.4.8", "7.4.9"),
        ("redis", "8.8.0", ""),
        ("valkey", "7.2.12", "7.2.13"),
        ("valkey", "8.1.10", ""),
        ("valkey", "9.1.2", ""),
    ],
)
def test_a_vulnerable_version_is_noted(kind, version, fixed):
    """The note names the first fixed version of the release line."""
    notes = notes_of("redis://localhost", dataclasses.replace(WELL, kind=kind, version=version))

    assert [f"upgrade to {fixed} or later"] * bool(fixed) == [note.split(": ")[1].split(",")[0] for note in notes]


def test_an_evicting_server_is_a_problem(akastats, server, redis_client):
    """It loses evicted keys, and an evicted cursor can cause a second delivery."""
    redis_client.config_set("maxmemory", "500mb")
    redis_client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        answer = akastats("doctor", "--url", server, "--json")
    finally:
        redis_client.config_set("maxmemory", "0")
        redis_client.config_set("maxmemory-policy", "noeviction")

    assert 1 == answer.code
    assert any("allkeys-lru" in problem for problem in answer.json["problems"])


def test_it_reports_kind_version_and_persistence_of_the_server(akastats, server):
    """The tests' server has no persistence, which is the only problem."""
    answer = akastats("doctor", "--url", server, "--json")

    report = answer.json
    assert (answer.code, report["source"], report["server"]["kind"]) == (1, "--url", "valkey")
    assert (report["server"]["persistence"], report["server"]["eviction"]) == ("none", "noeviction")
    assert any("no persistence" in problem for problem in report["problems"])
    assert any("valkey-server" in program for program in report["binaries"])


def test_an_embedded_server_is_well(akastats, project):
    """An embedded server with one delivered run has no problems."""
    header = {"started": time.time() - 60, "destination": {"server": f"embedded:{project / '.akastats'}"}}
    spool(project / ".akastats" / "spool", **header)
    akastats("drain")

    answer = akastats("doctor")

    assert (answer.code, "no problems" in answer.out, "1 delivered" in answer.out) == (0, True, True)


def test_before_the_first_run_nothing_is_wrong_or_made(akastats, project):
    """The output reports an empty project, and no server is started."""
    answer = akastats("doctor")

    assert (answer.code, "no statistics found" in answer.out) == (0, True)
    assert not (project / ".akastats").exists()


def test_each_spool_has_its_state(akastats, project, server):
    """Delivered, in progress, waiting, of another user, unreadable: each has its own word."""
    spools = project / ".akastats" / "spool"
    ours = {"destination": {"server": server.replace("unix://", "unix:"), "namespace": "AKA-STATS"}}
    alive = {"pid": os.getpid(), "pid_mark": detached.read_start_time(os.getpid())}
    deliver(spool(spools, run_id="20231114T000000000-000001", **ours), server)
    spool(spools, run_id="20231114T000000000-000002", ended=False, **alive, **ours)
    spool(spools, run_id="20231114T000000000-000003", **ours)
    spool(spools, run_id="20231114T000000000-000004", destination={"server": "redis://elsewhere"})
    spools.joinpath("1-20231114T000000000-000005-1-00.aks").touch()

    report = akastats("doctor", "--url", server, "--json").json

    states = {Path(one["path"]).name[20:27]: one["state"] for one in report["spools"]}
    assert list(states.values())[::-1] == ["delivered", "running", "waits", "unknown", "unreadable"]
    assert any("1 undelivered spools" in problem for problem in report["problems"])


def test_a_delivered_run_that_was_evicted_does_not_wait(akastats, project, server, redis_client):
    """Its cursor shows that it was delivered; a partly delivered run still waits."""
    spools = project / ".akastats" / "spool"
    ours = {"destination": {"server": server, "namespace": "AKA-STATS"}, "started": time.time() - 60}
    for number in (1, 2):
        run_id = f"20231114T000000000-00000{number}"
        path = spool(spools, [("a.py::t", "passed", 0.1)], run_id=run_id, **ours)
        deliver(path, server)
        assert redis_client.delete(keys.run("AKA-STATS", run_id))
    assert redis_client.set(keys.cursor("AKA-STATS", read_spool(path).producer), "2:1", xx=True)

    report = akastats("doctor", "--url", server, "--json").json

    assert ["waits", "delivered"] == [one["state"] for one in report["spools"]]


def test_the_directory_really_used_is_named(akastats, project):
    """Data in a tracked `.akastats` is not served; another directory is used, and its damaged data is listed."""
    (project / ".akastats").mkdir()
    (project / ".akastats" / "file").touch()
    for arguments in (["init", "-q"], ["add", "-f", ".akastats"]):
        subprocess.run(["git", *arguments], cwd=project, check=True)
    akastats("runs")
    (home,) = (project / "state" / "akastats").glob("*/server")
    (home / "damaged-1").mkdir()

    answer = akastats("doctor", "--json")

    assert str(home.parent) == answer.json["where"]
    assert f"`akastats merge {home}/damaged-1`" in "".join(answer.json["notes"])


def test_a_server_that_is_away_is_a_problem(akastats):
    """`doctor` reports an unreachable server instead of failing."""
    answer = akastats("doctor", "--url=redis://me:secret@127.0.0.1:1")

    assert (answer.code, answer.err) == (1, "")
    assert "Cannot connect to Redis at redis://127.0.0.1:1" in answer.out
    assert "secret" not in answer.out


def test_a_program_that_is_none_is_named(akastats, tmp_path):
    """A configured server program that cannot run is reported with its variable."""
    answer = akastats("doctor", AKA_STATS_SERVER_BINARY=str(tmp_path / "nothing"))

    assert (answer.code, "AKA_STATS_SERVER_BINARY" in answer.out) == (1, True)


def test_reindex_adds_labels_that_are_missing_from_the_index(akastats, server, redis_client):
    """`--reindex` adds each label of the namespace that has a history, with any characters."""
    push_stat("a[1]*", 1)
    push_stat("b", 1)
    push_stat("b", 1, prefix="AKA-STATS2")
    redis_client.lpush("AKA-STATS::HISTORY::old writer's", "1.0;2.0")
    redis_client.set("AKA-STATS::HISTORY::no list", "x")
    redis_client.delete("AKA-STATS::INDEX", "AKA-STATS::SEEN")

    answer = akastats("doctor", "--reindex", "--url", server, "--json")
    again = akastats("doctor", "--reindex", "--url", server)

    assert answer.json["labels_added"] == 3
    assert "0 added to the index" in again.out
    assert list(available_stats()) == ["a[1]*", "b", "old writer's"]
    assert redis_client.zcard("AKA-STATS::SEEN") == 3, (
        "labels without a last report would stay in the index for ever"
    )
    assert 0 < redis_client.ttl("AKA-STATS::INDEX") <= LABEL_TTL_S


@pytest.mark.parametrize(("change", "says"), [({"evicted_keys": 12}, "has evicted 12 keys"), ({}, "")])
def test_keys_that_were_dropped_are_counted(change, says):
    """Evictions are reported, whatever the policy is now."""
    problems = problems_of(dataclasses.replace(WELL, **change))

    assert [says in problem for problem in problems] == [True] * len(change)
