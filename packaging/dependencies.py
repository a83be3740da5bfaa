"""Add the distribution `pytest-akastats` to the dependencies of a build from a checkout.

From an index, `pip install pytest-akastats` installs `akastats`. In a checkout the dependency is reversed:
`pip install .` builds the code, and requires the entry point for pytest from the directory beside this file.
A source distribution does not contain that directory, so wheels built from one have no such dependency.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# They are installed beside the code under test: do not add one without a strong reason.
REQUIRED = ("pytest>=8", "redis>=5")


class Dependencies(MetadataHookInterface):
    """Set `dependencies`: those of every build, then the entry point's directory if it exists."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Write the requirements into `metadata`, the table `project` of pyproject.toml."""
        entry_point = Path(self.root) / "packaging" / "pytest-akastats"
        metadata["dependencies"] = [*REQUIRED]
        if entry_point.is_dir():
            metadata["dependencies"].append(f"pytest-akastats @ {entry_point.as_uri()}")
