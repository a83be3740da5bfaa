"""The newest runs as one plain page: nothing to install, nothing to run in the browser."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from string import Template
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from akastats import __version__
from akastats.config import config
from akastats.errors import AkastatsError
from akastats.local_time import moment, zone
from akastats.reading import runs
from akastats.reading.runs import Run
from akastats.redis import async_redis
from akastats.visible import seconds, visible

router = APIRouter(include_in_schema=False)

RUNS = 50
COMMIT_WIDTH = 10

# Nothing of the page is fetched or executed, whatever a branch or a node id holds.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>akastats: runs</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 70rem; padding: 0 1rem }
div { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; white-space: nowrap }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
.number { text-align: right; font-variant-numeric: tabular-nums }
</style>
</head>
<body>
<header><h1>Runs</h1></header>
<main>
$main
</main>
<footer><p>akastats $version:
<a href="api/v1/runs">runs as JSON</a>, <a href="api/v1/health">health</a>,
<a href="openapi.json">the API's description</a></p></footer>
</body>
</html>
""")

_TABLE = Template("""\
<div>
<table>
<thead><tr><th scope="col">run</th><th scope="col">status</th><th scope="col">branch</th>
<th scope="col">commit</th><th scope="col">suite</th><th scope="col" class="number">tests</th>
<th scope="col" class="number">failed</th><th scope="col" class="number">errors</th>
<th scope="col" class="number">duration</th><th scope="col">when</th></tr></thead>
<tbody>
$rows
</tbody>
</table>
</div>""")

_EMPTY = """\
<p>No run is recorded here yet. Record one with</p>
<pre><code>pytest --akastats</code></pre>
<p>in a project that this server belongs to, then load this page again.</p>"""


@router.get("/", response_class=HTMLResponse)
async def get_page() -> HTMLResponse:
    """Answer the newest runs, or in words why there are none."""
    try:
        found = await async_redis.run(runs.page(config.namespace, {}, size=RUNS))
        return _answer(table(found.items, zone(config.timezone)))
    except AkastatsError as error:
        return _answer(f"<p>{_safe(str(error))}</p>", status=503)


def _answer(main: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.substitute(main=main, version=__version__), status, HEADERS)


def table(items: Iterable[Run], where: ZoneInfo) -> str:
    """Return runs as HTML, or what to do when there are none."""
    rows = "\n".join(_row(run, where) for run in items)
    return _TABLE.substitute(rows=rows) if rows else _EMPTY


def _row(run: Run, where: ZoneInfo) -> str:
    address = f"api/v1/runs/{quote(run.id, safe='')}"
    words = (run.status, run.branch, (run.commit or "")[:COMMIT_WIDTH], run.suite)
    numbers = (run.tests, run.failed, run.errors, None if run.duration is None else seconds(run.duration))
    cells = [f'<td><a href="{address}">{_safe(run.id)}</a></td>']
    cells += [f"<td>{_safe(word)}</td>" for word in words]
    cells += [f'<td class="number">{_safe(number)}</td>' for number in numbers]
    cells.append(f"<td>{_safe(moment(run.started, where))}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _safe(value: object) -> str:
    """Return a value as text that is shown as itself, empty for an absent one."""
    return "" if value is None else escape(visible(str(value)))
