"""Examples of the models of the profiler: ledger, findings and plan."""

from __future__ import annotations

from akastats.analysis.ledger import ImportCost, ProcessLedger, Resources, Samples
from akastats.api.models.common import COMMIT, EARLIER_RUN, NODEID, RUN_ID
from akastats.api.models.derived import add_examples
from akastats.model.findings import (
    Finding,
    FindingMark,
    FixedFinding,
    Place,
    RecordedFinding,
    RunCosts,
    Saving,
    Since,
)
from akastats.queries.findings import Predictions, RunFindings
from akastats.queries.ledger import RunDifference, RunLedger
from akastats.queries.plan import PlanChoice, RunPlan

add_examples(ImportCost, phase="collect", package="numpy", modules=212, seconds=0.094, compiled=0.031)
add_examples(
    ProcessLedger,
    worker="gw0",
    start=-0.31,
    wall=12.4,
    spans={"startup": 0.31, "collect": 1.2, "setup": 2.5, "call": 8.1, "pytest": 0.29},
    unexplained=0.0,
    gc=0.21,
    gc_passes=37,
)
add_examples(Resources, peak_memory=181_403_648, cpu=9.87, threads=3, children=1)
add_examples(
    Samples,
    time=[0.12, 0.17],
    memory=[41_201_664, 44_359_680],
    cpu=[0.18, 0.23],
    threads=[2, 3],
    children=[0, 1],
)
add_examples(RunDifference, seconds=4.4, typical=3.11, difference=1.29, speed_factor=1.02)
add_examples(
    RunLedger,
    run=RUN_ID,
    spans={"startup": 0.62, "collect": 2.4, "setup": 5.1, "call": 16.0, "pytest": 0.6},
    explained=0.99,
    lacks=[],
)
add_examples(Saving, seconds=3.8, low=3.5, high=4.1, share=0.31, cpu_seconds=3.9)
add_examples(
    Place,
    fixture="::catalogue",
    file="tests/conftest.py",
    nodeid=NODEID,
    package="numpy",
    option="--dist worksteal",
)
add_examples(Since, run=RUN_ID, commit=COMMIT, first_recorded=True)
add_examples(
    Finding,
    kind="fixture-scope",
    title="Fixture catalogue is set up 36 times; module scope would set it up 4 times",
    tests=36,
    evidence={"setups": 36, "setups_with_scope": 4, "mean_s": 0.12},
    advice='Give it scope="module" if the tests do not change its value.',
    needs="ledger",
    id="7e8a1bf79f85d966",
)
add_examples(FindingMark, mark="dismissed", reason="needs the real server", since=1785579400.0)
add_examples(
    RecordedFinding,
    kind="fixture-scope",
    place="::catalogue",
    title="Fixture catalogue is set up 36 times; module scope would set it up 4 times",
    seconds=3.8,
    low=3.5,
    high=4.1,
)
add_examples(FixedFinding, measured=3.6, before=EARLIER_RUN, run=RUN_ID)
add_examples(RunCosts, workers=2, dist="load", tests=412, walls=[12.9, 12.4])
add_examples(Predictions, error=0.06)
add_examples(RunFindings, run=RUN_ID, wall=12.4, explained=0.99, lacks=[], accuracy="docs/accuracy.md")
add_examples(PlanChoice, workers=4, dist="worksteal", wall=7.9, low=7.6, high=8.2, floor=3.1)
add_examples(RunPlan, run=RUN_ID, workers=2, dist="load", wall=12.4, predicted=12.1, floor=3.1)
