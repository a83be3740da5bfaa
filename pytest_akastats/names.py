"""Clean node ids for recording: remove pytest-xdist's groups, memory addresses and secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

# The form of `object.__repr__` and of functions. Hexadecimal numbers without `at` are values.
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{4,16}\b")
_MASKED = "at 0x..."

# A test's location as pytest reports it: file, line, name.
Location = tuple[str, int | None, str]


def remove_group(nodeid: str, location: Location) -> str:
    """Return pytest's own node id: with `--dist loadgroup`, pytest-xdist appends `@group` to tests of a group.

    An `@` may also be part of a path, or of the name in `location`, which pytest-xdist does not change.
    """
    if nodeid.rfind("@") <= nodeid.rfind("]"):
        return nodeid
    name = nodeid.rpartition("::")[2]
    is_grouped = "@" in name and not location[2].endswith(name)
    return nodeid[: nodeid.rfind("@")] if is_grouped else nodeid


class RecordedNames:
    """Returns the names under which tests are recorded; `redact` removes secrets from them.

    A memory address is masked, because it differs in every run, so that the test would have no history. If several
    tests differ only in addresses, the position of their parameters, from `items`, distinguishes them.
    """

    def __init__(self, redact: Callable[[str], str], items: Callable[[], Iterable[Any]]) -> None:
        self._redact = redact
        self._items = items
        self._positions: dict[str, str] | None = None
        self._masked: set[str] = set()

    def __call__(self, nodeid: str) -> str:
        """Return the name under which a test is recorded."""
        return self._redact(self._mask_address(nodeid) if " at 0x" in nodeid else nodeid)

    @property
    def notice(self) -> str:
        """The note about addresses for the end of the run; empty without addresses."""
        count = len(self._masked)
        if not count:
            return ""
        names = "1 node id contains a memory address"
        if count > 1:
            names = f"{count} node ids contain memory addresses"
        return f"{names}, recorded as 0x...; give these parameters ids to distinguish their tests"

    def _mask_address(self, nodeid: str) -> str:
        masked = _ADDRESS.sub(_MASKED, nodeid)
        if masked != nodeid:
            self._masked.add(nodeid)
            positions = self._find_positions(nodeid)
            if positions and masked.endswith("]"):
                masked = f"{masked[:-1]}-{positions}]"
        return masked

    def _find_positions(self, nodeid: str) -> str:
        """Return the positions of a test's parameters, such as `0-2`; empty if all are the first, or unknown."""
        if self._positions is None:
            items = self._items()
            self._positions = {item.nodeid: get_positions(item) for item in items if " at 0x" in item.nodeid}
        return self._positions.get(nodeid, "")


def get_positions(item: Any) -> str:
    """Return the positions of an item's parameters in their lists; empty if all are the first."""
    indices = getattr(getattr(item, "callspec", None), "indices", {})
    return "-".join(map(str, indices.values())) if any(indices.values()) else ""
