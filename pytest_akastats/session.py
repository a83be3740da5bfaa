"""Record a session: open a spool, start the shipper beside it, end the run, write the summary."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from akastats import ci, detached
from akastats import config as configuration
from akastats.errors import ConfigError
from akastats.extensions import load_redactors
from akastats.formatting import escape_unprintable
from akastats.redact import Redactor, create_redactor
from akastats.spool import directories, recorded_runs
from akastats.spool.records import Destination, RunHeader
from akastats.spool.shipper_state import FAILED, State
from akastats.spool.writer import Writer, create
from pytest_akastats import clocks, nesting, summary
from pytest_akastats.budgets import BudgetMarkers
from pytest_akastats.fail_on import decide
from pytest_akastats.fixtures import PROBE
from pytest_akastats.import_times import ImportTimer
from pytest_akastats.internal_errors import describe_error
from pytest_akastats.machine_memory import read_machine_memory
from pytest_akastats.names import RecordedNames
from pytest_akastats.options import LONGEST_FIRST, Options, read_options
from pytest_akastats.probe import Probe, WorkerProbe
from pytest_akastats.recorder import Recorder
from pytest_akastats.traceback_style import DefaultStyle, is_default

if TYPE_CHECKING:
    from pytest_akastats.ordering import LongestFirst
    from pytest_akastats.quarantine import Quarantine


def register(config: pytest.Config, epoch: float, conftest_s: float) -> None:
    """Register the plugins of this process: the probe of a worker, or the session of the process that records.

    `epoch` is the wall time minus the performance counter when the plugin was imported, in seconds.
    `conftest_s` is the seconds in which pytest imported conftest files.
    """
    options = read_options(config)
    is_worker = hasattr(config, "workerinput")
    probe = (WorkerProbe if is_worker else Probe)(clocks.read_epoch(epoch))
    if is_worker:
        # Runs that the tests of a worker start are inside the controller's run.
        config.add_cleanup(nesting.enter(nesting.outer_run(os.environ) or "unknown"))
    plugins: dict[str, object] = {}
    quarantine = _create_quarantine(config, probe) if options.quarantine else None
    if quarantine is not None:
        plugins["akastats-quarantine"] = quarantine
    ordering = _create_ordering(config, probe) if options.is_longest_first else None
    if ordering is not None:
        plugins["akastats-order"] = ordering
    if not is_worker:
        plugins["akastats-session"] = Session(config, options, probe, quarantine, ordering)
    plugins["akastats-probe"] = probe
    if not is_default(config):
        plugins["akastats-traceback-style"] = DefaultStyle(probe.internal_errors)
    plugins["akastats-markers"] = BudgetMarkers(config, probe.internal_errors)
    # Register last, so that no plugin is registered after an error above.
    for name, plugin in plugins.items():
        config.pluginmanager.register(plugin, name)
    config.stash[PROBE] = probe
    try:
        probe.process.note_configuration(conftest_s)
        probe.garbage.start()
        config.add_cleanup(probe.garbage.stop)
        timer = config.stash.get(_IMPORT_TIMER, None)
        if timer is not None:
            probe.measure_imports(timer)
    except Exception as error:
        probe.internal_errors.note(error)
    _isolate_pushes(config, options)


_IMPORT_TIMER = pytest.StashKey[ImportTimer]()


def start_import_timer(config: pytest.Config) -> None:
    """Measure imports from now until the end of the session."""
    timer = config.stash[_IMPORT_TIMER] = ImportTimer()
    timer.start()
    config.add_cleanup(timer.stop)


def _isolate_pushes(config: pytest.Config, options: Options) -> None:
    """Set a separate namespace for the code under test, if it may use the server that stores the run."""
    if not (options.url or os.environ.get("AKA_STATS_REDIS_URL")):
        return
    try:
        settings = configuration.read_environment({**os.environ, **_list_variables(options)})
    except ConfigError:
        # The session reports this error when it begins.
        return
    config.add_cleanup(configuration.config.isolate_pushes(settings.namespace))


def _list_variables(options: Options) -> dict[str, str]:
    """Return the environment variables that the options override."""
    variables = {"AKA_STATS_REDIS_URL": options.url, "AKA_STATS_NAMESPACE": options.namespace}
    return {name: text for name, text in variables.items() if text}


def _create_quarantine(config: pytest.Config, probe: Probe) -> Quarantine | None:
    """Return the quarantine plugin of this process; `None` in a worker without a list."""
    # Import late, because runs without quarantine do not need it.
    from pytest_akastats.quarantine import WORKER_INPUT, ControllerQuarantine, Quarantine

    worker_input = getattr(config, "workerinput", None)
    if worker_input is None:
        return ControllerQuarantine(config, probe.internal_errors)
    if not worker_input.get(WORKER_INPUT):
        return None
    quarantine = Quarantine(config, probe.internal_errors)
    quarantine.begin(Path(worker_input[WORKER_INPUT]))
    return quarantine


def _create_ordering(config: pytest.Config, probe: Probe) -> LongestFirst | None:
    """Return the plugin that sorts the tests of this process; `None` in a worker without durations."""
    # Import late, because runs without this option do not need it.
    from pytest_akastats.ordering import WORKER_INPUT, ControllerLongestFirst, LongestFirst

    worker_input = getattr(config, "workerinput", None)
    if worker_input is None:
        return ControllerLongestFirst(config, probe.internal_errors)
    received = worker_input.get(WORKER_INPUT)
    return LongestFirst(probe.internal_errors, tuple(received)) if received else None


@dataclass(frozen=True)
class DestinationSettings:
    """Destination of a run.

    environment: environment variables for the shipper.
    recorded: server and namespace for the spool, without secrets.
    """

    environment: Mapping[str, str]
    recorded: Destination


def choose_destination(options: Options, environ: Mapping[str, str]) -> DestinationSettings:
    """Return the destination of the run; raise `pytest.UsageError` for an invalid URL or namespace."""
    variables = _list_variables(options)
    try:
        settings = configuration.read_environment({**environ, **variables})
    except ConfigError as error:
        raise pytest.UsageError(f"akastats: {error}") from None
    if options.url or environ.get("AKA_STATS_REDIS_URL"):
        server = configuration.remove_credentials(settings.redis_url)
        return DestinationSettings(variables, Destination(server, settings.namespace))
    embedded = {"AKA_STATS_EMBEDDED": str(options.directory)}
    return DestinationSettings(
        variables | embedded, Destination(f"embedded:{options.directory}", settings.namespace)
    )


class Session:
    """Begins and ends the recording, and writes the summary; a problem is one line of it."""

    def __init__(
        self,
        config: pytest.Config,
        options: Options,
        probe: Probe,
        quarantine: Quarantine | None = None,
        ordering: LongestFirst | None = None,
    ) -> None:
        self._config = config
        self._options = options
        self._probe = probe
        self._quarantine, self._ordering = quarantine, ordering
        self._destination = choose_destination(options, os.environ)
        # Keep references to the functions, because tests may patch `os`. A forked process has another pid and
        # writes no summary.
        self._getpid, self._pid, self._clock = os.getpid, os.getpid(), clocks.monotonic
        self._recorder: Recorder | None = None
        self._spool: Path | None = None
        self._problem = ""
        self._redact: Redactor | None = None
        self._names: RecordedNames | None = None
        self._unstarted = ""
        self._session: pytest.Session | None = None
        # Start of the session in epoch seconds.
        self._started = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        try:
            self._session, self._started = session, self._probe.wall()
            # pytest-xdist starts its workers in this hook, with the fields of the run that they need.
            if self._config.getoption("dist", "no") != "no":
                self._begin()
        except Exception as error:
            self._problem = self._problem or describe_error(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        # Start here, because commands that only show something also start a session.
        try:
            if self._recorder is None and not self._problem:
                self._begin()
        except Exception as error:
            self._problem = self._problem or describe_error(error)

    def _begin(self) -> None:
        patterns = (*configuration.read_environment(os.environ).redact.splitlines(), *self._options.redact)
        self._redact = redact = create_redactor(os.environ, patterns, load_redactors())
        self._names = names = RecordedNames(redact.name, lambda: getattr(self._session, "items", ()))
        started = self._started
        run_id = new_run_id(started)
        writer = create(directories.list_candidates(self._options.directory, os.environ), run_id)
        is_grouped = self._config.getoption("dist", "no") == "loadgroup"
        recorder = Recorder(
            writer, self._probe, redact, names, is_grouped, str(self._config.invocation_params.dir)
        )
        header = self._make_header(run_id, writer, redact)
        recorder.begin(header)
        recorded_runs.write(writer.path, recorded_runs.make_recorded_run(header, str(self._config.rootpath)))
        self._config.add_cleanup(nesting.enter(run_id))
        self._config.pluginmanager.register(recorder, "akastats-recorder")
        self._recorder, self._spool = recorder, writer.path
        try:
            detached.start("akastats.shipper", str(writer.path), environment=self._environment(started))
            if self._quarantine is not None:
                self._quarantine.begin(writer.path, names)
            if self._ordering is not None:
                self._ordering.begin(writer.path)
        except Exception as error:
            self._unstarted = describe_error(error)

    def _environment(self, started: float) -> dict[str, str]:
        """Return the shipper's input besides its spool: destination, directory and start of the run."""
        started_in, root = str(self._config.invocation_params.dir), str(self._config.rootpath)
        return {
            **self._destination.environment,
            "AKA_STATS_STARTED_IN": started_in,
            "AKA_STATS_ROOT": root,
            "AKA_STATS_STARTED_AT": repr(started),
        }

    def _make_header(self, run_id: str, writer: Writer, redact: Redactor) -> RunHeader:
        config = self._config
        host = os.uname() if hasattr(os, "uname") else None
        header = RunHeader(
            id=run_id,
            started=self._started,
            suite=self._options.suite,
            host=host.nodename if host else "",
            platform=f"{sys.platform}-{host.machine}" if host else sys.platform,
            python=sys.version.split()[0],
            pytest=pytest.__version__,
            cpu_count=os.cpu_count(),
            machine_memory=read_machine_memory(),
            workers=_count_workers(config),
            dist=config.getoption("dist", "no"),
            ungrouped=True,
            budgets=self._options.budgets or None,
            argv=redact(" ".join(map(str, config.invocation_params.args)))[:2000],
            quarantine=True if self._quarantine is not None else None,
            order=LONGEST_FIRST if self._ordering is not None else None,
            nested=True if nesting.outer_run(os.environ) else None,
            destination=self._destination.recorded,
            pid=os.getpid(),
            pid_mark=detached.read_start_time(os.getpid()),
            process_space=detached.get_pid_namespace(),
            locked=writer.is_locked,
            producer=writer.producer,
        )
        return _add_code(header, self._describe_code(redact))

    def _describe_code(self, redact: Callable[[str], str]) -> dict[str, str]:
        """Return the known fields of branch, commit and build; empty after an error."""
        try:
            code = ci.describe_code(os.environ, self._config.rootpath, self._options.base)
            return {name: redact(text) for name, text in code.items()}
        except Exception as error:
            self._problem = describe_error(error)
            return {}

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> Iterator[None]:
        # Use a wrapper, because pluggy calls no further plugin after one whose `pytest_sessionfinish` raises.
        yield
        try:
            if self._recorder is not None:
                self._recorder.finish(int(exitstatus))
        except Exception as error:
            self._probe.internal_errors.note(error)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        try:
            if self._getpid() == self._pid and (self._recorder is not None or self._problem):
                self._write_summary(terminalreporter)
        except Exception as error:
            self._write_error(terminalreporter, error)

    def _write_error(self, reporter: pytest.TerminalReporter, error: Exception) -> None:
        """Write the error instead of the summary; the result of the tests does not change."""
        try:
            reporter.write_line(f"akastats: {escape_unprintable(describe_error(error))}")
        except Exception:
            pass

    def _write_summary(self, reporter: pytest.TerminalReporter) -> None:
        loss = self._recorder.loss if self._recorder else ""
        problem = self._problem or self._probe.internal_errors.message or loss
        state = self._wait(reporter) if self._spool else None
        try:
            for line in summary.format_summary(state, problem, self._spool, self._config.get_verbosity()):
                reporter.write_line(line)
        finally:
            # Apply `--akastats-fail-on` even if the summary cannot be written.
            self._decide(reporter, state, problem)
        if self._recorder is not None and self._recorder.marker_problem:
            reporter.write_line(f"akastats: {escape_unprintable(self._recorder.marker_problem)}")
        if self._names is not None and self._names.notice:
            reporter.write_line(f"akastats: {self._names.notice}")
        if not problem and self._redact is not None and self._redact.warning:
            reporter.write_line(f"akastats: {escape_unprintable(self._redact.warning)}")

    def _decide(self, reporter: pytest.TerminalReporter, state: State | None, problem: str) -> None:
        """Set the exit code of the run by its verdicts, for `--akastats-fail-on`."""
        session = self._session
        if session is None or not self._options.fail_on:
            return
        answer = state.answer if state is not None else None
        was_stopped = bool(session.shouldfail or session.shouldstop)
        # Without the list all failures count, although the verdicts label some as quarantined.
        obstacle = problem or (self._quarantine.problem if self._quarantine else "")
        decision = decide(self._options.fail_on, int(session.exitstatus), answer, was_stopped, obstacle)
        session.exitstatus = decision.exit_code
        if decision.reason:
            reporter.write_line(f"akastats: {escape_unprintable(decision.reason)}")

    def _wait(self, reporter: pytest.TerminalReporter) -> State | None:
        def show(progress: str) -> None:
            # On a terminal, the line is overwritten and finally erased; a log gets no progress line.
            if reporter.isatty:
                reporter.rewrite(progress, erase=True)

        if self._unstarted:
            message = f"{self._unstarted}; the next run or `akastats drain` delivers it"
            return State(phase=FAILED, message=message)
        assert self._spool is not None
        state = None
        try:
            state = summary.wait(self._spool, self._options.wait_s, self._clock, show)
        except KeyboardInterrupt:
            # The run has ended, so its result does not change; the shipper continues by itself.
            pass
        show("")
        return state


def new_run_id(started: float) -> str:
    """Return an id that sorts by time: UTC to the millisecond, then a random suffix."""
    moment = clocks.strftime("%Y%m%dT%H%M%S", clocks.gmtime(started))
    return f"{moment}{int(started * 1000) % 1000:03d}-{secrets.token_hex(3)}"


def _add_code(header: RunHeader, code: Mapping[str, str]) -> RunHeader:
    """Return the header with the fields of branch, commit and build."""
    return header._replace(
        branch=code.get("branch"),
        commit=code.get("commit"),
        base=code.get("base"),
        pull_request=code.get("pull_request"),
        default_branch=code.get("default_branch"),
        provider=code.get("provider"),
        build_id=code.get("build_id"),
        build_url=code.get("build_url"),
        job=code.get("job"),
        attempt=code.get("attempt"),
    )


def _count_workers(config: pytest.Config) -> int:
    if config.getoption("dist", "no") == "no":
        return 0
    return len(config.getoption("tx", None) or [])
