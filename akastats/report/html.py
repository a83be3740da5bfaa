"""A report as one HTML file, without scripts or requests, in the light or dark colours of the system."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape

from akastats.formatting import escape_unprintable
from akastats.report.document import Code, Document, Item, Line, Link, Section, cut

#: Maximum number of characters of a node id or a message.
MAX_CODE = 2_000

STYLE = """
:root { color-scheme: light dark; --ink: #1c1f24; --soft: #59626d; --line: #d5dae0; --back: #ffffff;
  --code: #f1f3f6; --good: #1a7f3c; --bad: #b42318; --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #9aa4af; --line: #363d46; --back: #15181c;
  --code: #22272e; --good: #4cc472; --bad: #ff8a7d; --link: #79b8ff; } }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; border-left: .4rem solid var(--soft); padding-left: .8rem; }
h1.passed { border-color: var(--good); }
h1.failed { border-color: var(--bad); }
h2 { font-size: 1.15rem; margin: 2rem 0 .3rem; border-bottom: 1px solid var(--line); }
p { margin: .2rem 0; }
.note, h2 span { color: var(--soft); font-weight: normal; }
ul { margin: .5rem 0; padding-left: 1.3rem; }
li { margin: .2rem 0; }
code { background: var(--code); border-radius: .25rem; padding: .1rem .3rem; font-size: .88em;
  overflow-wrap: anywhere; white-space: pre-wrap; unicode-bidi: isolate; }
a { color: var(--link); }
"""
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
#: Content security policy. Even if untrusted text were not escaped, it could not load, run or style anything.
POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"

_BAD = ("failed", "crashed", "interrupted")


def render_html(document: Document) -> str:
    """Return a report as the text of an HTML file, with all its entries."""
    body = "\n".join(_body(document))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{_text("".join(_plain(piece) for piece in document.title))}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _body(document: Document) -> Iterator[str]:
    tone = "failed" if document.status in _BAD else "passed" if document.status == "passed" else "other"
    yield f'<h1 class="{tone}">{_line(document.title)}</h1>'
    yield from (f"<p>{_line(fact)}</p>" for fact in document.facts)
    yield from (f'<p class="note">{_line(note)}</p>' for note in document.notes)
    for section in (*document.sections, *document.more):
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield f"<section>\n<h2>{_text(section.title)} <span>{section.count:,}</span></h2>"
    if section.note:
        yield f'<p class="note">{_line(section.note)}</p>'
    if section.items:
        yield "<ul>"
        yield from map(_item, section.items)
        yield "</ul>"
    if section.left_out and section.items:
        yield f"<p>and {section.left_out:,} more</p>"
    yield "</section>"


def _item(item: Item) -> str:
    details = "".join(f"<li>{_line(line)}</li>" for line in item.details)
    return f"<li>{_line(item.head)}{f'<ul>{details}</ul>' if details else ''}</li>"


def _line(line: Line) -> str:
    return "".join(map(_piece, line))


def _piece(piece: str | Code | Link) -> str:
    if isinstance(piece, Code):
        return f"<code>{escape(cut(piece.text, MAX_CODE))}</code>"
    if isinstance(piece, Link):
        return f'<a href="{_text(piece.url)}" rel="noopener noreferrer">{_text(piece.text)}</a>'
    return _text(piece)


def _plain(piece: str | Code | Link) -> str:
    return piece if isinstance(piece, str) else piece.text


def _text(text: str) -> str:
    return escape(escape_unprintable(text))
