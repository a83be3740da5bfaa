"""Reading labels: numbers, histories, contexts, and the list of what there is. Nothing scans the keyspace."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from akastats import keys
from akastats.errors import NotFoundError
from akastats.operations.requests import Operation, ask, ask_all
from akastats.records import Stat, Summary

# One MGET of 8000 keys takes 18 to 32 ms; a thousand keys (125 labels) stay near 3 ms.
LABELS_PER_MGET = 125
PAGE_LABELS = 1000


def number(stored: bytes | None) -> float | None:
    """Return a stored number; `None` for an absent one and for the nan of an older writer."""
    try:
        value = float(stored or b"nan")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def summary(namespace: str, label: str) -> Operation[Summary]:
    """Read one label's numbers in one round trip; raise `NotFoundError` for an unknown label."""
    found = (yield from summaries(namespace, [label])).get(label)
    if found is None:
        raise NotFoundError(f"no statistics for label {label[:200]!r} in namespace {namespace!r}")
    return found


def summaries(namespace: str, labels: Sequence[str]) -> Operation[dict[str, Summary]]:
    """Read the numbers of several labels in one round trip; unknown ones are left out."""
    chunks = [labels[at : at + LABELS_PER_MGET] for at in range(0, len(labels), LABELS_PER_MGET)]
    replies = yield from ask_all([("MGET", *_number_keys(namespace, chunk)) for chunk in chunks])
    found: dict[str, Summary] = {}
    width = len(Summary._fields)
    for chunk, reply in zip(chunks, replies, strict=True):
        for position, label in enumerate(chunk):
            stored = reply[position * width : (position + 1) * width]
            read = Summary(*map(number, stored))
            if read.count is not None:
                found[label] = read
    return found


def _number_keys(namespace: str, labels: Iterable[str]) -> list[str]:
    return [keys.number(namespace, field, label) for label in labels for field in Summary._fields]


def history(namespace: str, label: str, size: int) -> Operation[list[Stat]]:
    """Read the newest `size` points of a label, newest first; empty for an unknown label."""
    entries = yield from ask("LRANGE", keys.history(namespace, label), 0, size - 1)
    return [point(label, entry) for entry in entries]


def point(label: str, entry: bytes) -> Stat:
    """Return one stored history entry, `timestamp;value;context_id`; older writers may leave out the last."""
    timestamp, value, *rest = entry.decode().split(";", 2)
    return Stat(float(timestamp), label, _value(value), rest[0] if rest else "")


def _value(text: str) -> float:
    """Return a point's value; nan for the text that 21.2.5 kept of a push it then refused."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def contexts(namespace: str, ids: Sequence[str]) -> Operation[dict[str, bytes]]:
    """Read contexts by id, exactly as stored; those unknown or expired are left out."""
    if not ids:
        return {}
    stored = yield from ask("MGET", *(keys.context(namespace, id_) for id_ in ids))
    return {id_: bytes(content) for id_, content in zip(ids, stored, strict=True) if content is not None}


def label_page(
    namespace: str, matcher: str = "*", after: str = "", size: int = PAGE_LABELS
) -> Operation[tuple[list[str], str]]:
    """Read one page of live labels that match a glob, in byte order after `after`.

    Returns them and where the next page begins, empty at the end. A page may be empty and not the last.
    """
    prefix = literal_prefix(matcher).encode()
    start = b"(" + after.encode(errors="surrogateescape") if after else b"[" + prefix if prefix else b"-"
    # 0xff never occurs in UTF-8, so this is just behind everything that begins with the prefix.
    stop = b"[" + prefix + b"\xff" if prefix else b"+"
    found = yield from ask("ZRANGEBYLEX", keys.index(namespace), start, stop, "LIMIT", 0, size)
    labels = [member.decode(errors="surrogateescape") for member in found]
    matches = compile_matcher(matcher)
    live = yield from _live(namespace, [label for label in labels if _is_text(label) and matches.fullmatch(label)])
    return live, labels[-1] if len(labels) == size else ""


def _is_text(label: str) -> bool:
    """Whether a member of the index is UTF-8; what is not can be neither pushed nor asked for."""
    return not any("\udc80" <= character <= "\udcff" for character in label)


def _live(namespace: str, labels: list[str]) -> Operation[list[str]]:
    """Return those reported within the last two weeks; older writers' labels while their history exists."""
    if not labels:
        return []
    (seconds, _), scores = yield from ask_all([("TIME",), ("ZMSCORE", keys.seen(namespace), *labels)])
    oldest = float(seconds) - keys.LABEL_TTL_S
    unsigned = [label for label, score in zip(labels, scores, strict=True) if score is None]
    kept = yield from ask_all([("EXISTS", keys.history(namespace, label)) for label in unsigned])
    exists = dict(zip(unsigned, kept, strict=True))
    return [label for label, score in zip(labels, scores, strict=True) if _is_live(label, score, oldest, exists)]


def _is_live(label: str, score: Any, oldest: float, exists: dict[str, int]) -> bool:
    return bool(exists[label]) if score is None else float(score) > oldest


def escape_matcher(label: str) -> str:
    """Return a matcher that matches `label` and nothing else: `test_a[1]` becomes `test_a\\[1\\]`."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", label)


def literal_prefix(matcher: str) -> str:
    """Return the text that everything matched by `matcher` begins with."""
    prefix = ""
    characters = iter(matcher)
    for character in characters:
        if character in "*?[":
            break
        prefix += next(characters, "\\") if character == "\\" else character
    return prefix


def compile_matcher(matcher: str) -> re.Pattern[str]:
    """Return Redis's glob as a pattern: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\\` before a literal."""
    first, *others = ["".join(map(_translate, part)) for part in _between_stars(matcher)]
    if not others:
        return re.compile(first, re.DOTALL)
    # A part between stars is taken where it first fits, and never again: backtracking over 12 stars took
    # 6 s for a label of 32 characters. Python 3.10 has no atomic group; a lookahead and its group are one.
    middle = "".join(f"(?=(?P<p{at}>.*?{part}))(?P=p{at})" for at, part in enumerate(others[:-1]))
    return re.compile(f"{first}{middle}.*{others[-1]}", re.DOTALL)


def _between_stars(matcher: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for token in _TOKEN.findall(matcher):
        if token[0] == "*":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _translate(token: str) -> str:
    if token == "?":
        return "."
    if len(token) > 1 and token[0] == "[":
        return _translate_class(token)
    return re.escape(token[-1])


_TOKEN = re.compile(r"\*+|\?|\[\^?(?:\\.|[^\]\\])*\]|\\.|.", re.DOTALL)


def _translate_class(token: str) -> str:
    body = token[1:-1]
    negated = body.startswith("^")
    members = "".join(map(_translate_member, _MEMBER.findall(body[negated:])))
    if not members:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{members}]"


# An escaped character, both ends of a range, or a character.
_MEMBER = re.compile(r"\\(.)|(.)-(\\?.)|(.)", re.DOTALL)


def _translate_member(member: tuple[str, str, str, str]) -> str:
    literal, start, end, single = member
    if not start:
        return re.escape(literal or single)
    return "-".join(map(re.escape, sorted((start, end[-1]))))
