"""A manifest made from the parts that a copy of a live directory holds."""

from __future__ import annotations

import shutil

import pytest
import redis

from akastats.embedded import append_only
from akastats.embedded.append_only import Part
from conftest import eventually

SNAPSHOT = b"VALKEY080\xff" + b"\0" * 8


def base(seq):
    return Part(seq, f"appendonly.aof.{seq}.base.rdb", "b")


def incr(seq):
    return Part(seq, f"appendonly.aof.{seq}.incr.aof", "i")


def old(part):
    return Part(part.seq, part.name, "h")


@pytest.mark.parametrize(
    ("listed", "present", "log"),
    [
        pytest.param([base(1), incr(1)], [base(1), incr(1)], [base(1), incr(1)], id="as it is"),
        pytest.param(
            [base(1), incr(1)], [base(1), incr(1), incr(2)], [base(1), incr(1), incr(2)], id="begun since"
        ),
        pytest.param([base(1), incr(1)], [base(2), incr(2)], [base(2), incr(2)], id="finished since"),
        pytest.param([base(1), incr(1)], [base(2), incr(1), incr(2)], [base(2), incr(2)], id="old increment left"),
        pytest.param(
            [base(1), incr(1), incr(2)], [base(2), incr(1), incr(2)], [base(2), incr(2)], id="finished meanwhile"
        ),
        pytest.param([base(1), incr(1)], [base(3), incr(3)], [base(3), incr(3)], id="two rewrites since"),
        pytest.param(
            [base(2), incr(2), old(base(1)), old(incr(1))],
            [base(1), incr(1), incr(2)],
            [base(1), incr(1), incr(2)],
            id="new base not copied",
        ),
        pytest.param([base(2), incr(2)], [base(1), incr(2)], [], id="an increment is missing"),
        pytest.param([base(1), incr(1)], [base(2), incr(1)], [base(2)], id="the new increment is missing"),
        pytest.param(None, [base(4), incr(4)], [base(4), incr(4)], id="no manifest"),
        pytest.param(None, [base(4), incr(5)], [base(4), incr(5)], id="no manifest, a rewrite had failed"),
        pytest.param(None, [incr(4)], [], id="no base"),
        pytest.param(
            [base(1), incr(1), incr(2)],
            [base(1), base(2), incr(1), incr(2)],
            [base(1), incr(1), incr(2)],
            id="a base that no manifest names is not preferred",
        ),
    ],
)
def test_the_newest_complete_log_is_selected(listed, present, log):
    """Files that were copied at different moments make a log if one base and all increments since are there."""
    assert append_only.select_log(listed, present) == log


def test_a_manifest_that_fits_is_left_alone(tmp_path):
    """Nothing is written, and the notice is empty."""
    folder = write(tmp_path, [base(1)], [incr(1)], manifest=[base(1), incr(1)])
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    assert append_only.repair_manifest(tmp_path) == ""
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_snapshot_that_is_cut_short_is_no_base(tmp_path):
    """A copy of a base file that was being written is passed over for the one before it."""
    folder = write(tmp_path, [base(1), base(2)], [incr(1), incr(2)], manifest=[base(2), incr(2)])
    (folder / base(2).name).write_bytes(SNAPSHOT[:-9])

    assert "manifest lists 3 files" in append_only.repair_manifest(tmp_path)
    assert append_only.read_manifest(folder) == [base(1), incr(1), incr(2)]


def test_files_that_make_no_log_stay_as_they_are(tmp_path):
    """The server reports missing files itself."""
    folder = write(tmp_path, [], [incr(1), incr(3)], manifest=[base(1), incr(1)])

    assert append_only.repair_manifest(tmp_path) == ""
    assert append_only.read_manifest(folder) == [base(1), incr(1)]


def write(home, bases, increments, manifest):
    folder = append_only.get_parts_directory(home)
    folder.mkdir()
    for part in bases:
        (folder / part.name).write_bytes(SNAPSHOT)
    for part in increments:
        (folder / part.name).write_bytes(b"")
    text = "".join(f"file {part.name} seq {part.seq} type {part.kind}\n" for part in manifest)
    (folder / append_only.MANIFEST).write_text(text)
    return folder


@pytest.mark.parametrize("early", ["manifest", "files"])
def test_a_copy_made_during_a_rewrite_holds_all(use, directory, project, early):
    """One half of a copy is of before the rewrite, the other of behind it: all keys are served."""
    parts, copy = directory / "server" / "appendonlydir", project / "copy" / ".akastats"
    with redis.Redis.from_url(use().url) as client:
        client.mset({f"key{number}": number for number in range(100)})
        # Kept, as the copy would have read them in time.
        before = project / "before"
        shutil.copytree(parts, before)
        client.bgrewriteaof()
        eventually(lambda: not list(parts.glob("*.1.base.rdb")))
        client.set("last", "value")
    shutil.copytree(parts, copy / "server" / "appendonlydir")
    target = copy / "server" / "appendonlydir"
    if early == "manifest":
        shutil.copy(before / append_only.MANIFEST, target)
    else:
        (target / "appendonly.aof.2.base.rdb").unlink()
        for file in before.glob("*.1.*"):
            shutil.copy(file, target)

    lease = use(copy)

    with redis.Redis.from_url(lease.url) as client:
        assert (client.dbsize(), client.get("last")) == (101, b"value")
    assert "A new manifest lists" in lease.notice
    assert "damaged" not in lease.notice
