"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str,
    typer.Option("--url", help="Redis or Valkey to ask; default: as pytest --akastats finds it.", metavar="URL"),
]
Namespace = Annotated[str, typer.Option("--namespace", help="What every key begins with.", metavar="NAME")]
Directory = Annotated[
    Path | None,
    typer.Option("--dir", help="The .akastats directory whose embedded server is used.", metavar="DIR"),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, and nothing else.")]
Suite = Annotated[str, typer.Option("--suite", help="The name of the job, if it was recorded with one.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")]
