"""Assemble the command line; an error is one line on stderr, never a traceback."""

from __future__ import annotations

import io
import os
import sys
import traceback
from pathlib import Path
from typing import TextIO, cast

import typer

from akastats import __version__
from akastats.cli import (
    doctor,
    drain,
    exports,
    imports,
    merge,
    output,
    profiler,
    quarantine,
    report,
    runs,
    serve,
    verdicts,
)
from akastats.errors import AkastatsError

FAILED, INTERRUPTED, BROKEN_PIPE = 1, 130, 141

app = typer.Typer(
    name="akastats",
    help="Show test-suite statistics that pytest --akastats has recorded.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    serve.serve,
    runs.runs,
    runs.show,
    runs.slowest,
    profiler.why,
    verdicts.flaky,
    verdicts.slower,
    verdicts.errors,
    report.report,
    drain.drain,
    doctor.doctor,
):
    app.command()(command)
# `import` is a keyword in Python; `plan`, `export` and `merge` have a different function name.
app.command("plan")(profiler.plan_run)
app.command("import")(imports.imports)
app.command("export")(exports.exports)
app.command("merge")(merge.merge_directories)
app.command()(quarantine.quarantine)


@app.callback(invoke_without_command=True)
def options(version: bool = typer.Option(False, "--version", help="Show the version and exit.")) -> None:
    """Show test-suite statistics that pytest --akastats has recorded."""
    if version:
        output.write_lines(f"akastats {__version__}")
        raise typer.Exit


def run() -> int:
    """Execute the command in `sys.argv` and return its exit code."""
    # A node id may contain characters that the terminal's encoding lacks.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Usage errors, tracebacks and logs quote untrusted text.
    sys.stderr = cast(TextIO, output.EscapingStream(sys.stderr))
    try:
        code = _execute()
        sys.stdout.flush()
    except BrokenPipeError:
        code = BROKEN_PIPE
    except OSError as error:
        # This happens if stdout is a file on a full disk.
        output.warn(str(error))
        code = FAILED
    else:
        return code
    _discard_buffer()
    return code


def _execute() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except AkastatsError as error:
        output.warn(str(error))
        return FAILED
    except UnicodeEncodeError as error:
        output.warn(f"{error.object[:200]!r} is not valid UTF-8")
        return FAILED
    except (OSError, MemoryError, ModuleNotFoundError):
        raise
    except Exception as error:  # noqa: BLE001 - corrupt stored data must not end in a traceback
        output.warn(_describe_unexpected(error))
        return FAILED
    return 0


def _describe_unexpected(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return (
        f"unexpected {type(error).__name__}: {str(error)[:300]}{where}. If another program writes here too, "
        "`akastats doctor` may show the cause; otherwise please report this as a bug."
    )


def _discard_buffer() -> None:
    """Redirect stdout to the null device, because the interpreter flushes the buffer when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
