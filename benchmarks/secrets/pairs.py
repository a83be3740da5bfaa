"""Write akastats/redact/letter_pairs.py: how much likelier pairs of letters are in random text than in code.

    python benchmarks/secrets/pairs.py DIRECTORY...

The directories contain ordinary Python source code, such as the standard library and installed packages.
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

from akastats.redact.random_tokens import CLASSES, classes

TARGET = Path(__file__).parents[2] / "akastats" / "redact" / "letter_pairs.py"
#: Units of the table per nat: one character represents values from -40 to 40.
UNITS = 8
WORD = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_+/=.~-]{5,200}")


def main(*directories: str) -> None:
    pairs: Counter[tuple[int, int]] = Counter()
    for directory in directories:
        for source in sorted(Path(directory).rglob("*.py")):
            for word in WORD.findall(source.read_bytes()):
                letter_classes = classes(word.decode())
                pairs.update(pairwise(letter_classes))
    TARGET.write_text(_module(pairs))


def _module(pairs: Counter[tuple[int, int]]) -> str:
    sizes = [10 if index == CLASSES.digit else 1 for index in range(CLASSES.size)]
    rows = []
    for before in range(CLASSES.size):
        total = sum(pairs[before, after] for after in range(CLASSES.size))
        scores = []
        for after, size in enumerate(sizes):
            # In random text one character in 62; in source code the counted share, with each count increased by
            # two.
            expected = (pairs[before, after] / size + 2) / (total + 2 * 70)
            scores.append(max(-40, min(40, round(UNITS * math.log(1 / 62 / expected)))))
        rows.append("".join(chr(score + 40 + 35 if score + 75 != 92 else 93) for score in scores))
    lines = "\n".join(rows)
    return f"""\"\"\"How much likelier two characters in a row are by lot than in source.

Written by benchmarks/secrets/pairs.py; do not edit. Line and column are classes of characters (`opaque`). A
character's code, less 75, is the logarithm of the ratio, in eighths.
\"\"\"

PAIRS = r'''
{lines}
'''
"""


if __name__ == "__main__":
    main(*sys.argv[1:])
