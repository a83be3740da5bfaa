"""Options shared by several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str,
    typer.Option(
        "--url",
        help="URL of the Redis or Valkey server; default: the server that pytest --akastats uses here.",
        metavar="URL",
    ),
]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace", help="Redis key prefix; default: AKA_STATS_NAMESPACE, else AKA-STATS.", metavar="NAME"
    ),
]
Directory = Annotated[
    Path | None,
    typer.Option("--dir", help="Use the embedded server of this .akastats directory.", metavar="DIR"),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout instead of text.")]
Suite = Annotated[str, typer.Option("--suite", help="Name of the suite, as recorded with --akastats-suite.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="Maximum number of rows.")]
