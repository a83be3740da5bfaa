"""Write the table of docs/reliability.md: one row per provoked fault, with the number of lost and doubled tests.

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

#: Variable with the path of the file to which rows are appended as JSON lines; if it is unset, none are written.
VARIABLE = "FAULTS_ROWS"
#: Longest delay of the end of a run in seconds: if the server hangs or is unreachable, and if it replies.
LONGEST_S = 2.0
ANSWERING_S = 10.0


@dataclass(frozen=True)
class Row:
    """Result of one provoked fault.

    number: number of the fault in the matrix
    provocation: how the fault was provoked
    finished: number of finished tests
    lost: number of finished tests that the server does not have
    doubled: number of tests that the server has more than once
    added_at_exit_s: seconds by which akastats delayed the end of the run; `None` if not measured
    outcomes_equal: whether exit code, output and report equal those without akastats
    """

    number: str
    provocation: str
    finished: int
    lost: int
    doubled: int
    added_at_exit_s: float | None = None
    outcomes_equal: bool = True


class Rows:
    """Writes rows. A row is written before it is checked, so that the table contains failures as well."""

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
        """Write the row of a verdict, then check the verdict; `lost` is the expected number of lost tests."""
        result = Row(
            number,
            provocation,
            verdict.recorded.finished.total(),
            verdict.lost,
            verdict.doubled,
            verdict.added_at_exit_s,
            verdict.outcomes_equal,
        )
        self.tell(result)
        assert verdict.outcomes_equal, verdict.differences
        assert (lost, 0) == (verdict.lost, verdict.doubled), f"{verdict.recorded}\n{verdict.stored}"
        assert 0 == verdict.processes_left
        assert verdict.warning_lines <= warnings, verdict.recorded.output
        assert verdict.added_at_exit_s <= at_exit_s

    def tell(self, row: Row) -> None:
        """Write a row, for cases that count without the driver."""
        path = os.environ.get(VARIABLE)
        if path:
            with Path(path).open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")


def read(path: Path) -> list[Row]:
    """Return the rows of a run in the order of the matrix; only the last row of a repeated case."""
    written = [Row(**json.loads(line)) for line in path.read_text().splitlines()]
    rows = {(row.number, row.provocation): row for row in written}.values()
    return sorted(rows, key=lambda row: (int("0" + "".join(filter(str.isdigit, row.number[:3]))), row.provocation))


def markdown(rows: Iterable[Row]) -> str:
    """Return rows as a markdown table."""
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
    """Replace the rows between the markers of a document."""
    rows, document = map(Path, arguments)
    head, begin, rest = document.read_text().partition("<!-- rows -->\n")
    _, end, tail = rest.partition("<!-- end of rows -->")
    document.write_text(head + begin + markdown(read(rows)) + "\n" + end + tail)


if __name__ == "__main__":
    main(sys.argv[1:])
