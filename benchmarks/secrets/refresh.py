"""Write akastats/redact/token_formats.py: formats of tokens from published rule sets.

    python benchmarks/secrets/refresh.py GITLEAKS_CHECKOUT KINGFISHER_CHECKOUT

Only facts are taken from a published rule: the vendor, the prefix of a token, the alphabet of the rest, and its
length. A rule that recognises a token by a word next to it contributes only the vendor's name.
"""

from __future__ import annotations

import re
import re._parser as parser  # type: ignore[import-untyped]  # the standard library's own, without types
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[2] / "akastats" / "redact" / "formats.py"

#: Alphabets by their letter in a row, small ones first.
ALPHABETS = {
    "d": "0123456789",
    "h": "0123456789abcdef",
    "H": "0123456789abcdefABCDEF",
    "u": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "l": "abcdefghijklmnopqrstuvwxyz0123456789",
    "n": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    "w": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
    "b": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=",
    "x": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+/=.~%-",
}
MOST_VARIANTS = 24
#: Least length of a prefix: too many words begin with a shorter one, unless it ends with punctuation.
SHORTEST_PREFIX, SHORTEST_TOKEN = 3, 16
#: Words next to a token that do not name a vendor, or mean that it is not a secret.
NO_MAKERS = {
    *("access", "api", "apollo", "audd", "auth", "bitbucket", "bulbul", "bundle", "campayn", "canny", "cicero"),
    *("clearbit", "client", "coda", "column", "com", "contribsys", "credential", "daily", "dandelion", "duty"),
    *("edenai", "elastic", "enigma", "enterprise", "envoy", "eraser", "fixer", "flat", "flightlabs", "float"),
    *("front", "fulcrum", "gems", "geocode", "geocodify", "git", "github", "gitlab", "groove", "guardian"),
    *("happyscribe", "holistic", "humanity", "hunter", "imagga", "initialize", "intercom", "juro", "karma"),
    *("key", "lemlist", "less", "linear", "loadmill", "lob", "login", "magnetic", "metrilo", "miro", "mixmax"),
    *("moderation", "monday", "nimble", "notion", "odds", "odesk", "overloop", "pager", "password", "pastebin"),
    *("pipedream", "planyo", "podio", "polygon", "privacy", "private", "prospect", "protocols", "qase", "raven"),
    *("refiner", "sdk", "secret", "segment", "semaphore", "service", "shortcut", "signature", "simplesat"),
    *("square", "streak", "stripo", "tatum", "teamwork", "timecamp", "times", "token", "travelpayouts", "unplu"),
    *("uplead", "user", "vyte", "wrike", "york", "zenkit", "zonka"),
}

Part = tuple[str, int, int]


def variants(items: Iterable[Any], ignorecase: bool) -> list[list[Part]]:
    """Return the variants of a pattern as sequences of parts: (alphabet, or `=` and a text; least; most)."""
    sequences: list[list[Part]] = [[]]
    for operation, argument in items:
        choices = list(_choices(str(operation), argument, ignorecase))
        sequences = [before + after for before in sequences for after in choices][:MOST_VARIANTS]
    return sequences


def _choices(operation: str, argument: Any, ignorecase: bool) -> Iterator[list[Part]]:
    if operation == "LITERAL":
        yield [("=" + chr(argument), 1, 1)]
    elif operation == "BRANCH":
        for branch in argument[1]:
            yield from variants(branch, ignorecase)
    elif operation == "SUBPATTERN":
        yield from variants(argument[-1], ignorecase)
    elif operation in ("MAX_REPEAT", "MIN_REPEAT"):
        yield from _repeats(argument, ignorecase)
    elif operation in ("IN", "ANY", "NOT_LITERAL"):
        members = _members(argument) if operation == "IN" else set(ALPHABETS["x"])
        yield [(_alphabet(members, ignorecase), 1, 1)]
    else:
        yield []


def _repeats(argument: Any, ignorecase: bool) -> Iterator[list[Part]]:
    least, most, body = argument
    bodies = variants(body, ignorecase)
    if len(bodies) == 1 and len(bodies[0]) == 1 and not bodies[0][0][0].startswith("="):
        yield [(bodies[0][0][0], int(least), min(int(most), 999))]
        return
    for count in {int(least), min(int(most), int(least) + 1)}:
        for chosen in bodies:
            yield chosen * count


def _members(argument: Any) -> set[str]:
    characters: set[str] = set()
    for kind, value in argument:
        if str(kind) == "LITERAL":
            characters.add(chr(value))
        elif str(kind) == "RANGE":
            characters |= set(map(chr, range(value[0], min(value[1], 255) + 1)))
        elif str(kind) == "CATEGORY":
            characters |= set({"DIGIT": ALPHABETS["d"], "WORD": ALPHABETS["n"] + "_"}.get(str(value)[9:], " "))
        else:
            return set(ALPHABETS["x"])
    return characters


def _alphabet(members: set[str], ignorecase: bool) -> str:
    letters = {form for each in members for form in (each.lower(), each.upper())} if ignorecase else members
    if " " in letters:
        return "?"
    return next((name for name, held in ALPHABETS.items() if letters <= set(held)), "x")


def row(parts: list[Part]) -> tuple[str, str, int] | None:
    """Return prefix, alphabet of the rest, and least length of the rest; `None` if the token has no prefix."""
    prefix = "".join(part[0][1:] for part in takewhile(lambda part: part[0].startswith("="), parts))
    rest = parts[len(prefix) :]
    held = {each for name, *_ in rest for each in (name[1:] if name.startswith("=") else ALPHABETS.get(name, " "))}
    least = sum(part[1] for part in rest)
    ends_with_mark = len(prefix) >= 2 and not prefix[-1].isalnum()
    if not rest or not (len(prefix) >= SHORTEST_PREFIX or ends_with_mark) or len(prefix) + least < SHORTEST_TOKEN:
        return None
    if held & set(" \t\"'{}<>") or _NO_PREFIX.search(prefix):
        return None
    return prefix, _alphabet(held, False), least


# Texts that are not the prefix of a token, or that are detected by other rules.
_NO_PREFIX = re.compile(
    r"[\s\"'{}<>$]|://|^(AWS|AMAZON|AMZN|AK1|KEY|Account|Storage|hooks)$|^eyJ|^(db_user|correct|hooks)"
)


def token_of(pattern: str) -> tuple[Any, bool]:
    """Return the part of a parsed pattern that matches the token itself, and whether case is ignored."""
    text = pattern.replace("[[:alnum:]]", "[a-zA-Z0-9]").replace("\\z", "$").replace("(?-i:", "(?:")
    ignorecase = "(?i)" in text or "(?i:" in text
    text = re.sub(r"\(\?[xims]+\)", "", text).replace("(?i:", "(?:")
    # Patterns around a token in the two rule sets.
    text = re.sub(r"\(\?:\[\\x60.*$", "", text)
    tree = list(parser.parse(text, re.VERBOSE if "\n" in pattern else 0))
    groups = [item for item in tree if str(item[0]) == "SUBPATTERN" and item[1][0] is not None]
    return (groups[0][1][-1] if len(groups) == 1 else tree), ignorecase


def published(checkout: Path) -> Iterator[tuple[str, str]]:
    """Yield vendor and pattern of each rule."""
    toml = _shown(checkout, "config/gitleaks.toml")
    if toml:
        yield from re.findall(r"^id = \"([^\"]+)\"\n(?:(?!\[\[).*\n)*?regex = '''(.+?)'''$", toml, re.MULTILINE)
        return
    for name in _git(checkout, "ls-tree", "-r", "--name-only", "HEAD", "data/rules").split():
        text = _shown(checkout, name)
        for pattern in re.findall(
            r"^    pattern: (?:\|[-]?\n((?:      .*\n|\n)+)|'(.+)'|\"(.+)\"|(.+))", text, re.MULTILINE
        ):
            yield Path(name).stem, next(filter(None, pattern))


def _git(checkout: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", checkout, *arguments], capture_output=True, text=True, check=False).stdout


def _shown(checkout: Path, name: str) -> str:
    return _git(checkout, "show", f"HEAD:{name}")


def keywords(pattern: str) -> set[str]:
    """Return the vendor's names by which a rule recognises a token next to one."""
    named = re.search(r"\[\\w\.-\]\{0,50\}\?\(\?:(.*?)\)\(\?:\[ \\t", pattern) or re.search(
        r"^\s*(?:\\b\s*)?(?:\(\?[xims]+\)\s*)?\\b\s*(?:\(\?:)?([a-z|_-]{4,40})\)?\s*\(\?:\.\|", pattern
    )
    words = re.findall(r"[a-z]{4,}", named[1].lower()) if named else []
    return {word for word in words if word not in NO_MAKERS}


def main(*checkouts: str) -> None:
    rows: dict[str, tuple[str, str, int]] = {}
    makers: set[str] = set()
    sources: list[str] = []
    for checkout in map(Path, checkouts):
        version = _git(checkout, "log", "-1", "--format=%H of %cs").strip()
        sources.append(f"{checkout.parent.name.replace('+', '/') or checkout.name}, {version}")
        for rule, pattern in published(checkout):
            makers |= keywords(pattern)
            try:
                tree, ignorecase = token_of(pattern)
            except re.error:
                continue
            for prefix, alphabet, least in filter(None, map(row, variants(tree, ignorecase))):
                maker, other, size = rows.get(prefix, (re.sub(r"[^a-z0-9]+", "-", rule.lower()), "d", least))
                rows[prefix] = maker, max(alphabet, other, key=list(ALPHABETS).index), min(size, least)
    lines = sorted(f"{maker} {prefix} {alphabet}{least}" for prefix, (maker, alphabet, least) in rows.items())
    print(len(lines), "formats;", len(makers), "makers", file=sys.stderr)
    TARGET.write_text(_module(sources, lines, sorted(makers)))


def _module(sources: list[str], lines: list[str], makers: list[str]) -> str:
    source_list = "\n".join(f"- {source}" for source in sources)
    return f'''"""Formats of tokens: facts from published rule sets.

Written by benchmarks/secrets/refresh.py; do not edit. The sources:

{source_list}

A row is a maker, the prefix of its tokens, and the alphabet and least length of the rest. The alphabets: d digits,
h and H hexadecimal, u capitals and digits, l small letters and digits, n all, w with `_-`, b base64, x any.
"""

ROWS = r"""
{chr(10).join(lines)}
"""

#: Makers whose tokens have no form of their own: next to the name, hexadecimal digits and UUIDs are secrets.
MAKERS = """
{_wrapped(makers)}
"""

#: Characters of each alphabet, as in a regular expression's class.
ALPHABETS = {{
    "d": r"0-9",
    "h": r"0-9a-f",
    "H": r"0-9a-fA-F",
    "u": r"0-9A-Z",
    "l": r"0-9a-z",
    "n": r"0-9A-Za-z",
    "w": r"0-9A-Za-z_-",
    "b": r"0-9A-Za-z+/=",
    "x": r"0-9A-Za-z_+/=.~%-",
}}
'''


def _wrapped(words: list[str]) -> str:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 110:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
