"""Rows 33 to 38 and 41: what a disk does to a spool, and what others do to its directory."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.driver import Driver, Suite, Verdict
from tests.faults.table import Row, Rows

TESTS = """
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_each(number): assert number % 50 != 7
"""

NOWHERE = "redis://127.0.0.1:1"


def suite(tests: int = 60, conftest: str = "", **files: str) -> Suite:
    """Return a suite of so many tests, one of fifty failing."""
    return Suite({"conftest.py": conftest, "test_a.py": TESTS.format(tests=tests), **files})


@contextmanager
def small_disk(directory: Path, size: str, options: str = "") -> Iterator[Path]:
    """Mount a file system in memory of so much room; the case is skipped where that is not allowed."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}{options}", "none", str(directory)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be provoked here: {done.stderr.strip()}")
    try:
        yield directory
    finally:
        # A shipper may still be reading: let go as soon as nobody does.
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def told_lost(verdict: Verdict) -> int:
    """Return how many records the run said had no room."""
    found = re.search(r"(\d+) records did not fit into the spool \(No space left", verdict.recorded.output)
    return int(found[1]) if found else 0


def test_a_full_disk_is_left_for_the_next_place(driver: Driver, row: Rows, tmp_path: Path) -> None:
    """The spool goes on in the user's state directory, and its delivery with it."""
    with small_disk(tmp_path / "disk", "64k") as disk:
        verdict = driver.compare(suite(600), recorded=(f"--akastats-dir={disk}",))

    row("33", "spool on a disk of 64 KiB", verdict, warnings=0)


def test_a_disk_that_is_full_for_ever_costs_what_is_told(driver: Driver, row: Rows, tmp_path: Path) -> None:
    """With no room anywhere the tests run as ever, and what was lost is counted."""
    with small_disk(tmp_path / "disk", "64k") as disk:
        environment = {"HOME": str(disk), "TMPDIR": str(disk)}
        verdict = driver.compare(suite(600), recorded=(f"--akastats-dir={disk}",), environment=environment)

    # Failures and the run's end are records too.
    assert 0 < verdict.lost <= told_lost(verdict) <= verdict.lost + 20
    row(
        "33",
        "all directories on a disk of 64 KiB: the warning counts the lost records",
        verdict,
        lost=verdict.lost,
    )


MAKE_ROOM = """
def pytest_runtest_logfinish(nodeid):
    filler = pathlib.Path(os.environ["FILLER"])
    if nodeid.endswith("[500]") and filler.exists():
        filler.unlink()
"""


def test_a_disk_that_has_room_again_costs_nothing(driver: Driver, row: Rows, tmp_path: Path) -> None:
    """What waited in memory is written when it can be."""
    with small_disk(tmp_path / "disk", "512k") as disk:
        filler = disk / "filler"
        filler.write_bytes(bytes(460 * 1024))
        environment = {"HOME": str(disk), "TMPDIR": str(disk), "FILLER": str(filler)}
        verdict = driver.compare(
            Suite(suite(600, f"import os, pathlib\n{MAKE_ROOM}").files, environment={"FILLER": str(filler)}),
            recorded=(f"--akastats-dir={disk}",),
            environment=environment,
            provoke=lambda running: filler.write_bytes(bytes(460 * 1024)) and None,
        )

    row("33", "disk full for 500 tests, then free space", verdict, warnings=0)


LIMITED = """
import resource

LIMIT = resource.getrlimit(resource.RLIMIT_FSIZE)

def pytest_runtest_logstart(nodeid):
    if nodeid.endswith("[5]"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, LIMIT[1]))
    if nodeid.endswith("[85]"):
        resource.setrlimit(resource.RLIMIT_FSIZE, LIMIT)
"""


def test_a_limit_on_files_that_goes_costs_nothing(driver: Driver, row: Rows) -> None:
    """A line that the limit cut short is completed behind it."""
    verdict = driver.compare(suite(100, LIMITED))

    row("34", "RLIMIT_FSIZE of 16 kB for 80 of 100 tests", verdict, warnings=0)
    assert "damaged" not in verdict.drained


SPOOL_IS_A_LINK = """
import pathlib
pathlib.Path(".akastats").mkdir(exist_ok=True)
pathlib.Path(".akastats/spool").symlink_to("/", target_is_directory=True)
"""

PLACES = {
    ".akastats is a file": (suite(**{".akastats": ""}), {}),
    ".akastats is a file, no HOME": (suite(**{".akastats": ""}), {"HOME": None}),
    "the spool directory is a symbolic link": (suite(conftest=SPOOL_IS_A_LINK), {}),
    "umask 0777": (suite(conftest="import os\nos.umask(0o777)\n"), {}),
}


@pytest.mark.parametrize("what", PLACES)
def test_a_place_that_is_none_is_passed_over(driver: Driver, row: Rows, what: str) -> None:
    """The next candidate takes the spool; nobody is told, since nothing is lost."""
    chosen, environment = PLACES[what]

    verdict = driver.compare(chosen, environment=environment)

    row("35", what, verdict, warnings=0)


def test_a_read_only_root_directory_is_passed_over(driver: Driver, row: Rows, tmp_path: Path) -> None:
    """A file system that takes no files, for root either."""
    with small_disk(tmp_path / "disk", "64k", ",ro") as disk:
        verdict = driver.compare(suite(), recorded=(f"--akastats-dir={disk}",))

    row("35", "read-only file system", verdict, warnings=0)


OTHERS_OWN = """
import os, pathlib, tempfile
home = pathlib.Path(tempfile.gettempdir()) / f"akastats-{os.getuid()}"
home.mkdir(exist_ok=True)
home.chmod(0o777)
"""


def test_where_there_is_no_place_nothing_is_recorded_and_that_is_told(driver: Driver, row: Rows) -> None:
    """The last candidate is another user's: the tests run as ever, one line says why they are not recorded."""
    chosen = suite(conftest=OTHERS_OWN, **{".akastats": ""})

    verdict = driver.compare(chosen, environment={"HOME": None})

    assert "cannot write a spool in" in verdict.recorded.output
    row("35", "no HOME, temporary directory writable by others: a warning", verdict, lost=60)


REMOVED = """
import pathlib, shutil

def pytest_runtest_logfinish(nodeid):
    if nodeid.endswith("[30]"):
        shutil.rmtree(".akastats", ignore_errors=True)
"""


@pytest.mark.parametrize(
    "url", ["", pytest.param(NOWHERE, marks=pytest.mark.thorough)], ids=["delivered", "server down"]
)
def test_a_spool_directory_that_is_deleted_costs_nothing(driver: Driver, row: Rows, url: str) -> None:
    """What is still held open is copied to the next place, whether it was delivered by then or not."""
    verdict = driver.compare(suite(conftest=REMOVED), url=url, drain_to=driver.url)

    row("36", f"spool directory deleted{', server down' if url else ''}", verdict, warnings=1 if url else 0)


@pytest.mark.thorough
def test_a_damaged_spool_costs_its_damaged_records(driver: Driver, row: Rows) -> None:
    """One flipped byte, one test; the bytes are set aside; a spool of a later release is left where it is."""
    found: list[Path] = []

    def damage() -> None:
        (spool,) = (path for path in driver.home.rglob("*.aks"))
        content = spool.read_bytes()
        at = content.index(b'"test","test_a.py::test_each[20]"')
        spool.write_bytes(content[:at] + b"?" + content[at + 1 :] + b"\0" * 1000)
        later = spool.with_name(f"2{spool.name[1:]}")
        later.write_bytes(b"who knows")
        found.extend((spool.with_name(f"{spool.name}.bad"), later))

    verdict = driver.compare(suite(), url=NOWHERE, drain_to=driver.url, before_drain=damage)

    assert all(path.exists() for path in found)
    assert "2 damaged lines skipped" in verdict.drained
    assert "later release" in verdict.drained
    row("37", "one byte flipped, 1,000 zeros appended: only that test is lost", verdict, lost=1)


@pytest.mark.thorough
def test_many_drains_at_once_deliver_once(driver: Driver, row: Rows) -> None:
    """Six commands race over one spool."""

    def race() -> None:
        (home,) = driver.home.glob("ours*")
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _: driver.drain(home, driver.url), range(6)))

    verdict = driver.compare(suite(600), url=NOWHERE, drain_to=driver.url, before_drain=race)

    row("38", "six drains at once", verdict)


@pytest.mark.thorough
def test_drains_while_the_run_appends_deliver_once(driver: Driver, row: Rows) -> None:
    """A command drains what its shipper is delivering."""
    slow = "import time\n\ndef pytest_runtest_logfinish():\n    time.sleep(0.01)\n"

    def race(running: object) -> None:
        for home in driver.home.glob("ours*"):
            for _ in range(3):
                driver.drain(home, driver.url)

    row("38", "drains while the run appends", driver.compare(suite(300, slow), provoke=race), warnings=0)


@pytest.mark.thorough
def test_a_huge_backlog_is_streamed(row: Rows) -> None:
    """1,000 spools of 1,000 records arrive in the memory that the benchmark allows; rates need a quiet machine."""
    benchmark = Path(__file__).parents[2] / "benchmarks" / "backlog.py"
    done = subprocess.run(
        [sys.executable, benchmark, "--only", "backlog"], capture_output=True, text=True, check=False
    )

    beyond = [line for line in done.stdout.splitlines() if "beyond" in line and "records a second" not in line]
    assert "| tests delivered | 997,000.0 |" in done.stdout, done.stdout + done.stderr
    assert [] == beyond
    row.tell(Row("41", "1,000 spools of 1,000 records in 64 MiB", 997_000, 0, 0))


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_slow_disk_delays_and_loses_nothing(driver: Driver, row: Rows) -> None:
    """Each write of each file takes 50 ms: what a test's record costs is that, and all of them arrive."""
    under = ("strace", "-qq", "-o", "/dev/null", "-e", "inject=write:delay_enter=50000")

    row("40", "a disk that needs 50 ms per write", driver.compare(suite(20), under=under))
