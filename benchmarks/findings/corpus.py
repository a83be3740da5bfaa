"""The corpus: suites with planted waste, each with its mended twin, and clean suites.

A case is a function. Its docstring describes the waste. `HELD_OUT` lists the cases on which no rule may be tuned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from textwrap import indent

from suites import Suite, coroutines, fixture, functions, methods, module, modules, package, unit_tests

#: Kinds whose advice is an option, so that a finding of this kind names no place.
OPTIONS = frozenset({"distribution", "workers", "garbage-collection", "coverage", "logging", "bytecode"})

TWO = ("-n", "2")
LOAD, SCOPE, FILE, GROUP, STEAL = (
    (*TWO, "--dist", dist) for dist in ("load", "loadscope", "loadfile", "loadgroup", "worksteal")
)


@dataclass(frozen=True)
class Waste:
    """Waste in a suite.

    kinds: kinds of findings that name its cause
    place: text that names where it is: a fixture, test, file, package or directory
    mended: the suite without this waste
    """

    kinds: tuple[str, ...]
    place: str
    mended: Suite


@dataclass(frozen=True)
class Case:
    """A suite with its planted wastes; a clean suite has none."""

    name: str
    summary: str
    suite: Suite
    wastes: tuple[Waste, ...] = ()

    @property
    def is_held_out(self) -> bool:
        """Whether no rule may be tuned on this case."""
        return self.name in HELD_OUT

    def variants(self) -> Mapping[str, Suite]:
        """Return the suite and its mended twins, by name of the variant."""
        return {"wasteful": self.suite} | {
            f"mended_{number}": waste.mended for number, waste in enumerate(self.wastes)
        }


Planted = tuple[Suite, Waste] | tuple[Suite, Waste, Waste]
CASES: dict[str, Case] = {}


def planted(make: Callable[[], Planted]) -> Callable[[], Planted]:
    """Add a suite with planted waste to the corpus."""
    suite, *wastes = make()
    CASES[make.__name__] = Case(make.__name__, (make.__doc__ or "").strip(), suite, tuple(wastes))
    return make


def clean(make: Callable[[], Suite]) -> Callable[[], Suite]:
    """Add a clean suite to the corpus."""
    CASES[make.__name__] = Case(make.__name__, (make.__doc__ or "").strip(), make())
    return make


# --- Scope of fixtures ---


@planted
def function_scope() -> Planted:
    """A catalogue that tests only read is built for each test."""

    def suite(scope: str) -> Suite:
        return Suite(
            {"conftest.py": module(fixture("catalogue", 60, scope)), **modules(3, functions(8, 15, "catalogue"))}
        )

    return suite("function"), Waste(("fixture-scope",), "catalogue", suite("session"))


@planted
def scope_of_a_class() -> Planted:
    """A fixture of a test module is built for each method; the mended twin builds it for each class."""

    def suite(scope: str) -> Suite:
        classes = (methods(name, 6, 20, "invoice") for name in ("TestNet", "TestGross", "TestTax"))
        return Suite({"test_invoices.py": module(fixture("invoice", 90, scope), *classes)})

    return suite("function"), Waste(("fixture-scope",), "invoice", suite("class"))


@planted
def scope_with_workers() -> Planted:
    """Two workers build a fixture for each test."""

    def suite(scope: str) -> Suite:
        files = {"conftest.py": module(fixture("rates", 80, scope)), **modules(4, functions(9, 40, "rates"))}
        return Suite(files, LOAD)

    return suite("function"), Waste(("fixture-scope",), "rates", suite("session"))


@planted
def scope_of_an_inner_fixture() -> Planted:
    """A cheap client requests an application that is built for each test; conftest files on three levels."""

    def suite(scope: str) -> Suite:
        return Suite(
            {
                "conftest.py": module(fixture("settings", 1, "session")),
                "tests/conftest.py": module(fixture("application", 100, scope, uses="settings")),
                "tests/web/conftest.py": module(fixture("client", 1, uses="application")),
                "tests/web/test_pages.py": module(functions(9, 20, "client")),
                "tests/web/forms/test_forms.py": module(functions(7, 20, "client")),
                "tests/unit/test_money.py": module(functions(10, 10)),
            }
        )

    return suite("function"), Waste(("fixture-scope",), "application", suite("session"))


@planted
def scope_of_an_async_fixture() -> Planted:
    """pytest-asyncio: a pool of connections is opened for each test."""

    def suite(scope: str) -> Suite:
        arguments = 'scope="session", loop_scope="session"' if scope == "session" else ""
        pool = (
            "import pytest_asyncio\n\n"
            f"@pytest_asyncio.fixture({arguments})\nasync def pool():\n    spin(75)\n    yield 1\n\n"
        )
        loops = (
            "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = session\n"
            "asyncio_default_test_loop_scope = session"
        )
        return Suite({"conftest.py": module(pool), **modules(2, coroutines(10, 15, "pool"))}, ini=loops)

    return suite("function"), Waste(("fixture-scope",), "pool", suite("session"))


@planted
def scope_beside_mocks() -> Planted:
    """pytest-mock: a schema is parsed for each test that uses `mocker`."""

    def suite(scope: str) -> Suite:
        body = "send = mocker.Mock()\nsend(schema)\nspin(20)\nsend.assert_called_once()"
        files = {
            "conftest.py": module(fixture("schema", 70, scope)),
            **modules(2, functions(12, 0, "mocker, schema", body=body)),
        }
        return Suite(files)

    return suite("function"), Waste(("fixture-scope",), "schema", suite("session"))


@planted
def module_scope() -> Planted:
    """A fixture with module scope is built in each of 12 modules."""

    def suite(scope: str) -> Suite:
        return Suite(
            {"conftest.py": module(fixture("ontology", 130, scope)), **modules(12, functions(3, 15, "ontology"))}
        )

    return suite("module"), Waste(("fixture-scope",), "ontology", suite("session"))


@planted
def setup_method() -> Planted:
    """`setup_method` builds for each method what `setup_class` could build once."""

    def suite(name: str) -> Suite:
        before = f"@classmethod\ndef setup_class(cls):\n    {'spin(65)' if name == 'class' else 'pass'}\n\n"
        if name == "method":
            before += "def setup_method(self):\n    spin(65)\n\n"
        files = {
            f"test_{cls.lower()}.py": module(methods(cls, 12, 15, before=before)) for cls in ("TestA", "TestB")
        }
        return Suite(files)

    return suite("method"), Waste(("fixture-scope",), "setup_method", suite("class"))


# --- Fixtures that each worker builds again ---


@planted
def session_fixture_in_each_worker() -> Planted:
    """Each worker builds a fixture with session scope that a quarter of the tests use."""

    def suite(mark: str, options: tuple[str, ...]) -> Suite:
        database = fixture("database", 1300, "session")
        files = {"conftest.py": module(database), **modules(3, functions(8, 90), name="test_pure")}
        files["test_stored.py"] = module(mark, functions(8, 60, "database"))
        return Suite(files, options)

    grouped = suite('pytestmark = pytest.mark.xdist_group("database")\n', GROUP)
    return suite("", LOAD), Waste(("rebuilt-fixture", "distribution"), "database", grouped)


@planted
def module_fixtures_in_each_worker() -> Planted:
    """`--dist load` spreads modules over the workers, so that each worker builds their fixtures."""

    def suite(options: tuple[str, ...]) -> Suite:
        return Suite(modules(4, fixture("index", 500, "module"), functions(10, 25, "index")), options)

    return suite(LOAD), Waste(("rebuilt-fixture", "distribution"), "index", suite(FILE))


@planted
def class_fixtures_in_each_worker() -> Planted:
    """`--dist load` spreads classes over the workers, so that each worker builds their fixtures."""

    def suite(options: tuple[str, ...]) -> Suite:
        classes = [
            methods(f"TestShop{n}", 6, 30, "shop", before=fixture("shop", 450, "class", uses="self"))
            for n in range(6)
        ]
        return Suite({"test_shops.py": module(*classes)}, options)

    return suite(LOAD), Waste(("rebuilt-fixture", "distribution"), "shop", suite(SCOPE))


# --- Autouse fixtures ---


@planted
def autouse_that_few_need() -> Planted:
    """A fixture is set up for all tests; four of them request it."""

    def suite(arguments: str) -> Suite:
        files = {
            "conftest.py": module(fixture("frozen_clock", 45, arguments=arguments)),
            **modules(4, functions(9, 10)),
            "test_dates.py": module(functions(4, 10, "frozen_clock")),
        }
        return Suite(files)

    return suite("autouse=True"), Waste(("autouse", "fixture-scope"), "frozen_clock", suite(""))


@planted
def autouse_of_a_directory() -> Planted:
    """An autouse fixture of a directory is set up for all its tests; two modules run in each worker."""

    def suite(arguments: str) -> Suite:
        return Suite(
            {
                "tests/api/conftest.py": module(fixture("mail_server", 70, arguments=arguments, teardown=20)),
                "tests/api/test_mail.py": module(
                    functions(3, 20, "mail_server"), functions(12, 20, name="test_quiet")
                ),
                "tests/api/test_users.py": module(functions(15, 20)),
                "tests/unit/test_money.py": module(functions(20, 20)),
                "tests/unit/test_dates.py": module(functions(20, 20)),
            },
            FILE,
        )

    return suite("autouse=True"), Waste(("autouse", "fixture-scope"), "mail_server", suite(""))


# --- Teardown ---


@planted
def slow_teardown() -> Planted:
    """A fixture deletes its data slowly after each test."""

    def suite(ms: float) -> Suite:
        return Suite(
            {"conftest.py": module(fixture("bucket", 4, teardown=ms)), **modules(2, functions(11, 15, "bucket"))}
        )

    return suite(65), Waste(("slow-teardown", "fixture-scope"), "bucket", suite(1))


@planted
def slow_teardown_of_modules() -> Planted:
    """A fixture with module scope is slow to stop, in workers."""

    def suite(ms: float) -> Suite:
        files = modules(6, fixture("broker", 10, "module", teardown=ms), functions(8, 35, "broker"))
        return Suite(files, FILE)

    return suite(400), Waste(("slow-teardown", "fixture-scope"), "broker", suite(5))


@planted
def slow_teardown_of_a_class() -> Planted:
    """unittest: `tearDownClass` takes a second."""

    def suite(ms: float) -> Suite:
        before = f"@classmethod\ndef tearDownClass(cls):\n    spin({ms})\n\n"
        return Suite(
            {
                "test_ledger.py": module(unit_tests("LedgerTest", 12, 20, before=before)),
                "test_money.py": module(unit_tests("MoneyTest", 12, 20)),
            }
        )

    return suite(1000), Waste(("slow-teardown", "fixture-scope"), "LedgerTest", suite(5))


# --- Few tests, long tests, parametrised families ---


@planted
def few_slow_tests() -> Planted:
    """Two of 62 tests take most of the time."""

    def suite(ms: float) -> Suite:
        return Suite(
            {**modules(3, functions(20, 5)), "test_forecast.py": module(functions(2, ms, name="test_year"))}
        )

    return suite(700), Waste(("slow-tests", "long-test"), "test_year", suite(20))


@planted
def few_slow_methods() -> Planted:
    """unittest, two workers: in each of two modules, two of 22 methods take most of the time."""

    def suite(ms: float) -> Suite:
        slow = functions(2, ms, "self", name="test_yearly")
        return Suite(modules(2, unit_tests("ReportTest", 20, 15, before=slow)), LOAD)

    return suite(450), Waste(("slow-tests", "long-test"), "test_yearly", suite(15))


@planted
def long_test() -> Planted:
    """One test takes longer than an even share of two workers; the mended twin has five tests instead."""

    def suite(count: int) -> Suite:
        long = functions(count, 2500 / count, name="test_whole_import")
        return Suite({"test_a.py": module(functions(20, 50)), "test_import.py": module(long)}, LOAD)

    return suite(1), Waste(("long-test", "slow-tests"), "test_whole_import", suite(5))


@planted
def long_test_first() -> Planted:
    """The longest test starts first, and the other worker has no work after its half; with worksteal."""

    def suite(count: int) -> Suite:
        long = functions(count, 3000 / count, name="test_migrations")
        return Suite({"test_a.py": module(long), "test_b.py": module(methods("TestRest", 25, 30))}, STEAL)

    return suite(1), Waste(("long-test", "slow-tests"), "test_migrations", suite(6))


@planted
def parametrised_family() -> Planted:
    """One function has 60 parameter sets that test the same; six suffice."""

    def suite(count: int) -> Suite:
        family = f'@pytest.mark.parametrize("price", range({count}))\ndef test_rounding(price):\n    spin(28)\n\n'
        return Suite({"test_prices.py": module(family, functions(20, 8)), **modules(2, functions(10, 8))})

    return suite(60), Waste(("parametrised",), "test_rounding", suite(6))


@planted
def parametrised_product() -> Planted:
    """Stacked parameters make 100 tests of one method; two workers."""

    def suite(count: int) -> Suite:
        marks = "".join(f'@pytest.mark.parametrize("{name}", range({count}))\n' for name in ("size", "colour"))
        family = (
            f"class TestRender:\n{indent(marks, '    ')}    def test_icon(self, size, colour):\n        spin(32)\n"
        )
        return Suite({"test_icons.py": module(family), **modules(2, functions(20, 25))}, LOAD)

    return suite(10), Waste(("parametrised",), "test_icon", suite(3))


# --- Collection and imports ---


@planted
def directory_without_tests() -> Planted:
    """pytest walks through a directory of data; the mended twin sets `testpaths`."""
    data = {f"data/batch_{n // 20}/item_{n}/values_{part}.csv": "1,2\n" for n in range(1400) for part in range(3)}
    suite = Suite(
        {**data, "tests/test_a.py": module(functions(20, 15)), "tests/test_b.py": module(functions(20, 10))}
    )
    return suite, Waste(("collection",), "data", replace(suite, ini="testpaths = tests"))


@planted
def scripts_that_look_like_tests() -> Planted:
    """Two workers and slow scripts named test_*.py without tests; the mended twin sets `testpaths`."""
    scripts = {f"samples/test_device_{n}.py": module("spin(45)\n") for n in range(24)}
    suite = Suite({**scripts, "checks/test_a.py": module(functions(30, 40))}, LOAD)
    return suite, Waste(("collection", "imports"), "samples", replace(suite, ini="testpaths = checks"))


@planted
def import_in_conftest() -> Planted:
    """conftest imports a heavy package that no test needs."""

    def suite(line: str) -> Suite:
        return Suite(
            {**package("charts", 1100), "conftest.py": module(line), **modules(3, functions(10, 15))},
        )

    return suite("import charts\n"), Waste(("imports",), "charts", suite(""))


@planted
def import_in_each_process() -> Planted:
    """conftest imports a heavy package in the controller and in both workers."""

    def suite(line: str) -> Suite:
        files = {**package("warehouse", 600), "tests/conftest.py": module(line)}
        files |= {f"tests/{name}": text for name, text in modules(4, methods("TestStock", 8, 35)).items()}
        return Suite(files, (*LOAD, "tests"))

    return suite("import warehouse.tables\n"), Waste(("imports",), "warehouse", suite(""))


@planted
def import_in_a_test_module() -> Planted:
    """A test module imports a heavy package when it is collected; the mended twin does without it."""

    def suite(line: str) -> Suite:
        files = {**package("zoo", 1000), **modules(2, functions(10, 15))}
        return Suite(files | {"tests/models/test_model.py": module(line, functions(5, 20))})

    return suite("import zoo\n"), Waste(("imports",), "zoo", suite(""))


@planted
def import_in_a_plugin() -> Planted:
    """A plugin of the project, loaded by `-p`, imports a heavy package; two workers."""

    def suite(line: str) -> Suite:
        files = {**package("telemetry", 550), "tools/__init__.py": "", "tools/plugin.py": line}
        return Suite(files | modules(3, functions(10, 40)), ("-p", "tools.plugin", *STEAL))

    return suite("import telemetry\n"), Waste(("imports",), "telemetry", suite(""))


@planted
def first_import_in_a_test() -> Planted:
    """The first test pays for an import that the others find done."""

    def suite(ms: float) -> Suite:
        body = "import pricing\nspin(20)"
        return Suite({**package("pricing", ms), **modules(2, functions(12, 0, body=body))})

    return suite(1100), Waste(("first-import",), "pricing", suite(5))


@planted
def first_import_in_a_fixture() -> Planted:
    """The first test of each worker pays for an import in a cheap fixture."""

    def suite(ms: float) -> Suite:
        model = "@pytest.fixture\ndef model():\n    import learning\n    return learning\n\n"
        files = {**package("learning", ms), "conftest.py": module(model)}
        return Suite(files | modules(4, methods("TestModel", 8, 45, "model")), LOAD)

    return suite(1200), Waste(("first-import",), "learning", suite(5))


# --- Waiting ---


@planted
def sleep_in_tests() -> Planted:
    """Seven tests sleep for 200 ms each."""

    def suite(ms: float) -> Suite:
        sleeping = functions(7, 0, name="test_retry", body=f"rest({ms})\nspin(10)")
        return Suite({"test_retries.py": module(sleeping), **modules(2, functions(15, 12))})

    return suite(200), Waste(("waiting",), "test_retr", suite(1))


@planted
def sleep_in_a_fixture() -> Planted:
    """A fixture polls a service that is ready after 150 ms; two workers."""

    def suite(ms: float) -> Suite:
        service = (
            f"@pytest.fixture\ndef service():\n    for _ in range(15):\n        rest({ms / 15})\n    return 1\n\n"
        )
        files = {"conftest.py": module(service), "test_service.py": module(functions(20, 15, "service"))}
        return Suite(files | modules(2, functions(15, 40)), LOAD)

    return suite(150), Waste(("waiting", "fixture-scope"), "service", suite(1))


@planted
def sleep_in_coroutines() -> Planted:
    """anyio: tests wait for time-outs of 180 ms."""

    def suite(seconds: float) -> Suite:
        backend = '@pytest.fixture\ndef anyio_backend():\n    return "asyncio"\n\n'
        slow = coroutines(8, 0, body=f"await asyncio.sleep({seconds})\nspin(15)")
        files = {
            "conftest.py": module(backend),
            "test_timeouts.py": module("pytestmark = pytest.mark.anyio\n", slow),
        }
        return Suite(files | modules(2, functions(15, 12)), ("-p", "no:asyncio"))

    return suite(0.18), Waste(("waiting",), "test_timeouts", suite(0.001))


@planted
def child_processes() -> Planted:
    """Five tests start a program and wait for it; the mended twin calls its function."""

    def suite(run: str) -> Suite:
        source = "import subprocess, sys\n\n" + functions(5, 0, name="test_command", body=run)
        files = {"program.py": "from work import spin\n\nspin(200)\n", "test_commands.py": module(source)}
        return Suite(files | modules(2, functions(15, 15)))

    child = 'subprocess.run([sys.executable, "program.py"], check=True)'
    return suite(child), Waste(("child-processes",), "test_command", suite("spin(5)"))


@planted
def child_process_in_a_fixture() -> Planted:
    """A fixture with module scope runs a program; two workers."""

    def suite(run: str) -> Suite:
        dump = f'import subprocess, sys\n\n@pytest.fixture(scope="module")\ndef dump():\n    {run}\n\n'
        files = {"program.py": "from work import spin\n\nspin(350)\n"}
        return Suite(files | modules(6, dump, functions(8, 30, "dump")), FILE)

    child = 'subprocess.run([sys.executable, "program.py"], check=True)'
    return suite(child), Waste(("child-processes", "fixture-scope"), "dump", suite("spin(2)"))


# --- Garbage collection, hooks, exit ---

HEAP = "HEAP = [[number] for number in range(700_000)]\n\n"


@planted
def collect_after_each_test() -> Planted:
    """An autouse fixture calls `gc.collect()` after each test, with many objects in memory."""

    def suite(line: str) -> Suite:
        collect = f"import gc\n\n@pytest.fixture(autouse=True)\ndef no_leaks():\n    yield\n    {line}\n\n"
        return Suite({"conftest.py": module(HEAP, collect), **modules(3, functions(10, 15))})

    return suite("gc.collect()"), Waste(("garbage-collection",), "no_leaks", suite("pass"))


@planted
def collections_of_a_large_heap() -> Planted:
    """Tests allocate much beside many objects; the mended twin calls `gc.freeze()` and collects rarely."""

    def suite(line: str) -> Suite:
        body = "rows = [[number] for number in range(200_000)]\nassert rows"
        return Suite({"conftest.py": module("import gc\n", HEAP, line), **modules(2, functions(25, 0, body=body))})

    frozen = "gc.freeze()\ngc.set_threshold(500_000, 50, 100)\n"
    return suite(""), Waste(("garbage-collection",), "", suite(frozen))


@planted
def hook_for_each_test() -> Planted:
    """A hook of conftest costs 14 ms per test."""

    def suite(ms: float) -> Suite:
        hook = f"def pytest_runtest_logreport(report):\n    spin({ms} if report.when == 'call' else 0)\n\n"
        return Suite({"conftest.py": module(hook), **modules(4, functions(22, 5))})

    return suite(15), Waste(("hooks",), "conftest", suite(0))


@planted
def plugin_for_each_test() -> Planted:
    """A plugin of the project costs 30 ms per test in each worker."""

    def suite(ms: float) -> Suite:
        hook = (
            "@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_protocol(item):\n"
            f"    spin({ms})\n    return (yield)\n\n"
        )
        files = {"tools/__init__.py": "", "tools/audit.py": module(hook)}
        return Suite(files | modules(4, methods("TestParts", 18, 20)), ("-p", "tools.audit", *FILE))

    return suite(32), Waste(("hooks",), "audit", suite(0))


@planted
def work_at_exit() -> Planted:
    """A function registered with `atexit` takes 1.2 s."""

    def suite(ms: float) -> Suite:
        report = f"import atexit\n\natexit.register(spin, {ms})\n"
        return Suite({"conftest.py": module(report), **modules(3, functions(12, 15))})

    return suite(1200), Waste(("after-summary",), "", suite(2))


@planted
def thread_at_exit() -> Planted:
    """The interpreter waits for a thread of a session fixture."""

    def suite(ms: float) -> Suite:
        poller = (
            "import threading\n\n@pytest.fixture(scope='session', autouse=True)\ndef poller():\n"
            f"    yield threading\n    threading.Thread(target=rest, args=({ms},)).start()\n\n"
        )
        return Suite({"conftest.py": module(poller), **modules(2, functions(15, 20))})

    return suite(1300), Waste(("after-summary",), "", suite(2))


@planted
def slow_end_of_session() -> Planted:
    """A hook writes a report after the last test; two workers."""

    def suite(ms: float) -> Suite:
        finish = f"def pytest_sessionfinish(session):\n    spin({ms})\n\n"
        return Suite({"conftest.py": module(finish), **modules(4, functions(10, 45))}, LOAD)

    return suite(700), Waste(("after-summary", "hooks"), "", suite(2))


# --- Reruns, coverage, logging, bytecode ---


def flaky(count: int, ms: float, failures: int) -> str:
    """Return tests that fail this number of times before they pass."""
    body = f"ATTEMPTS.append(1)\nspin({ms})\nassert ATTEMPTS.count(1) % {failures + 1} == 0"
    return "ATTEMPTS = []\n\n" + functions(count, 0, name="test_remote", body=body)


@planted
def reruns() -> Planted:
    """pytest-rerunfailures: four tests pass at the third attempt."""

    def suite(failures: int) -> Suite:
        files = {"test_remote.py": module(flaky(4, 150, failures)), **modules(3, functions(12, 10))}
        return Suite(files, ("--reruns", "3"))

    return suite(2), Waste(("reruns",), "test_remote", suite(0))


@planted
def reruns_with_delay() -> Planted:
    """Reruns wait between attempts; two workers."""

    def suite(failures: int) -> Suite:
        files = {**modules(3, functions(10, 30)), "test_remote.py": module(flaky(6, 20, failures))}
        return Suite(files, (*FILE, "--reruns", "2", "--reruns-delay", "0.3"))

    return suite(1), Waste(("reruns",), "test_remote", suite(0))


@planted
def coverage_tracer() -> Planted:
    """pytest-cov with the C tracer; the mended twin sets COVERAGE_CORE=sysmon."""
    shop = "def total(prices):\n    result = 0\n    for price in prices:\n        result += price\n"
    suite = Suite(
        {
            "shop.py": shop,
            **modules(3, "from shop import total\n", functions(10, 0, body="total(range(450_000))")),
        },
        ("--cov=shop", "--cov-report="),
        {"COVERAGE_CORE": "ctrace"},
    )
    return suite, Waste(("coverage",), "", replace(suite, environment={"COVERAGE_CORE": "sysmon"}))


@planted
def captured_log_messages() -> Planted:
    """pytest stores and formats all debug messages; the mended twin has a higher level."""
    body = 'for number in range(1800):\n    LOG.debug("step %d", number)\nspin(10)'
    source = module('import logging\n\nLOG = logging.getLogger("shop")\n', functions(15, 0, body=body))
    suite = Suite({"test_a.py": source, "test_b.py": source}, ini="log_level = DEBUG")
    return suite, Waste(("logging",), "", replace(suite, ini="log_level = WARNING"))


@planted
def no_bytecode() -> Planted:
    """PYTHONDONTWRITEBYTECODE: large modules are compiled again in every run."""
    tables = "".join(
        f"def rate_{n}(value, factor={n}):\n    return (value + {n}) * factor\n\n" for n in range(4000)
    )
    files = {f"generated/table_{n}.py": tables for n in range(8)} | {"generated/__init__.py": ""}
    imports = "".join(f"import generated.table_{n}\n" for n in range(8))
    suite = Suite(
        {**files, "test_rates.py": module(imports, functions(20, 12)), **modules(2, functions(10, 12))},
        environment={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    return suite, Waste(("bytecode",), "", replace(suite, environment={}))


# --- Workers ---


@planted
def no_workers() -> Planted:
    """One process executes four seconds of independent tests."""
    suite = Suite(modules(4, functions(8, 130)))
    return suite, Waste(("workers",), "", replace(suite, options=TWO))


@planted
def too_many_workers() -> Planted:
    """Eight workers on a machine with fewer cores, each with a start-up of its own."""
    suite = Suite({"conftest.py": module("spin(200)\n"), **modules(4, functions(10, 25))}, ("-n", "8"))
    return suite, Waste(("workers",), "", replace(suite, options=TWO))


@planted
def needless_workers() -> Planted:
    """Two workers for tests that take 100 ms together."""
    suite = Suite({"conftest.py": module("spin(450)\n"), **modules(3, methods("TestFast", 8, 4))}, LOAD)
    return suite, Waste(("workers",), "", replace(suite, options=()))


@planted
def one_large_file() -> Planted:
    """`--dist loadfile`: one file holds most of the work."""
    files = {"test_orders.py": module(functions(30, 90)), **modules(4, functions(8, 25))}
    return Suite(files, FILE), Waste(("distribution",), "", Suite(files, LOAD))


@planted
def one_large_class() -> Planted:
    """`--dist loadscope`: one class holds most of the work."""
    classes = [methods("TestOrders", 28, 90), *(methods(f"TestPart{n}", 5, 25) for n in range(5))]
    files = {"test_shop.py": module(*classes)}
    return Suite(files, SCOPE), Waste(("distribution",), "", Suite(files, STEAL))


@planted
def slow_tests_at_the_start() -> Planted:
    """`--dist load` gives the first eighth, all slow, to one worker; the mended twin steals work."""
    files = {"test_a.py": module(functions(20, 140)), "test_b.py": module(functions(140, 4))}
    return Suite(files, LOAD), Waste(("distribution",), "", Suite(files, STEAL))


@planted
def one_group() -> Planted:
    """`--dist loadgroup`: most modules are marked for one group without need."""
    mark = 'pytestmark = pytest.mark.xdist_group("database")\n'
    files = {**modules(4, mark, functions(8, 75)), **modules(2, functions(10, 15), name="test_free")}
    return Suite(files, GROUP), Waste(("distribution",), "", Suite(files, LOAD))


# --- Two wastes in one suite ---


@planted
def scope_and_sleep() -> Planted:
    """A fixture is built for each test, and six tests sleep."""

    def suite(scope: str, ms: float) -> Suite:
        sleeping = functions(6, 0, name="test_timeout", body=f"rest({ms})\nspin(10)")
        files = {
            "conftest.py": module(fixture("catalogue", 60, scope)),
            **modules(2, functions(11, 12, "catalogue")),
        }
        return Suite({**files, "test_timeouts.py": module(sleeping)})

    return (
        suite("function", 150),
        Waste(("fixture-scope",), "catalogue", suite("session", 150)),
        Waste(("waiting",), "test_timeout", suite("function", 1)),
    )


@planted
def import_and_teardown() -> Planted:
    """conftest imports a heavy package in each process, and a fixture is slow to stop; two workers."""

    def suite(line: str, ms: float) -> Suite:
        files = {**package("ledger", 500), "conftest.py": module(line, fixture("store", 3, teardown=ms))}
        return Suite(files | modules(4, functions(8, 25, "store")), LOAD)

    return (
        suite("import ledger\n", 40),
        Waste(("imports",), "ledger", suite("", 40)),
        Waste(("slow-teardown", "fixture-scope"), "store", suite("import ledger\n", 1)),
    )


@planted
def imbalance_and_autouse() -> Planted:
    """One large file of `--dist loadfile`, and an autouse fixture that few tests need."""

    def suite(arguments: str, options: tuple[str, ...]) -> Suite:
        files = {
            "conftest.py": module(fixture("currency", 35, arguments=arguments)),
            "test_orders.py": module(functions(30, 45), functions(2, 45, "currency", name="test_euro")),
            **modules(3, functions(6, 15)),
        }
        return Suite(files, options)

    return (
        suite("autouse=True", FILE),
        Waste(("distribution",), "", suite("autouse=True", LOAD)),
        Waste(("autouse", "fixture-scope"), "currency", suite("", FILE)),
    )


@planted
def reruns_and_hook() -> Planted:
    """Flaky tests are repeated, and a hook costs 12 ms per test."""

    def suite(failures: int, ms: float) -> Suite:
        hook = f"def pytest_runtest_logstart(nodeid):\n    spin({ms})\n\n"
        files = {"conftest.py": module(hook), "test_remote.py": module(flaky(3, 130, failures))}
        return Suite(files | modules(3, functions(20, 4)), ("--reruns", "3"))

    return (
        suite(2, 12),
        Waste(("hooks",), "conftest", suite(2, 0)),
        Waste(("reruns",), "test_remote", suite(0, 12)),
    )


@planted
def child_and_exit() -> Planted:
    """Tests wait for a program, and a function registered with `atexit` takes 0.6 s."""

    def suite(run: str, ms: float) -> Suite:
        source = "import subprocess, sys\n\n" + functions(5, 0, name="test_command", body=run)
        files = {"program.py": "from work import spin\n\nspin(180)\n", "test_commands.py": module(source)}
        files["conftest.py"] = module(f"import atexit\n\natexit.register(spin, {ms})\n")
        return Suite(files | modules(2, functions(10, 12)))

    child = 'subprocess.run([sys.executable, "program.py"], check=True)'
    return (
        suite(child, 600),
        Waste(("child-processes",), "test_command", suite("spin(5)", 600)),
        Waste(("after-summary",), "", suite(child, 2)),
    )


# --- Clean suites ---


@clean
def clean_functions() -> Suite:
    """Functions of equal cost, one process."""
    return Suite(modules(4, functions(15, 10)))


@clean
def clean_workers() -> Suite:
    """Functions of equal cost, two workers."""
    return Suite(modules(4, functions(12, 90)), LOAD)


@clean
def clean_files() -> Suite:
    """Files of equal cost, `--dist loadfile`."""
    return Suite(modules(6, methods("TestParts", 8, 90)), FILE)


@clean
def clean_scopes() -> Suite:
    """Classes with cheap fixtures, `--dist loadscope`."""
    classes = [
        methods(f"TestPart{n}", 5, 90, "part", before=fixture("part", 8, "class", uses="self")) for n in range(8)
    ]
    return Suite({"test_parts.py": module(*classes)}, SCOPE)


@clean
def clean_stealing() -> Suite:
    """Tests of different cost, `--dist worksteal`."""
    return Suite({f"test_{n}.py": module(functions(6, 40 + 20 * n)) for n in range(8)}, STEAL)


@clean
def clean_session_fixture() -> Suite:
    """All tests use a session fixture, which is built once in each of two workers at the same time."""
    return Suite(
        {"conftest.py": module(fixture("database", 150, "session")), **modules(4, functions(10, 80, "database"))},
        LOAD,
    )


@clean
def clean_coroutines() -> Suite:
    """Asynchronous tests of pytest-asyncio."""
    return Suite(modules(2, coroutines(15, 12)), ini="asyncio_mode = auto")


@clean
def clean_unittest() -> Suite:
    """unittest classes with cheap `setUp`."""
    before = "def setUp(self):\n    self.value = 1\n\n"
    return Suite({f"test_{n}.py": module(unit_tests(f"Part{n}Test", 12, 15, before=before)) for n in range(3)})


@clean
def clean_parameters() -> Suite:
    """A few parameter sets for each function."""
    family = '@pytest.mark.parametrize("value", range(3))\ndef test_value_{0}(value):\n    spin(12)\n\n'
    return Suite(modules(2, *(family.format(n) for n in range(7))))


@clean
def clean_directories() -> Suite:
    """Nested directories with cheap fixtures on each level."""
    return Suite(
        {
            "conftest.py": module(fixture("settings", 4, "session")),
            "tests/conftest.py": module(fixture("user", 1, uses="settings")),
            "tests/web/conftest.py": module(fixture("client", 1, uses="user")),
            "tests/web/test_pages.py": module(functions(14, 15, "client")),
            "tests/unit/test_money.py": module(functions(14, 15, "settings")),
        }
    )


@clean
def clean_mocks() -> Suite:
    """Tests with mocks of pytest-mock."""
    body = "send = mocker.Mock()\nsend(1)\nspin(12)\nsend.assert_called_once()"
    return Suite(modules(2, functions(18, 0, "mocker", body=body)))


@clean
def clean_coverage() -> Suite:
    """Coverage of a small module, whose tracing costs little."""
    shop = "def total(prices):\n    return sum(prices)\n"
    files = {
        "shop.py": shop,
        **modules(2, "from shop import total\n", functions(15, 0, body="total([1])\nspin(15)")),
    }
    return Suite(files, ("--cov=shop", "--cov-report="))


@clean
def clean_groups() -> Suite:
    """Groups of equal cost, `--dist loadgroup`."""
    mark = 'pytestmark = pytest.mark.xdist_group("{0}")\n'
    return Suite({f"test_{n}.py": module(mark.format(n % 4), functions(7, 80)) for n in range(8)}, GROUP)


#: About a third of the cases. No rule may be tuned on these.
HELD_OUT = frozenset(
    (
        "scope_of_a_class",
        "scope_of_an_async_fixture",
        "setup_method",
        "class_fixtures_in_each_worker",
        "autouse_of_a_directory",
        "slow_teardown_of_modules",
        "few_slow_methods",
        "long_test_first",
        "parametrised_product",
        "scripts_that_look_like_tests",
        "import_in_a_plugin",
        "first_import_in_a_fixture",
        "sleep_in_coroutines",
        "child_process_in_a_fixture",
        "collections_of_a_large_heap",
        "plugin_for_each_test",
        "thread_at_exit",
        "reruns_with_delay",
        "slow_tests_at_the_start",
        "needless_workers",
        "imbalance_and_autouse",
        "child_and_exit",
        "clean_files",
        "clean_scopes",
        "clean_coroutines",
        "clean_groups",
    )
)
