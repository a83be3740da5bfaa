"""Bound the steps of Python's backtracking search from the structure of a regular expression.

The bound is the sum, over the items of a sequence, of (paths to the item) x (steps inside the item), for each
position at which a search may begin. A repeat multiplies the paths by its number of possible lengths, unless the
following items cannot begin with a character that the repeat consumes: `\\d+-` can leave `\\d+` at one position
only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any, NamedTuple

from akastats.redact.lazy_patterns import late

#: Maximum number of characters that one search reads; the bound is for a text of this length.
WINDOW = 500

# The parser was a separate module until Python 3.10.
_PARSER: Any = getattr(re, "_parser", None) or getattr(re, "sre_parse", None)
_NEVER = float("inf")

# A set of characters: those up to U+00FF themselves, all others represented by their class.
_Characters = frozenset[str]
_BEYOND = ("digit", "space", "letter", "other")
_LATIN = tuple(map(chr, range(256)))
_ALL: _Characters = frozenset((*_LATIN, *_BEYOND))
_NONE: _Characters = frozenset()

#: Maximum number of repeats of an item that can match in several ways; the cost of more repeats counts as
#: unbounded.
_MOST_NESTED = 8
_CHARACTERS = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_CONDITIONS = ("AT", "ASSERT", "ASSERT_NOT", "GROUPREF", "GROUPREF_EXISTS")
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
# A group with its own flags: `(?i:...)`, `(?m-i:...)`.
_SCOPED = late(r"\(\?[a-zA-Z-]*i")


class Begin(NamedTuple):
    """Possible beginnings of an item or a sequence.

    first: characters that it can begin with
    can_be_empty: whether it can match without a character
    entry: steps until a character that it cannot begin with is rejected
    """

    first: _Characters
    can_be_empty: bool
    entry: float


class Bound(NamedTuple):
    """Upper bound of the cost of a search inside an item, from one position.

    ways: paths that match it and that the next character allows
    exits: paths that match it
    steps: steps until every path has failed
    """

    ways: float
    exits: float
    steps: float


def bound_steps(pattern: str) -> float:
    """Return the maximum number of steps of a search in a window; infinity if nothing bounds it.

    Raises `re.error` if the pattern is not a regular expression.
    """
    if _PARSER is None:
        return _NEVER
    tree = list(_PARSER.parse(pattern))
    reader = _Reader(bool(_SCOPED.search(pattern)))
    # A path that reaches the end is a match and is not tried again, unless the end itself is a condition.
    follow = _ALL if tree and _holds_condition(tree[-1]) else _NONE
    starts = WINDOW / (1 if reader.has_ignorecase else _prefix(tree))
    return WINDOW + starts * reader.sequence(tree, follow).steps


def _holds_condition(tree: Any) -> bool:
    """Return whether an item contains, at any depth, a condition that can fail without reading a character."""
    if isinstance(tree, (tuple, list)) or hasattr(tree, "data"):
        return any(map(_holds_condition, tree))
    return str(tree) in _CONDITIONS


def _prefix(tree: Sequence[Any]) -> int:
    """Return the minimum distance of two matches of the literal prefix, in characters."""
    literal = [argument for _, argument in takewhile(lambda item: str(item[0]) == "LITERAL", tree)]
    overlaps = (size for size in range(1, len(literal)) if literal[size:] == literal[: len(literal) - size])
    return next(overlaps, max(1, len(literal)))


class _Reader:
    """Bounds of the items of one pattern; `follow` is the set of characters that may come next."""

    def __init__(self, has_ignorecase: bool) -> None:
        self.has_ignorecase = has_ignorecase

    def sequence(self, items: Sequence[Any], follow: _Characters) -> Bound:
        """Bound the items of a sequence."""
        ways = exits = spent = 1.0
        for (operation, argument), rest in zip(items, self._rests(items, follow), strict=True):
            bound = self._item(str(operation), argument, rest.first)
            spent += ways * (bound.steps + bound.exits * rest.entry)
            exits += ways * bound.exits
            ways *= bound.ways
        return Bound(ways, max(exits, ways), spent)

    def _rests(self, items: Sequence[Any], follow: _Characters) -> list[Begin]:
        """Return, for each item, the beginnings of the items after it."""
        rests = [Begin(follow, True, 1)]
        for operation, argument in list(items)[:0:-1]:
            rests.append(_join(self._begin(str(operation), argument), rests[-1]))
        return rests[: len(items)][::-1]

    def _begin(self, operation: str, argument: Any) -> Begin:
        if operation in _CHARACTERS:
            return Begin(self._characters(operation, argument), False, 1)
        if operation == "AT":
            return Begin(_NONE, True, 1)
        if operation in _REPEATS:
            once = self._begins(argument[2])
            return once._replace(can_be_empty=once.can_be_empty or argument[0] == 0, entry=once.entry + 1)
        if operation in ("SUBPATTERN", "ATOMIC_GROUP"):
            return self._begins(argument[-1] if operation == "SUBPATTERN" else argument)
        if operation == "BRANCH":
            firsts, are_empty, entries = zip(*map(self._begins, argument[1]), strict=True)
            return Begin(_NONE.union(*firsts), any(are_empty), sum(entries) + 1)
        return Begin(_ALL, True, 1)

    def _begins(self, items: Sequence[Any]) -> Begin:
        begin = Begin(_NONE, True, 1)
        for operation, argument in list(items)[::-1]:
            begin = _join(self._begin(str(operation), argument), begin)
        return begin

    def _item(self, operation: str, argument: Any, follow: _Characters) -> Bound:
        if operation in _CHARACTERS or operation == "AT":
            return Bound(1, 1, 1)
        if operation in _REPEATS:
            bound = self._repeat(argument, follow)
            return bound if operation != "POSSESSIVE_REPEAT" else bound._replace(ways=1, exits=1)
        readers: dict[str, Callable[[Any, _Characters], Bound]] = {
            "SUBPATTERN": lambda argument, follow: self.sequence(argument[-1], follow),
            "BRANCH": self._branch,
            # An assertion or atomic group matches in at most one way.
            "ASSERT": lambda argument, _: Bound(1, 1, self.sequence(argument[1], _ALL).steps),
            "ASSERT_NOT": lambda argument, _: Bound(1, 1, self.sequence(argument[1], _ALL).steps),
            "ATOMIC_GROUP": lambda argument, _: Bound(1, 1, self.sequence(argument, _ALL).steps),
            "GROUPREF": lambda argument, _: Bound(1, 1, WINDOW),
        }
        # Refuse conditional groups, and operations of later Python versions, because their cost is unknown.
        return readers[operation](argument, follow) if operation in readers else Bound(_NEVER, _NEVER, _NEVER)

    def _branch(self, argument: Any, follow: _Characters) -> Bound:
        begins = [self._begins(branch) for branch in argument[1]]
        starts = [begin.first | follow if begin.can_be_empty else begin.first for begin in begins]
        bounds = [self.sequence(branch, follow) for branch in argument[1]]
        are_disjoint = sum(map(len, starts)) == len(_NONE.union(*starts))
        most = max if are_disjoint else sum
        return Bound(
            most(bound.ways for bound in bounds),
            most(bound.exits for bound in bounds),
            sum(bound.steps for bound in bounds) + len(bounds),
        )

    def _repeat(self, argument: Any, follow: _Characters) -> Bound:
        minimum, maximum, body = int(argument[0]), int(argument[1]), argument[2]
        begin = self._begins(body)
        once = self.sequence(body, begin.first | follow)
        # An empty body may be repeated without consuming a character.
        times = maximum if begin.can_be_empty else min(maximum, WINDOW)
        exits = times - min(minimum, times) + 1
        ways = exits if begin.can_be_empty or begin.first & follow else 1
        if once.ways == 1:
            # The engine has a special loop for a repeat of one character.
            each = 1 if len(body) == 1 and str(body[0][0]) in _CHARACTERS else once.steps + 2
            return Bound(ways, exits, times * each + 1)
        if times > _MOST_NESTED:
            return Bound(_NEVER, _NEVER, _NEVER)
        paths = sum(once.ways**count for count in range(times + 1))
        return Bound(paths, paths, paths * (once.steps + 2))

    def _characters(self, operation: str, argument: Any) -> _Characters:
        if operation == "ANY":
            return _ALL
        if operation == "NOT_LITERAL":
            return _ALL if self.has_ignorecase else _ALL - _one(argument, exactly=True)
        if operation == "LITERAL":
            return self._with_case_variants(_one(argument))
        is_negated = str(argument[0][0]) == "NEGATE"
        members = argument[1:] if is_negated else argument
        if is_negated:
            # An overestimate of the set is safe, an underestimate is not; ignoring case adds characters to the
            # excluded ones.
            return _ALL if self.has_ignorecase else _ALL - _union(members, exactly=True)
        return self._with_case_variants(_union(members))

    def _with_case_variants(self, characters: _Characters) -> _Characters:
        if not self.has_ignorecase or not any(each.isalpha() for each in characters if len(each) == 1):
            return characters
        # The long s and the Kelvin sign are beyond U+00FF, but their other case is not.
        cases = (form for each in characters if len(each) == 1 for form in (each.lower(), each.upper()))
        return characters | {form for form in cases if form in _ALL} | {"letter"}


def _join(begin: Begin, rest: Begin) -> Begin:
    """Return the beginnings of an item followed by `rest`."""
    if not begin.can_be_empty:
        return begin
    return Begin(begin.first | rest.first, rest.can_be_empty, begin.entry + rest.entry)


def _union(members: Sequence[Any], exactly: bool = False) -> _Characters:
    return frozenset().union(*(_member(str(kind), value, exactly) for kind, value in members))


def _member(kind: str, value: Any, exactly: bool) -> _Characters:
    """Return the characters of a part of `[...]`; `exactly` omits uncertain ones, for excluded characters."""
    if kind == "LITERAL":
        return _one(value, exactly)
    if kind == "RANGE":
        low, high = value
        return frozenset(_LATIN[low : high + 1]) | (frozenset() if high < 256 or exactly else frozenset(_BEYOND))
    if kind == "CATEGORY":
        return _category(str(value).rpartition("_")[2], "_NOT_" in str(value), exactly)
    return frozenset() if exactly else _ALL


def _one(code: int, exactly: bool = False) -> _Characters:
    if code < 256:
        return frozenset(chr(code))
    return frozenset() if exactly else frozenset({_class_of(chr(code))})


def _class_of(character: str) -> str:
    if character.isspace():
        return "space"
    return "digit" if character.isdecimal() else "letter" if character.isalnum() else "other"


@lru_cache(maxsize=16)
def _category(name: str, is_negated: bool, exactly: bool) -> _Characters:
    r"""Return the characters of `\d`, `\s`, `\w` or their opposites; `exactly`: in both ASCII and Unicode."""
    letter, beyond = {
        "DIGIT": ("d", {"digit"}),
        "SPACE": ("s", {"space"}),
        "WORD": ("w", {"digit", "letter"}),
    }[name]
    ascii_, unicode_ = (re.compile(f"{flag}\\{letter}") for flag in ("(?a)", "(?u)"))
    narrow = frozenset(each for each in _LATIN if ascii_.match(each))
    wide = frozenset(each for each in _LATIN if unicode_.match(each)) | beyond
    if is_negated:
        return _ALL - (wide if exactly else narrow)
    return narrow if exactly else wide
