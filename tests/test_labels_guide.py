"""Run the examples of docs/reference/labels.md on what the plugin writes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import service_port
from tests.delivered_runs import TRACEBACK, deliver_run

__all__ = ["service_port"]

TEXT = (Path(__file__).parents[1] / "docs" / "reference" / "labels.md").read_text()
EXAMPLES = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
NODEID = "tests/test_orders.py::test_total[eur]"
LABEL = f"test::{NODEID}"


@pytest.fixture
def answers(server: str, service_port: int, tmp_path: Path) -> list[str]:
    """Return the output of each example, for a store with one run in which the documented test fails."""
    deliver_run(server, tmp_path, [(NODEID, "failed", 0.42)])
    printed = []
    for example in EXAMPLES:
        script = f"set -euo pipefail\n{example.replace('127.0.0.1:8321', f'127.0.0.1:{service_port}')}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        printed.append(done.stdout)
    return printed


def test_each_example_prints_the_documented_data(answers: list[str]) -> None:
    """Labels, numbers, history, outcome, traceback, errors, several labels and Prometheus."""
    labels, numbers, history, context, traceback, errors, several, prometheus = answers
    points: list[dict[str, Any]] = json.loads(history)
    (measurement,) = json.loads(context).values()

    assert json.loads(labels) == [LABEL]
    assert (json.loads(numbers)["last"], json.loads(numbers)["count"]) == (0.42, 1)
    assert [(point["label"], point["value"]) for point in points] == [(LABEL, 0.42)]
    assert json.loads(measurement)["outcome"] == "failed"
    assert list(json.loads(traceback).values()) == [TRACEBACK]
    assert list(json.loads(traceback)) == [json.loads(errors)[0]["context_id"]]
    assert json.loads(several)["run::failed"]["last"] == 1
    assert "run::duration_LAST 60.0" in prometheus


def test_every_label_that_the_plugin_writes_is_documented(answers: list[str]) -> None:
    """The table lists the first word of each label."""
    table = TEXT.partition("## Reading")[0]
    from akastats import sync_stats

    words = {re.split(r"::|__EXC:", label)[0] for label in sync_stats.available_stats()}

    assert words >= {"test", "run", "errors__all", "errors"}
    assert [word for word in words if f"`{word}" not in table] == []
