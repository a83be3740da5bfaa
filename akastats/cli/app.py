"""The command put together, and what becomes of its errors: one line on stderr, never a traceback."""

from __future__ import annotations

import io
import os
import sys
import traceback
from pathlib import Path
from typing import TextIO, cast

import typer

from akastats import __version__
from akastats.cli import doctor, drain, exports, imports, merge, output, quarantine, report, runs, serve, verdicts
from akastats.errors import AkastatsError

WRONG, INTERRUPTED, BROKEN_PIPE = 1, 130, 141

app = typer.Typer(
    name="akastats",
    help="Test-suite statistics: what pytest --akastats has recorded.",
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
    verdicts.flaky,
    verdicts.slower,
    verdicts.errors,
    report.report,
    drain.drain,
    doctor.doctor,
):
    app.command()(command)
# A keyword of Python, and its counterpart.
app.command("import")(imports.imports)
app.command("export")(exports.exports)
app.command("merge")(merge.merge_directories)
app.command()(quarantine.quarantine)


@app.callback(invoke_without_command=True)
def options(version: bool = typer.Option(False, "--version", help="Show the version.")) -> None:
    """Test-suite statistics: what pytest --akastats has recorded."""
    if version:
        output.say(f"akastats {__version__}")
        raise typer.Exit


def run() -> int:
    """Carry out the command that `sys.argv` names and return its exit code."""
    # A node id may hold what this terminal's encoding has not.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Wrong options, tracebacks and logs quote what they were given.
    sys.stderr = cast(TextIO, output.Escaping(sys.stderr))
    try:
        code = _code()
        sys.stdout.flush()
    except BrokenPipeError:
        code = BROKEN_PIPE
    except OSError as error:
        # A full disk behind stdout, most of all.
        output.warn(str(error))
        code = WRONG
    else:
        return code
    _silence()
    return code


def _code() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except AkastatsError as error:
        output.warn(str(error))
        return WRONG
    except UnicodeEncodeError as error:
        output.warn(f"{error.object[:200]!r} is no UTF-8")
        return WRONG
    except (OSError, MemoryError, ModuleNotFoundError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever another program stored, a command ends with a line
        output.warn(_unexpected(error))
        return WRONG
    return 0


def _unexpected(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return (
        f"unexpected {type(error).__name__}: {str(error)[:300]}{where}. If another program writes here too, "
        "`akastats doctor` may show the cause; otherwise please report this as a bug."
    )


def _silence() -> None:
    """Let what is still buffered go nowhere: the interpreter flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
