"""Times of the collection of directories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

# Minimum number of seconds of the collection of directories without test files that is recorded.
MIN_DIRECTORY_S = 0.01


def sum_directories(seconds: Mapping[str, float], files: Iterable[str]) -> dict[str, float]:
    """Return the seconds of directories without a collected file, those of subdirectories included.

    Thousands of directories take long together, although each takes less than a millisecond.

    seconds: seconds of each directory; all paths of directories end with a slash
    """
    with_files = {parent for file in files for parent in _list_parents(file)}
    sums: dict[str, float] = defaultdict(float)
    for directory, taken in seconds.items():
        # A directory that holds files is collected in any case. The root directory is "./" or "/".
        topmost = next((parent for parent in _list_parents(directory) if parent not in with_files), "")
        sums[topmost] += taken
    return {path: taken for path, taken in sums.items() if path.strip("./") and taken >= MIN_DIRECTORY_S}


def _list_parents(path: str) -> Iterator[str]:
    """Yield the directories of a path, the topmost first."""
    end = path.find("/")
    while end >= 0:
        yield path[: end + 1]
        end = path.find("/", end + 1)
