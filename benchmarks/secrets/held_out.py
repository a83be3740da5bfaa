"""Count the removed secrets of kinds without a rule, from sources that the rules do not use.

    python benchmarks/secrets/held_out.py TRUFFLEHOG_CHECKOUT CREDSWEEPER_CHECKOUT

A random half of the kinds of each source was inspected while rules were written: `--show` prints the remaining
secrets of that half. The other half is held out: only its counts are printed.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from refresh import ALPHABETS, Part, token_of, variants

from akastats.redact import create_redactor
from akastats.redact.token_formats import ROWS

REDACT = create_redactor({})
PREFIXES = tuple(row.split()[1] for row in ROWS.strip().split("\n"))
#: A token counts as remaining if this number of consecutive characters remain.
LEAK = 12


class Kind(NamedTuple):
    """A token of a detector; `maker` is the vendor's name."""

    detector: str
    maker: str
    token: str

    @property
    def is_hex(self) -> bool:
        """Whether it cannot be distinguished from a digest or a UUID."""
        return re.fullmatch(r"[0-9a-fA-F-]+", self.token) is not None


def kinds(checkout: str) -> Iterator[Kind]:
    """Yield one token of each form of each detector."""
    seen = set()
    for name in _git(checkout, "ls-tree", "-r", "--name-only", "HEAD", "pkg/detectors").decode().split():
        if not name.endswith(".go") or name.endswith("_test.go"):
            continue
        detector = name.split("/")[2]
        for source in re.findall(
            r"regexp\.MustCompile\((.*?)\)\n", _git(checkout, "show", f"HEAD:{name}").decode()
        ):
            kind = _kind(detector, source)
            if kind and (key := (detector, kind.is_hex, bool(kind.maker))) not in seen:
                seen.add(key)
                yield kind


def _kind(detector: str, source: str) -> Kind | None:
    named = re.match(r'detectors\.PrefixRegex\(\[\]string\{"([^"]+)".*?\}\)\s*\+\s*(.*)', source)
    literals = re.findall(r'`([^`]*)`|"((?:[^"\\]|\\.)*)"', named[2] if named else source)
    pattern = "".join(raw or quoted for raw, quoted in literals)
    try:
        forms = [form for form in variants(*token_of(pattern)) if form and all(part[0] != "?" for part in form)]
    except re.error:
        return None
    drawn = random.Random(detector + pattern)
    token = _drawn(drawn.choice(forms), drawn) if forms else ""
    return Kind(detector, named[1] if named else "", token) if _is_secret(token) else None


def _drawn(form: list[Part], drawn: random.Random) -> str:
    def of(part: Part) -> str:
        alphabet, least, most = part
        if alphabet.startswith("="):
            return alphabet[1:]
        return "".join(
            drawn.choices(ALPHABETS[alphabet], k=drawn.randint(least, max(least, min(most, least + 10))))
        )

    return "".join(map(of, form))


def _is_secret(token: str) -> bool:
    """Return whether a token has at least 16 characters, and is not a host name or an email address."""
    if re.search(r"\.(com|io|net|org|cloud)$|[ @]|://", token) or not re.search("[A-Za-z]", token):
        return False
    return len(token) >= (16 if re.search(r"\d", token) else 24)


def shown(kind: Kind, index: int, is_named: bool) -> str:
    """Return one of four texts with the token, depending on `index`."""
    token, maker = kind.token, kind.maker or kind.detector
    variable = re.sub(r"\W", "_", maker.upper())
    bare = (
        f"E   RuntimeError: refused: {token}",
        f"E   AssertionError: assert 'x' == '{token}'",
        f"E   ValueError: [1, '{token}', None]",
        f"E   OSError: GET https://api.example.com/v1/items?page=2&q={token} failed",
    )
    named = (
        f"    {variable}_KEY = '{token}'",
        f"E   {maker} token: {token}",
        f"E   {{'{maker}': '{token}'}}",
        f"E   {maker} rejected {token}",
    )
    return (named if is_named else bare)[index % 4]


def is_left(token: str, text: str) -> bool:
    """Return whether a text contains `LEAK` characters of a token, outside of the prefix of its kind."""
    starts = range(14 if len(token) > 30 else 0, max(1, len(token) - LEAK + 1), 3)
    return any(token[start : start + LEAK] in text for start in starts)


def count_tokens(checkout: str, is_shown: bool) -> None:
    """Print the counts of the held-out half of the detectors, or the remaining secrets of the other half."""
    tokens = list(kinds(checkout))
    detectors = sorted({kind.detector for kind in tokens})
    inspected = set(random.Random(77).sample(detectors, len(detectors) // 2))
    counts: Counter[tuple[str, bool]] = Counter()
    chosen = [kind for kind in tokens if (kind.detector in inspected) is is_shown]
    for index, kind in enumerate(chosen):
        group = "known prefix" if kind.token.startswith(PREFIXES) else "hexadecimal" if kind.is_hex else "unknown"
        for is_named in (True,) if kind.is_hex else (False, True):
            text = shown(kind, index, is_named)
            left = is_left(kind.token, REDACT(text))
            counts[f"{group}, {'named' if is_named else 'bare'}", left] += 1
            if left and is_shown:
                print("left:", text[:150])
    _print(counts)


def count_samples(checkout: str, is_shown: bool) -> None:
    """Print the counts of the held-out half of CredSweeper's samples, or the remaining secrets of the other."""
    files: dict[str, str] = {}
    results: dict[tuple[str, str], list[bool]] = {}
    for credential in json.loads(_git(checkout, "show", "HEAD:tests/data/output.json")):
        for line in credential["line_data_list"]:
            name = "tests/samples/" + line["path"].rpartition("/")[2]
            if name not in files:
                files[name] = _git(checkout, "show", f"HEAD:{name}").decode(errors="replace")
            value, lines = line["value"], files[name].split("\n")
            text = "\n".join(lines[max(0, line["line_num"] - 6) : line["line_num"] + 5])
            if value and value in text and "\ufffd" not in text and len(files[name]) < 400_000:
                left = REDACT(text).count(value) >= text.count(value)
                results.setdefault((name, credential["rule"]), []).append(left)
    names = sorted(results)
    random.Random(9).shuffle(names)
    chosen = names[: len(names) // 2] if is_shown else names[len(names) // 2 :]
    if is_shown:
        print("\n".join(f"left: {name}" for name in chosen if any(results[name])))
    _print(Counter(("samples", left) for name in chosen for left in results[name]))


def _print(counts: Counter[tuple[str, bool]]) -> None:
    for group in sorted({group for group, _ in counts}):
        gone, left = counts[group, False], counts[group, True]
        print(f"{group}: {gone + left}, removed {gone} ({gone / (gone + left):.1%})")


def _git(checkout: str, *arguments: str) -> bytes:
    return subprocess.run(["git", "-C", checkout, *arguments], capture_output=True, check=True).stdout


if __name__ == "__main__":
    warnings.simplefilter("ignore", FutureWarning)
    count_tokens(sys.argv[1], "--show" in sys.argv)
    count_samples(sys.argv[2], "--show" in sys.argv)
