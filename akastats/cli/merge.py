"""`akastats merge`: add the runs of other data directories, each exactly once."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from akastats import embedded, redis
from akastats.cli import output, spools, targets
from akastats.cli.drain import Execute, update_indexes
from akastats.cli.options import Directory, Json, Namespace, Url
from akastats.cli.targets import FOLDER
from akastats.config import Config
from akastats.delivery.draining import drain_one
from akastats.delivery.merging import Merged, merge
from akastats.embedded import append_only, clock_jumps, formats
from akastats.errors import AkastatsError, ConfigError
from akastats.store import keys, runs
from akastats.store.requests import send_read


@dataclass(frozen=True)
class Outcome:
    """Result of merging one directory.

    directory: The directory.
    merged: Numbers of runs and points added from its data.
    from_spools: Ids of the runs delivered from its spools.
    problem: Reason why nothing was added; empty otherwise.
    known_spools: Runs of `from_spools` that were complete before.
    """

    directory: Path
    merged: Merged = field(default_factory=Merged)
    from_spools: tuple[str, ...] = ()
    problem: str = ""
    known_spools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin:
    """Input of a merge.

    directory: Directory that the user passed.
    data: Directory with the data of a server, `None` if there is none.
    spools: Spool directories.
    """

    directory: Path
    data: Path | None
    spools: tuple[Path, ...]


def merge_directories(
    directories: Annotated[
        list[Path],
        typer.Argument(
            help="Other .akastats directories, or copies of them. They are not changed.",
            metavar="DIR",
        ),
    ],
    url: Url = "",
    namespace: Namespace = "",
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Add the runs of other .akastats directories.

    Each run is added exactly once. The order does not matter, and a merge can be repeated. A directory may be a
    copy made while its server was running, or data that was moved aside (.akastats/server/damaged-...) or copied
    (.akastats/server/before-clock-jump-...). Quarantine and acknowledgements are not merged.
    """
    origins = [origin_of(targets.here() / each) for each in directories]
    target = targets.from_options(url, namespace, directory)
    with targets.open_config(target, make=True) as config, redis.connect(config.redis_url) as client:

        def execute(operation: Any) -> Any:
            return redis.run(operation, client, client)

        outcomes = _merge_all(origins, config, execute)
    _report(outcomes, as_json)
    if any(outcome.problem for outcome in outcomes):
        raise typer.Exit(1)


def _merge_all(origins: Sequence[Origin], config: Config, execute: Execute) -> list[Outcome]:
    """Merge each origin, then update the indexes with all added runs."""
    with output.progress("merging") as advance:
        outcomes = [_merge(origin, config, execute, advance) for origin in origins]
    added = {run_id for outcome in outcomes for run_id in (*outcome.merged.run_ids, *outcome.from_spools)}
    update_indexes(config, execute, sorted(added))
    return outcomes


def origin_of(directory: Path) -> Origin:
    """Return the data and spools in a directory, its `server` or its `.akastats`.

    Raises `ConfigError` if the directory has neither.
    """
    homes = [
        home
        for home in (directory, directory / "server", directory / FOLDER / "server")
        if append_only.has_data(home)
    ]
    spool_directories = [each for each in (directory / "spool", directory / FOLDER / "spool") if each.is_dir()]
    if not homes and not spool_directories:
        raise ConfigError(f"no statistics found in {directory}: give an .akastats directory, or a copy of one")
    return Origin(directory, homes[0] if homes else None, tuple(spool_directories))


def _merge(origin: Origin, config: Config, execute: Execute, advance: Callable[[int], object]) -> Outcome:
    try:
        with ExitStack() as stack:
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aka-")))
            complete = _complete_runs(config, execute) if origin.spools else frozenset()
            from_spools = _deliver(origin, copy, config, execute)
            merged = Merged()
            if origin.data is not None:
                source = stack.enter_context(_serve(origin.data, copy / FOLDER))
                merged = merge(config, source, execute, advance)
            before = tuple(run_id for run_id in from_spools if run_id in complete)
            return Outcome(origin.directory, merged, from_spools, known_spools=before)
    except (AkastatsError, OSError) as error:
        return Outcome(origin.directory, problem=str(error))


def _complete_runs(config: Config, execute: Execute) -> frozenset[str]:
    """Return the ids of the stored runs that have ended."""
    ids = [
        runs.decode_member(member) for member in execute(send_read("ZRANGE", keys.runs(config.namespace), 0, -1))
    ]
    states = execute(runs.read_fields(config.namespace, ids, ("status",)))
    return frozenset(run_id for run_id, state in states.items() if state.get("status", "running") != "running")


def _deliver(origin: Origin, copy: Path, config: Config, execute: Execute) -> tuple[str, ...]:
    """Deliver copies of a directory's spools; return the ids of the completed runs."""
    delivered = []
    for number, source in enumerate(origin.spools):
        directory = copy / f"spools-{number}" / "spool"
        shutil.copytree(source, directory, symlinks=True)
        for spool in spools.list_spools([directory], is_named=True):
            if not spool.is_running:
                drained = drain_one(spool.path, config, execute, is_named=True)
                delivered += [drained.run_id] * drained.complete
    return tuple(delivered)


@contextmanager
def _serve(home: Path, directory: Path) -> Iterator[Execute]:
    """Serve a copy of the data in `home` while the block runs, because a server would change the original."""
    (directory / "server").mkdir(parents=True, mode=0o700)
    for data in (append_only.get_parts_directory(home), home / append_only.SINGLE, home / formats.RECORD):
        if data.is_dir():
            shutil.copytree(data, directory / "server" / data.name, symlinks=True)
        elif data.exists():
            shutil.copy2(data, directory / "server" / data.name, follow_symlinks=False)
    for path in directory.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)
    # Without this record the embedded server would copy old data again.
    clock_jumps.record(directory / "server", clock_jumps.read_system_clock())
    lease = embedded.use(directory, only_there=True)
    try:
        if lease.directory != directory:
            raise AkastatsError(lease.notice or f"the data in {home} cannot be served")
        if lease.notice:
            output.warn(f"{home}: {lease.notice}")
        with redis.connect(lease.url) as client:
            yield lambda operation: redis.run(operation, client, client)
    finally:
        # Release the server before the copy is deleted, because its keeper process may not have started yet.
        lease.end()


def _report(outcomes: Sequence[Outcome], as_json: bool) -> None:
    if as_json:
        output.write_json({"items": [_outcome_json(outcome) for outcome in outcomes]})
        return
    rows = [_row(outcome) for outcome in outcomes]
    output.table(
        ("directory", "runs added", "points", "known", "running"), rows, ("runs added", "points", "known")
    )
    for outcome in outcomes:
        if outcome.problem:
            output.warn(f"{outcome.directory}: {outcome.problem}")


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    merged = dataclasses.asdict(outcome.merged)
    ids = merged.pop("present_ids")
    names = {"known": len(ids), "known_ids": ids}
    return {**dataclasses.asdict(outcome), "directory": str(outcome.directory), "merged": {**merged, **names}}


def _row(outcome: Outcome) -> tuple[object, ...]:
    merged = outcome.merged
    added = {*merged.run_ids, *outcome.from_spools} - set(outcome.known_spools)
    stored_before = {*merged.present_ids, *outcome.known_spools} - added
    return (outcome.directory, len(added), merged.points, len(stored_before), merged.running)
