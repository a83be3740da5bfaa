"""The table of docs/reliability.md: a row for each fault that a case has provoked, with the counts that it saw.

`python -m tests.faults.table ROWS.jsonl docs/reliability.md` writes it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.driver import Verdict

#: Names the file to which rows are appended, one JSON line each; absent, none are.
VARIABLE = "FAULTS_ROWS"
#: Seconds that the end of a run may be held up where the server hangs or is gone; where it answers.
LONGEST_S = 2.0
ANSWERING_S = 10.0


@dataclass(frozen=True)
class Row:
    """One provoked fault: its number in the matrix, how it was provoked, and what came of it."""

    number: str
    provocation: str
    finished: int
    lost: int
    doubled: int
    added_at_exit_s: float | None = None
    outcomes_equal: bool = True


class Rows:
    """What a case hands its verdicts to: told first, then judged, so that a broken promise stands in the table."""

    def __call__(
        self,
        number: str,
        provocation: str,
        verdict: Verdict,
        *,
        lost: int = 0,
        warnings: int = 1,
        at_exit_s: float = LONGEST_S,
    ) -> None:
        """Tell a verdict and hold it to the promise; `lost` is what this fault must cost."""
        told = Row(
            number,
            provocation,
            verdict.recorded.finished.total(),
            verdict.lost,
            verdict.doubled,
            verdict.added_at_exit_s,
            verdict.outcomes_equal,
        )
        self.tell(told)
        assert verdict.outcomes_equal, verdict.differences
        assert (lost, 0) == (verdict.lost, verdict.doubled), f"{verdict.recorded}\n{verdict.stored}"
        assert 0 == verdict.processes_left
        assert verdict.warning_lines <= warnings, verdict.recorded.output
        assert verdict.added_at_exit_s <= at_exit_s

    def tell(self, row: Row) -> None:
        """Add a row, for cases that count without the driver."""
        path = os.environ.get(VARIABLE)
        if path:
            with Path(path).open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")


def read(path: Path) -> list[Row]:
    """Return the rows of a run, in the order of the matrix; a case that ran again counts as it ran last."""
    told = [Row(**json.loads(line)) for line in path.read_text().splitlines()]
    rows = {(row.number, row.provocation): row for row in told}.values()
    return sorted(rows, key=lambda row: (int("0" + "".join(filter(str.isdigit, row.number[:3]))), row.provocation))


def markdown(rows: Iterable[Row]) -> str:
    """Return rows as a table."""
    lines = [
        "| row | provoked by | finished tests | lost | doubled | added at exit |",
        "|--:|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        added = "" if row.added_at_exit_s is None else f"{row.added_at_exit_s:.2f} s"
        changed = "" if row.outcomes_equal else " **(outcome changed)**"
        counts = f"{row.finished} | {row.lost} | {row.doubled}"
        lines.append(f"| {row.number} | {row.provocation}{changed} | {counts} | {added} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Put the rows of a run between the marks of a document."""
    rows, document = map(Path, arguments)
    head, begin, rest = document.read_text().partition("<!-- rows -->\n")
    _, end, tail = rest.partition("<!-- end of rows -->")
    document.write_text(head + begin + markdown(read(rows)) + "\n" + end + tail)


if __name__ == "__main__":
    main(sys.argv[1:])
