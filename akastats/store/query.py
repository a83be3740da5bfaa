"""Read labels: statistics, histories, contexts, and the index of labels. Only `reindex` scans the keyspace."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite, nan

from akastats.errors import NotFoundError
from akastats.records import Stat, Summary
from akastats.store import keys
from akastats.store.requests import Operation, send_read, send_reads, send_writes

# Maximum number of labels per MGET. An MGET of 8000 keys blocks the server for 18 to 32 ms. An MGET of 1000 keys,
# which are 125 labels, blocks it for about 3 ms.
LABELS_PER_MGET = 125
# Maximum number of members of the index per page, unless the caller passes another.
PAGE_LABELS = 1000


def parse_number(stored: bytes | None) -> float | None:
    """Return a stored number; `None` if it is absent, not finite or not a number."""
    try:
        value = float(stored or b"nan")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def read_summary(namespace: str, label: str) -> Operation[Summary]:
    """Read the statistics of one label in one round trip; raise `NotFoundError` for an unknown label."""
    summary = (yield from read_summaries(namespace, [label])).get(label)
    if summary is None:
        raise NotFoundError(f"no label {label[:200]!r} in namespace {namespace!r}: never reported, or expired")
    return summary


def read_summaries(namespace: str, labels: Iterable[str]) -> Operation[dict[str, Summary]]:
    """Read the statistics of several labels in one round trip; omit unknown labels."""
    names = list(labels)
    chunks = [names[at : at + LABELS_PER_MGET] for at in range(0, len(names), LABELS_PER_MGET)]
    replies = yield from send_reads([("MGET", *_number_keys(namespace, chunk)) for chunk in chunks])
    summaries: dict[str, Summary] = {}
    for chunk, reply in zip(chunks, replies, strict=True):
        for at, label in enumerate(chunk):
            summary = _summary(reply[at * _WIDTH : (at + 1) * _WIDTH])
            if summary.count is not None:
                summaries[label] = summary
    return summaries


_WIDTH = len(Summary._fields)


def _summary(stored: list[bytes | None]) -> Summary:
    try:
        numbers = list(map(float, stored))  # type: ignore[arg-type]  # an absent number raises TypeError
    except (TypeError, ValueError):
        numbers = [nan]
    # A finite sum shows that all numbers are finite. Otherwise, parse each number separately.
    return Summary(*numbers) if isfinite(sum(numbers)) else Summary(*map(parse_number, stored))


def _number_keys(namespace: str, labels: Iterable[str]) -> list[str]:
    starts = [keys.number(namespace, field, "") for field in Summary._fields]
    return [start + label for label in labels for start in starts]


def read_history(namespace: str, label: str, size: int) -> Operation[list[Stat]]:
    """Read the newest `size` points of a label, newest first; empty for an unknown label."""
    if size < 1:
        # LRANGE would return all points for 0, and all but the oldest for -1.
        return []
    entries = yield from send_read("LRANGE", keys.history(namespace, label), 0, size - 1)
    return parse_points(label, entries)


def parse_points(label: str, entries: Iterable[bytes]) -> list[Stat]:
    """Return stored history entries in their order; omit invalid ones."""
    return [point for point in (parse_point(label, entry) for entry in entries) if point is not None]


def parse_point(label: str, entry: bytes) -> Stat | None:
    """Parse one stored history entry, `timestamp;value;context_id`; older writers may omit the context id.

    Returns `None` if the timestamp is not a finite number. Some values that aka-stats 21.2.5 stored are text, and
    are returned as nan.
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
    """Read contexts by id, exactly as stored; omit unknown and expired ones."""
    names = list(ids)
    if not names:
        return {}
    stored = yield from send_read("MGET", *(keys.context(namespace, id_) for id_ in names))
    return {id_: bytes(content) for id_, content in zip(names, stored, strict=True) if content is not None}


def read_contexts_size(namespace: str, ids: Iterable[str]) -> Operation[int]:
    """Read the total size of some contexts in bytes."""
    sizes: list[int] = yield from send_reads([("STRLEN", keys.context(namespace, id_)) for id_ in ids])
    return sum(sizes)


# Number of keys per SCAN. A million keys take about a thousand scans of less than a millisecond on the server.
SCAN_COUNT = 1000


def reindex(namespace: str) -> Operation[int]:
    """Index every label that has a history; return the number of labels that were not indexed before.

    Scans all keys of the server, to add labels of other writers and to restore a lost index.
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
            # An indexed label that is missing from SEEN would stay indexed after its history expired.
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
    """Read one page of live labels that match a glob, in byte order, from the label that follows `after`.

    `words`, in lower case, selects labels that contain all of them; the search is case-insensitive.

    Returns the labels, and the value of `after` for the next page, which is empty on the last page. Further pages
    can follow a page without labels.
    """
    glob = compile_glob(matcher)
    start = b"(" + _encode(after) if after else b"[" + glob.prefix if glob.prefix else b"-"
    # The byte 0xff never occurs in UTF-8, so this sorts after every label that begins with the prefix.
    stop = b"[" + glob.prefix + b"\xff" if glob.prefix else b"+"
    members = yield from send_read("ZRANGEBYLEX", keys.index(namespace), start, stop, "LIMIT", 0, size)
    matches = [member for member in members if glob.matches(member) and _is_text(member)]
    if words:
        # Filter before the lookup of each label, because few labels contain the words.
        matches = [member for member in matches if _contains_words(member, words)]
    live = yield from _filter_live(namespace, matches)
    following = _decode(members[-1]) if len(members) == size else ""
    return [member.decode() for member in live], following


def _contains_words(member: bytes, words: Sequence[str]) -> bool:
    label = member.decode().lower()
    return all(word in label for word in words)


def _is_text(member: bytes) -> bool:
    """Return whether a member of the index is UTF-8; other members can be neither pushed nor requested."""
    try:
        member.decode()
    except UnicodeDecodeError:
        return False
    return True


def _filter_live(namespace: str, members: list[bytes]) -> Operation[list[bytes]]:
    """Return the members that were reported in the last two weeks.

    The time of the last report is missing for labels of older writers: return those whose history exists.
    """
    if not members:
        return []
    (seconds, _), scores = yield from send_reads([("TIME",), ("ZMSCORE", keys.seen(namespace), *members)])
    oldest = float(seconds) - keys.LABEL_TTL_S
    unseen = [member for member, score in zip(members, scores, strict=True) if score is None]
    start = keys.history(namespace, "").encode()
    replies = yield from send_reads([("EXISTS", start + member) for member in unseen])
    exists = dict(zip(unseen, replies, strict=True))
    return [
        member
        for member, score in zip(members, scores, strict=True)
        if (exists[member] if score is None else float(score) > oldest)
    ]


# The last member of a page may be invalid UTF-8; the next page begins after it.
def _decode(member: bytes) -> str:
    return member.decode(errors="surrogateescape")


def _encode(label: str) -> bytes:
    return label.encode(errors="surrogateescape")


def escape_matcher(label: str) -> str:
    """Return a matcher that matches only `label`: `test_a[1]` becomes `test_a\\[1\\]`."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", label)


class Matcher:
    """A Redis glob: `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, and `\\` before a literal. It matches bytes.

    The pieces between stars have a fixed length, so the first match of each piece suffices, and matching takes
    linear time. One regular expression for the whole glob can take exponential time with many stars.
    """

    def __init__(self, matcher: str) -> None:
        pieces = [_Piece(tokens) for tokens in _between_stars(_tokens(_encode(matcher)))]
        self._first, self._middle, self._last = pieces[0], pieces[1:-1], pieces[-1]
        self._has_star = len(pieces) > 1
        self.prefix = self._first.literal

    def matches(self, label: bytes) -> bool:
        """Return whether the complete label, in UTF-8, matches."""
        if not self._has_star:
            return self._first.pattern.fullmatch(label) is not None
        match = self._first.pattern.match(label)
        for piece in self._middle:
            match = match and piece.pattern.search(label, match.end())
        at = len(label) - self._last.length
        return match is not None and at >= match.end() and self._last.pattern.match(label, at) is not None


class _Piece:
    """The part of a glob between two stars: one set of allowed bytes per position."""

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
    # Consecutive stars are equivalent to one.
    return [pieces[0], *filter(None, pieces[1:-1]), *pieces[1:][-1:]]


_ANY = bytes(range(256))


def _tokens(matcher: bytes) -> Iterator[bytes | None]:
    """Yield the allowed bytes per position of a glob, `None` for a star; parse malformed globs as Redis does."""
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
    """Return the bytes that a class allows, and the position after it; an unclosed class ends with the matcher."""
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


def compile_glob(matcher: str) -> Matcher:
    """Compile a Redis glob."""
    return Matcher(matcher)
