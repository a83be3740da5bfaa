"""Reading labels: numbers, histories, contexts, and the list of what there is. Nothing scans the keyspace."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite, nan

from akastats.errors import NotFoundError
from akastats.records import Stat, Summary
from akastats.store import keys
from akastats.store.requests import Operation, send_read, send_reads, send_writes

# One MGET of 8000 keys takes 18 to 32 ms; a thousand keys (125 labels) stay near 3 ms.
LABELS_PER_MGET = 125
PAGE_LABELS = 1000


def parse_number(stored: bytes | None) -> float | None:
    """Return a stored number; `None` for an absent one and for the nan of an older writer."""
    try:
        value = float(stored or b"nan")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def read_summary(namespace: str, label: str) -> Operation[Summary]:
    """Read one label's numbers in one round trip; raise `NotFoundError` for an unknown label."""
    found = (yield from read_summaries(namespace, [label])).get(label)
    if found is None:
        raise NotFoundError(f"no statistics for label {label[:200]!r} in namespace {namespace!r}")
    return found


def read_summaries(namespace: str, labels: Iterable[str]) -> Operation[dict[str, Summary]]:
    """Read the numbers of several labels in one round trip; unknown ones are left out."""
    wanted = list(labels)
    chunks = [wanted[at : at + LABELS_PER_MGET] for at in range(0, len(wanted), LABELS_PER_MGET)]
    replies = yield from send_reads([("MGET", *_number_keys(namespace, chunk)) for chunk in chunks])
    found: dict[str, Summary] = {}
    for chunk, reply in zip(chunks, replies, strict=True):
        for at, label in enumerate(chunk):
            read = _summary(reply[at * _WIDTH : (at + 1) * _WIDTH])
            if read.count is not None:
                found[label] = read
    return found


_WIDTH = len(Summary._fields)


def _summary(stored: list[bytes | None]) -> Summary:
    try:
        numbers = list(map(float, stored))  # type: ignore[arg-type]  # None is what is tried here
    except (TypeError, ValueError):
        numbers = [nan]
    # A sum is finite unless one of them is not, or they are huge: then each is looked at.
    return Summary(*numbers) if isfinite(sum(numbers)) else Summary(*map(parse_number, stored))


def _number_keys(namespace: str, labels: Iterable[str]) -> list[str]:
    starts = [keys.number(namespace, field, "") for field in Summary._fields]
    return [start + label for label in labels for start in starts]


def read_history(namespace: str, label: str, size: int) -> Operation[list[Stat]]:
    """Read the newest `size` points of a label, newest first; empty for an unknown label."""
    if size < 1:
        # To LRANGE, 0 would be all points, and -1 all but the oldest.
        return []
    entries = yield from send_read("LRANGE", keys.history(namespace, label), 0, size - 1)
    return parse_points(label, entries)


def parse_points(label: str, entries: Iterable[bytes]) -> list[Stat]:
    """Return stored history entries in their order; what cannot be read as one is left out."""
    return [found for found in (parse_point(label, entry) for entry in entries) if found is not None]


def parse_point(label: str, entry: bytes) -> Stat | None:
    """Return one stored history entry, `timestamp;value;context_id`; older writers may leave out the last.

    `None` for what has no finite timestamp; a value of text, which 21.2.5 kept of a push it then refused, is nan.
    """
    timestamp, _, rest = entry.decode(errors="replace").partition(";")
    value, _, context_id = rest.partition(";")
    try:
        moment = float(timestamp)
    except ValueError:
        return None
    return Stat(moment, label, _value(value), context_id) if isfinite(moment) else None


def _value(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan


def read_contexts(namespace: str, ids: Iterable[str]) -> Operation[dict[str, bytes]]:
    """Read contexts by id, exactly as stored; those unknown or expired are left out."""
    wanted = list(ids)
    if not wanted:
        return {}
    stored = yield from send_read("MGET", *(keys.context(namespace, id_) for id_ in wanted))
    return {id_: bytes(content) for id_, content in zip(wanted, stored, strict=True) if content is not None}


def read_contexts_size(namespace: str, ids: Iterable[str]) -> Operation[int]:
    """Read how many bytes the contexts with these ids have together."""
    sizes: list[int] = yield from send_reads([("STRLEN", keys.context(namespace, id_)) for id_ in ids])
    return sum(sizes)


# A keyspace of a million keys takes about a thousand steps, each under a millisecond of the server's time.
SCAN_COUNT = 1000


def reindex(namespace: str) -> Operation[int]:
    """Index every label that has a history; return how many were not indexed before.

    Scans the whole keyspace, as nothing else does: for labels of other writers, and for a list that was lost.
    """
    index, seen, start = keys.index(namespace), keys.seen(namespace), keys.history(namespace, "")
    added, cursor = 0, b"0"
    (seconds, _) = yield from send_read("TIME")
    while True:
        cursor, names = yield from send_read(
            "SCAN", cursor, "MATCH", f"{escape_matcher(start)}*", "COUNT", SCAN_COUNT, "TYPE", "list"
        )
        members = [name[len(start.encode()) :] for name in map(bytes, names)]
        if members:
            scored = [part for member in members for part in (1, member)]
            # A label that is listed and was never seen would stay listed when its history has expired.
            dated = [part for member in members for part in (int(seconds), member)]
            count, *_ = yield from send_writes(
                ("ZADD", index, *scored),
                ("EXPIRE", index, keys.LABEL_TTL_S),
                ("ZADD", seen, "NX", *dated),
                ("EXPIRE", seen, keys.LABEL_TTL_S),
            )
            added += int(count)
        if int(cursor) == 0:
            return added


def read_label_page(
    namespace: str, matcher: str = "*", after: str = "", size: int = PAGE_LABELS, words: Sequence[str] = ()
) -> Operation[tuple[list[str], str]]:
    """Read one page of live labels that match a glob, in byte order after `after`.

    With `words`, in lower case, only labels that hold them all, whatever their case.

    Returns them and where the next page begins, empty at the end. A page may be empty and not the last.
    """
    wanted = compile_matcher(matcher)
    start = b"(" + _encode(after) if after else b"[" + wanted.prefix if wanted.prefix else b"-"
    # 0xff never occurs in UTF-8, so this is just behind everything that begins with the prefix.
    stop = b"[" + wanted.prefix + b"\xff" if wanted.prefix else b"+"
    members = yield from send_read("ZRANGEBYLEX", keys.index(namespace), start, stop, "LIMIT", 0, size)
    matching = [member for member in members if wanted.matches(member) and _is_text(member)]
    if words:
        # Before anything is asked of each: of many labels few hold what is searched.
        matching = [member for member in matching if _holds(member, words)]
    live = yield from _live(namespace, matching)
    following = _decode(members[-1]) if len(members) == size else ""
    return [member.decode() for member in live], following


def _holds(member: bytes, words: Sequence[str]) -> bool:
    label = member.decode().lower()
    return all(word in label for word in words)


def _is_text(member: bytes) -> bool:
    """Tell whether a member of the index is UTF-8; what is not can be neither pushed nor asked for."""
    try:
        member.decode()
    except UnicodeDecodeError:
        return False
    return True


def _live(namespace: str, members: list[bytes]) -> Operation[list[bytes]]:
    """Return those reported within the last two weeks; older writers' labels while their history exists."""
    if not members:
        return []
    (seconds, _), scores = yield from send_reads([("TIME",), ("ZMSCORE", keys.seen(namespace), *members)])
    oldest = float(seconds) - keys.LABEL_TTL_S
    unsigned = [member for member, score in zip(members, scores, strict=True) if score is None]
    start = keys.history(namespace, "").encode()
    kept = yield from send_reads([("EXISTS", start + member) for member in unsigned])
    exists = dict(zip(unsigned, kept, strict=True))
    return [
        member
        for member, score in zip(members, scores, strict=True)
        if (exists[member] if score is None else float(score) > oldest)
    ]


# A page may end at a member that is no UTF-8, and the next one begins behind it.
def _decode(member: bytes) -> str:
    return member.decode(errors="surrogateescape")


def _encode(label: str) -> bytes:
    return label.encode(errors="surrogateescape")


def escape_matcher(label: str) -> str:
    """Return a matcher that matches `label` and nothing else: `test_a[1]` becomes `test_a\\[1\\]`."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", label)


class Matcher:
    """A Redis glob: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\\` before a literal; of bytes, as the server's.

    Between two stars stands a piece of fixed length; taking each at its first place is right, and linear: one
    pattern for the whole would go through all places of all pieces, for ever with twenty stars.
    """

    def __init__(self, matcher: str) -> None:
        pieces = [_Piece(tokens) for tokens in _between_stars(_tokens(_encode(matcher)))]
        self._first, self._middle, self._last = pieces[0], pieces[1:-1], pieces[-1]
        self._has_star = len(pieces) > 1
        self.prefix = self._first.literal

    def matches(self, label: bytes) -> bool:
        """Tell whether a label, in UTF-8, matches as a whole."""
        if not self._has_star:
            return self._first.pattern.fullmatch(label) is not None
        found = self._first.pattern.match(label)
        for piece in self._middle:
            found = found and piece.pattern.search(label, found.end())
        at = len(label) - self._last.length
        return found is not None and at >= found.end() and self._last.pattern.match(label, at) is not None


class _Piece:
    """What stands between two stars: one set of bytes a position."""

    def __init__(self, tokens: list[bytes]) -> None:
        self.length = len(tokens)
        self.pattern = re.compile(b"".join(map(_set_pattern, tokens)), re.DOTALL)
        literals = itertools.takewhile(lambda allowed: len(allowed) == 1, tokens)
        self.literal = b"".join(literals)


def _set_pattern(allowed: bytes) -> bytes:
    if len(allowed) == 256:
        return b"."
    if not allowed:
        return b"(?!)"
    return b"[" + b"".join(b"\\x%02x" % byte for byte in allowed) + b"]"


def _between_stars(tokens: Iterable[bytes | None]) -> list[list[bytes]]:
    pieces: list[list[bytes]] = [[]]
    for token in tokens:
        if token is None:
            pieces.append([])
        else:
            pieces[-1].append(token)
    # Several stars in a row say the same as one.
    return [pieces[0], *filter(None, pieces[1:-1]), *pieces[1:][-1:]]


_ANY = bytes(range(256))


def _tokens(matcher: bytes) -> Iterator[bytes | None]:
    """Yield what each position of a glob allows, `None` for a star; odd forms as Redis reads them."""
    at = 0
    while at < len(matcher):
        sign = matcher[at : at + 1]
        if sign == b"[":
            allowed, at = _class(matcher, at + 1)
            yield allowed
            continue
        if sign == b"\\" and at + 1 < len(matcher):
            at += 1
            yield matcher[at : at + 1]
        else:
            yield {b"*": None, b"?": _ANY}.get(sign, sign)
        at += 1


def _class(matcher: bytes, at: int) -> tuple[bytes, int]:
    """Return the bytes that a class allows, and where it ends; an unclosed one ends with the matcher."""
    negated = matcher[at : at + 1] == b"^"
    at += negated
    members: set[int] = set()
    while at < len(matcher) and matcher[at : at + 1] != b"]":
        if matcher[at : at + 1] == b"\\" and at + 1 < len(matcher):
            members.add(matcher[at + 1])
            at += 2
        elif matcher[at + 1 : at + 2] == b"-" and at + 2 < len(matcher):
            low, high = sorted((matcher[at], matcher[at + 2]))
            members.update(range(low, high + 1))
            at += 3
        else:
            members.add(matcher[at])
            at += 1
    return bytes(byte for byte in _ANY if (byte in members) != negated), at + 1


def compile_matcher(matcher: str) -> Matcher:
    """Return a Redis glob ready for use."""
    return Matcher(matcher)
