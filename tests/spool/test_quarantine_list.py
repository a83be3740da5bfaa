"""The quarantine list beside a spool: written for runs with quarantine, and removed with the spool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from akastats.config import Config
from akastats.delivery import draining
from akastats.local_time import LOCAL, get_end_of_day
from akastats.model.results import label
from akastats.shipper.__main__ import Shipper
from akastats.shipper.lifetime import Lifetime
from akastats.spool import quarantine_list
from akastats.spool import shipper_state as states
from akastats.spool.quarantine_list import Listed, path_for, read, write
from akastats.store import keys
from akastats.triage.quarantine_rules import QuarantinedTest, pack
from tests import delivered_runs
from tests.delivered_runs import spool

NAMESPACE = "AKA-STATS"
UNTIL = get_end_of_day("2099-12-24", LOCAL)


def put_in(client: Redis, nodeid: str, suite: str = "", until: float = UNTIL) -> None:
    """Store an entry of the quarantine."""
    name = label("test", nodeid, suite)
    client.hset(keys.quarantine(NAMESPACE), name, pack(QuarantinedTest(name, nodeid, suite, until, "hangs", 1.0)))


def ship(path: Path, url: str, **settings: Any) -> Listed | None:
    """Deliver a spool as its shipper does; return its quarantine list."""
    assert Shipper(path, Config(redis_url=url, **settings), Lifetime(path)).run()
    return read(path)


def test_a_run_with_quarantine_gets_the_list_of_its_suite(
    redis_client: Redis, server: str, tmp_path: Path
) -> None:
    """With last day and reason; without ended, protected and other suites' entries."""
    put_in(redis_client, "a.py::b[x::y]", "unit")
    put_in(redis_client, "a.py::over", "unit", until=1e9)
    put_in(redis_client, "pay/a.py::b", "unit")
    put_in(redis_client, "a.py::other")
    path = spool(tmp_path / "spool", [("a.py::b", "failed", 0.1)], suite="unit", quarantine=True)

    listed = ship(path, server, protected="pay")

    assert Listed({"a.py::b[x::y]": "until 2099-12-24: hangs"}) == listed
    assert 0o600 == path_for(path).stat().st_mode & 0o777


def test_a_run_without_quarantine_gets_no_list(redis_client: Redis, server: str, tmp_path: Path) -> None:
    """There is no file and no request."""
    redis_client.set(keys.quarantine(NAMESPACE), "whoever asks for a hash is refused")
    path = spool(tmp_path / "spool", [("a.py::b", "failed", 0.1)])

    redis_client.config_resetstat()

    assert None is ship(path, server)
    assert 0 == redis_client.info("commandstats").get("cmdstat_hgetall", {}).get("failed_calls", 0)


def test_the_list_is_written_before_the_run_is_delivered(redis_client: Redis, server: str, tmp_path: Path) -> None:
    """The tests wait for it."""
    put_in(redis_client, "a.py::b")
    path = spool(tmp_path / "spool", ended=False, quarantine=True)
    shipper = Shipper(path, Config(redis_url=server), Lifetime(path))
    seen: list[tuple[bool, int]] = []
    apply = shipper.delivery.apply
    shipper.delivery.apply = lambda: seen.append((read(path) is not None, redis_client.dbsize())) or apply()

    shipper.run()

    assert (True, 1) == seen[0]


def test_a_server_that_refuses_the_list_accepts_the_run(redis_client: Redis, server: str, tmp_path: Path) -> None:
    """The list contains the error."""
    redis_client.set(keys.quarantine(NAMESPACE), "somebody else's")
    path = spool(tmp_path / "spool", [("a.py::b", "failed", 0.1)], quarantine=True)

    listed = ship(path, server)

    assert listed is not None
    assert ({}, True) == (listed.tests, "WRONGTYPE" in listed.problem)
    assert states.DONE == states.read(path).phase


def test_without_names_of_zones_days_are_the_machine_s(redis_client: Redis, server: str, tmp_path: Path) -> None:
    """An extra installs the time zone database."""
    put_in(redis_client, "a.py::b")
    path = spool(tmp_path / "spool", quarantine=True)

    listed = ship(path, server, timezone="Not/There")

    assert Listed({"a.py::b": "until 2099-12-24: hangs"}) == listed


@pytest.mark.parametrize("content", ["", "{", "[]", '{"strange": 1}', "7"])
def test_an_invalid_list_is_ignored(content: str, tmp_path: Path) -> None:
    """As if the file did not exist."""
    path_for(tmp_path / "1-a.aks").write_text(content)

    assert None is read(tmp_path / "1-a.aks")


def test_it_is_written_to_every_directory_of_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project may no longer be writable."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = tmp_path / "gone" / "spool" / "1-a.aks"
    for home in states.homes(path_for(path))[1:]:
        home.parent.mkdir(parents=True, exist_ok=True)

    write(path, Listed({"a": "b"}))

    assert Listed({"a": "b"}) == read(path)


def test_it_is_removed_with_its_spool(tmp_path: Path) -> None:
    """Like the state file."""
    path = spool(tmp_path / "spool")
    write(path, Listed())

    draining.remove(path)

    assert [] == [each.name for each in (tmp_path / "spool").iterdir() if each.name.startswith("1-")]


def test_a_list_without_a_spool_is_removed_a_day_later(tmp_path: Path) -> None:
    """A user may have deleted the spool."""
    write(tmp_path / "1-a.aks", Listed())
    written = quarantine_list.path_for(tmp_path / "1-a.aks").stat().st_mtime

    exists = []
    for later in (draining.RETENTION_S - 1, draining.RETENTION_S + 1):
        draining.tidy(tmp_path, [], lambda later=later: written + later)
        exists.append(quarantine_list.path_for(tmp_path / "1-a.aks").exists())

    assert [True, False] == exists


@pytest.mark.parametrize(("asks", "expected"), [(True, "quarantined"), (False, "new")])
def test_the_run_is_analysed_with_its_quarantine(
    asks: bool, expected: str, redis_client: Redis, server: str, tmp_path: Path
) -> None:
    """Only if the run used quarantine; otherwise all failures count."""
    put_in(redis_client, "a.py::b")
    delivered_runs.deliver_run(server, tmp_path, [("a.py::b", "passed", 0.1)], branch="main")
    fields = {"run_id": "20231115T000000000-000002", "started": delivered_runs.STARTED + 1000, "branch": "main"}
    path = spool(
        tmp_path / "spool", [("a.py::b", "failed", 0.1)], **fields, **({"quarantine": True} if asks else {})
    )

    ship(path, server)

    assert {expected: 1} == states.read(path).answer.verdicts.labels
