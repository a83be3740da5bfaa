"""Rules about fixtures: their scope, setups repeated by workers, and slow teardowns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from akastats.analysis.findings.recorded_run import RecordedRun, name_fixture
from akastats.analysis.schedule.costs import SharedFixture, SuiteCosts, TestCost, find_instance
from akastats.model.findings import FoundCost, Place
from akastats.model.results import FixtureResult

#: Fixtures of pytest that need the scope of a function.
BUILT_IN = frozenset(
    {"capfd", "capsys", "caplog", "doctest_namespace", "monkeypatch", "pytester", "recwarn", "testdir", "tmp_path"}
    | {"tmpdir", "request", "subtests", "record_property", "setup_function", "setup_method"}
)
# A wider scope is proposed only if it saves more than this multiple of what the best narrower scope saves.
WIDER = 1.1
# Maximum share of tests that request an autouse fixture of a finding. If more tests request it, `autouse` is
# useful.
FEW_REQUESTERS = 0.25


def find_fixture_scope(run: RecordedRun) -> Iterator[FoundCost]:
    """Find fixtures that are set up for each test, although a wider scope would set them up less often."""
    for fixture in run.costly_fixtures:
        tests = run.tests_of[name_fixture(fixture)]
        if fixture.scope != "function" or fixture.name in BUILT_IN or fixture.count < 2 or not tests:
            continue
        options = [(scope, *_widen(run, fixture, tests, scope)) for scope in _wider_scopes(fixture, tests)]
        best = options[0]
        for option in options[1:]:
            best = option if option[1] > WIDER * best[1] else best
        scope, saved, setups = best
        yield _describe_scope(fixture, tests, scope, saved, setups)


def find_autouse(run: RecordedRun) -> Iterator[FoundCost]:
    """Find fixtures that `autouse` sets up for many tests, although only few request them."""
    for fixture in run.costly_fixtures:
        key = name_fixture(fixture)
        tests, implicit = run.tests_of[key], run.implicit_tests.get(fixture.name, frozenset())
        requesters = [test for test in tests if test.nodeid not in implicit]
        if fixture.name in BUILT_IN or not 0 < len(requesters) <= FEW_REQUESTERS * len(tests):
            continue
        yield FoundCost(
            kind="autouse",
            title=f"Autouse fixture {fixture.name} is set up {fixture.count} times for {len(tests)} tests; "
            f"{len(requesters)} of them request it",
            where=(Place(fixture=key, file=fixture.baseid.partition("::")[0] or None),),
            tests=len(tests) - len(requesters),
            evidence={"setups": fixture.count, "tests": len(tests), "requesters": len(requesters)},
            advice="Remove autouse, and request the fixture in each test that needs its effect.",
            saved=run.compute_saving(_without_autouse(run, fixture, implicit)),
            cpu_saved=(fixture.setup + fixture.teardown) * (1 - len(requesters) / len(tests)),
            claims=frozenset({f"fixture {key}"}),
        )


def _without_autouse(run: RecordedRun, fixture: FixtureResult, nodeids: frozenset[str]) -> SuiteCosts:
    """Return the costs if these tests did not set up a fixture."""
    if fixture.scope == "function":
        mean = (fixture.setup + fixture.teardown) / max(1, fixture.count)
        return run.without(dict.fromkeys(nodeids, mean))
    key = (fixture.name, fixture.baseid)
    position = next((at for at, each in enumerate(run.costs.fixtures) if (each.name, each.baseid) == key), -1)
    return run.with_tests(
        lambda test: (
            replace(test, fixtures=tuple(at for at in test.fixtures if at != position))
            if test.nodeid in nodeids
            else test
        )
    )


def find_shared_scope(run: RecordedRun) -> Iterator[FoundCost]:
    """Find fixtures of classes and modules that session scope would set up once for each process."""
    counts = {name_fixture(each): each for each in run.content.fixtures.rows()}
    for position, shared in enumerate(run.costs.fixtures):
        key = f"{shared.baseid}::{shared.name}"
        if shared.scope == "session" or ".py" in shared.baseid or key not in counts or counts[key].count < 2:
            continue
        wider = (replace(each, scope="session") if each is shared else each for each in run.costs.fixtures)
        tests = [test for test in run.costs.tests if position in test.fixtures]
        saved = run.compute_saving(replace(run.costs, fixtures=tuple(wider)))
        yield _describe_scope(counts[key], tests, "session", saved, 1)


def _wider_scopes(fixture: FixtureResult, tests: list[TestCost]) -> list[str]:
    in_classes = all(test.nodeid.count("::") > 1 for test in tests)
    path, colons, name = fixture.baseid.partition("::")
    if colons and name:
        return ["class"]
    narrow = ["class"] if in_classes else []
    return [*narrow, "module"] if path.endswith(".py") else [*narrow, "module", "session"]


def _widen(run: RecordedRun, fixture: FixtureResult, tests: list[TestCost], scope: str) -> tuple[float, int]:
    """Return the wall time that a scope saves, and the number of setups with it in one process."""
    costs = make_wider(run.costs, fixture, tests, scope)
    return run.compute_saving(costs), len({find_instance(costs.fixtures[-1], test.nodeid) for test in tests})


def make_wider(costs: SuiteCosts, fixture: FixtureResult, tests: list[TestCost], scope: str) -> SuiteCosts:
    """Return the costs of the suite with a fixture of another scope."""
    setup, teardown = fixture.setup / fixture.count, fixture.teardown / fixture.count
    position = len(costs.fixtures)
    users = {test.nodeid for test in tests}
    changed = tuple(
        replace(test, seconds=max(0.0, test.seconds - setup - teardown), fixtures=(*test.fixtures, position))
        if test.nodeid in users
        else test
        for test in costs.tests
    )
    shared = SharedFixture(fixture.name, fixture.baseid, scope, setup, teardown)
    return replace(costs, tests=changed, fixtures=(*costs.fixtures, shared))


def _describe_scope(
    fixture: FixtureResult, tests: list[TestCost], scope: str, saved: float, setups: int
) -> FoundCost:
    mean = (fixture.setup + fixture.teardown) / fixture.count
    return FoundCost(
        kind="fixture-scope",
        title=f"Fixture {fixture.name} is set up {fixture.count} times; {scope} scope would set it up "
        f"{_times(setups)}",
        where=(Place(fixture=name_fixture(fixture), file=fixture.baseid.partition("::")[0] or None),),
        tests=len(tests),
        evidence={"setups": fixture.count, "setups_with_scope": setups, "mean_s": round(mean, 6)},
        advice=f'Give it scope="{scope}" if the tests do not change its value; else build the costly part in a '
        f"{scope} fixture and copy it for each test.",
        saved=saved,
        cpu_saved=mean * (fixture.count - setups),
        claims=frozenset({f"fixture {name_fixture(fixture)}"}),
    )


def find_rebuilt_fixture(run: RecordedRun) -> Iterator[FoundCost]:
    """Find shared fixtures that several workers set up, although another `--dist` would set them up once."""
    if run.costs.workers < 2 or run.costs.dist in ("loadscope", "loadfile"):
        return
    counts = {name_fixture(each): each.count for each in run.content.fixtures.rows()}
    for (name, scope), positions in _group_shared(run.costs.fixtures).items():
        shared = [run.costs.fixtures[position] for position in positions]
        tests = [test for test in run.costs.tests if not set(positions).isdisjoint(test.fixtures)]
        instances = len({find_instance(shared[0], test.nodeid) for test in tests})
        setups = sum(counts.get(f"{each.baseid}::{each.name}", 0) for each in shared)
        if not 0 < instances < setups:
            continue
        dist = "loadscope" if scope == "class" else "loadfile"
        mean = sum(each.setup + each.teardown for each in shared) / len(shared)
        yield FoundCost(
            kind="rebuilt-fixture",
            title=f"Fixture {name} is set up {setups} times for {_count(instances, scope)}, because several "
            f"workers run their tests; --dist {dist} would set it up {_times(instances)}",
            where=(Place(fixture=f"{shared[0].baseid}::{name}", option=f"--dist {dist}"),),
            tests=len(tests),
            evidence={"setups": setups, "instances": instances, "mean_s": round(mean, 6)},
            advice=f"Run with --dist {dist}, or reduce the cost of the fixture.",
            saved=run.compute_saving(dist=dist),
            cpu_saved=(setups - instances) * mean,
            claims=frozenset({"distribution"}),
        )


def _group_shared(fixtures: Sequence[SharedFixture]) -> dict[tuple[str, str], list[int]]:
    """Return the positions of fixtures with the scope of a class or module, by name and scope."""
    groups: dict[tuple[str, str], list[int]] = {}
    for position, fixture in enumerate(fixtures):
        if fixture.scope in ("class", "module"):
            groups.setdefault((fixture.name, fixture.scope), []).append(position)
    return groups


def find_session_fixture(run: RecordedRun) -> Iterator[FoundCost]:
    """Find session fixtures that each worker sets up, although all workers could share one value."""
    if run.costs.workers < 2:
        return
    counts = {name_fixture(each): each.count for each in run.content.fixtures.rows()}
    for position, fixture in enumerate(run.costs.fixtures):
        key = f"{fixture.baseid}::{fixture.name}"
        if fixture.scope != "session" or counts.get(key, 0) < 2:
            continue
        shared = list(run.costs.fixtures)
        # One worker builds the value, while the others wait for it.
        shared[position] = replace(fixture, setup=fixture.setup / counts[key])
        yield FoundCost(
            kind="rebuilt-fixture",
            title=f"Session fixture {fixture.name} is set up by each of {counts[key]} workers",
            where=(Place(fixture=key),),
            tests=sum(position in test.fixtures for test in run.costs.tests),
            evidence={"setups": counts[key], "mean_s": round(fixture.setup, 6)},
            advice="Build it once and let the workers share it through a file with a lock, see the guide of "
            "pytest-xdist; or prepare it before pytest starts.",
            saved=run.compute_saving(replace(run.costs, fixtures=tuple(shared))),
            cpu_saved=fixture.setup * (counts[key] - 1),
            claims=frozenset({f"fixture {key}"}),
        )


def find_slow_teardown(run: RecordedRun) -> Iterator[FoundCost]:
    """Find fixtures whose teardown takes longer than their setup."""
    for fixture in run.costly_fixtures:
        mean = fixture.teardown / max(1, fixture.count)
        if fixture.teardown <= fixture.setup:
            continue
        key = name_fixture(fixture)
        if fixture.scope == "function":
            costs = run.without({test.nodeid: mean for test in run.tests_of[key]})
        else:
            shared = (
                replace(each, teardown=0.0) if (each.name, each.baseid) == (fixture.name, fixture.baseid) else each
                for each in run.costs.fixtures
            )
            costs = replace(run.costs, fixtures=tuple(shared))
        yield FoundCost(
            kind="slow-teardown",
            title=f"The teardown of fixture {fixture.name} takes {mean:.3g} s, {_times(fixture.count)}",
            where=(Place(fixture=key, file=fixture.baseid.partition("::")[0] or None),),
            tests=len(run.tests_of[key]),
            evidence={"teardowns": fixture.count, "mean_s": round(mean, 6)},
            advice="Shorten it: roll back instead of deleting, stop without waiting, or widen the scope.",
            saved=run.compute_saving(costs),
            cpu_saved=fixture.teardown,
            claims=frozenset({f"teardown {key}"}),
        )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _count(count: int, scope: str) -> str:
    plural = "classes" if scope == "class" else f"{scope}s"
    return f"{count} {scope if count == 1 else plural}"
