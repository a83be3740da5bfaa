"""Words that the product does not use, because a standard term exists: in names, prose and messages.

Read are the identifiers, docstrings, comments and texts of both packages, of the page's JavaScript and of the Lua
scripts. Each word has its replacement beside it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import akastats

ROOT = Path(akastats.__file__).parent.parent

#: Phrases in prose, as regular expressions, with what to write instead.
PHRASES = {
    r"told|tell|tells|telling": "write, report, return, send, describe",
    r"said|say so|says? (?:that|what|how|which|nothing|whether|where)|speaks? of": "write, report, describe",
    r"judg(?:e|es|ed|ing|ement|ements)": "analyse, analysis, verdicts",
    r"who(?:ever)? asks?|the asking one": "caller, client, user",
    r"what became of|what came of": "result, outcome",
    r"so many|so long as|as many as|as long as": "at most N, N, while",
    r"carr(?:y|ies|ied|ying) out": "execute",
    r"went on|goes? on|going on": "running, in progress, continues",
    r"goes by": "uses",
    r"left ?overs?|left behind": "undelivered runs",
    r"unlisted": "pending index update",
    r"mishaps?": "internal error",
    r"excuse[sd]?": "quarantined test",
    r"near tests?|(?:may|might) have (?:been )?meant": "suggestions",
    r"the usual|usual (?:time|seconds)|than usual": "typical",
    r"comes? along|comes? with": "bundled",
    r"(?:is|are|was|were) to be": "must, should",
}
PROSE = re.compile("|".join(rf"\b(?:{phrase})\b" for phrase in PHRASES), re.IGNORECASE)

#: Words that are no name by themselves, and words that are no part of any name.
NAMES = frozenset(
    """tell told say said found kept wanted known given whole judged marked asked asking""".split()  # noqa: SIM905
)
PARTS = frozenset(
    """told judge judged judging standing slowing mishap mishaps excuse excuses excused
    leftover leftovers unlisted""".split()  # noqa: SIM905
)
#: Names that users, stored data or other programs know.
COMPATIBLE = frozenset({"UNLISTED", "judged_by"})

FILES = [
    path
    for package in ("akastats", "pytest_akastats")
    for suffix in ("py", "js", "lua")
    for path in sorted((ROOT / package).rglob(f"*.{suffix}"))
]


def find_in_python(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and word of each name, comment and text of Python code."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield from find_phrases(token.start[0], token.string)
        elif token.type == tokenize.NAME and is_banned(token.string):
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield from find_phrases(node.lineno, node.value)


def find_in_script(text: str, comment: str) -> Iterator[tuple[int, str]]:
    """Yield line and word of each comment, text and declared name of JavaScript or Lua code."""
    for number, line in enumerate(text.splitlines(), 1):
        for part in re.findall(rf"{comment}.*|/\*.*|^\s*\*.*|\"[^\"]* [^\"]*\"|`[^`]* [^`]*`", line):
            yield from find_phrases(number, part)
        for name in re.findall(r"\b(?:const|let|function|local)\s+([A-Za-z_]\w*)", line):
            if is_banned(name):
                yield number, name


def find_phrases(first_line: int, text: str) -> Iterator[tuple[int, str]]:
    """Yield line and phrase of each banned phrase in a text."""
    for number, line in enumerate(text.splitlines(), first_line):
        for match in PROSE.finditer(line):
            if match[0] not in COMPATIBLE:
                yield number, match[0]


def is_banned(name: str) -> bool:
    """Return whether a name is banned, or one of its parts."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().strip("_")
    return name not in COMPATIBLE and (words in NAMES or not PARTS.isdisjoint(words.split("_")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_standard_term_stands_for_each_thing(path: Path) -> None:
    """No name and no sentence uses a word that has a standard term."""
    text = path.read_text()
    comment = {".js": "//", ".lua": "--"}.get(path.suffix)
    findings = find_in_python(text) if comment is None else find_in_script(text, comment)

    assert [] == [f"{path.relative_to(ROOT)}:{line}: {word}" for line, word in sorted(findings)]


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("told = 1", "told"),
        ("def judge_run(): ...", "judge_run"),
        ('"""Return what is told of a run."""', "told"),
        ("x = 1  # as many as there are", "as many as"),
    ],
)
def test_a_banned_word_is_reported(code: str, word: str) -> None:
    """In names, docstrings and comments."""
    assert word in [match for _, match in find_in_python(code)]
