"""What a run is judged by, as a real server has it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from akastats.analysis.analyse import analyse
from akastats.config import Config
from akastats.delivery import analysing as shipper
from akastats.delivery.analysing import analyse_late_runs
from akastats.errors import NotFoundError
from akastats.model.verdicts import pack
from akastats.queries import analysis_input, base_run, runs, verdicts
from akastats.queries.analysis_input import RecordCache
from akastats.queries.runs import Run, read_run
from akastats.redis import connect, run, sync_redis
from akastats.store import keys
from akastats.store import verdicts as stored
from conftest import executor
from tests.delivered_runs import STARTED, deliver_run

NAMESPACE = "AKA-STATS"
PASSED = [("a.py::t", "passed", 0.1), ("a.py::u", "passed", 0.1)]
FAILED = [("a.py::t", "failed", 0.1), ("a.py::u", "passed", 0.1)]


@pytest.fixture
def told(server, tmp_path):
    """Deliver runs, each 100 s after the one before: a branch, a commit of its own, tests; return their ids."""
    count = iter(range(1000))

    def tell_run(tests=PASSED, **header):
        number = next(count)
        header = {"branch": "main", "commit": f"c{number}", **header}
        run_id = f"20231114T22{number:07d}-000001"
        return deliver_run(server, tmp_path, tests, run_id=run_id, started=STARTED + 100 * number, **header)

    return tell_run


def past(run_id):
    """Return what a run is judged by."""
    return sync_redis.run(analysis_input.read_history(NAMESPACE, sync_redis.run(read_run(NAMESPACE, run_id))))


def judged(run_id, known=None):
    """Return the verdicts of a run."""
    return analyse(sync_redis.run(analysis_input.read_input(NAMESPACE, run_id, known or RecordCache())))


def ids(runs):
    """Return the ids of runs."""
    return [each.id for each in runs]


def test_a_run_of_main_is_judged_by_main_before_it(told):
    """Oldest first; neither other branches nor other suites, nor what came later."""
    first, second = told(), told()
    told(branch="fix")
    told(suite="unit")
    now = told()
    told()

    found = past(now)

    assert ("main", [first, second], []) == (found.base_branch, ids(found.base), ids(found.own))


def test_a_branch_is_judged_by_main_and_itself(told):
    """Its own runs are no base."""
    base, own = told(), told(branch="fix")
    told(branch="other")

    found = past(told(branch="fix"))

    assert ("main", [base], [own]) == (found.base_branch, ids(found.base), ids(found.own))


@pytest.mark.parametrize(("branch", "base_branch"), [("fix", "master"), ("master", "master"), ("", "")])
def test_master_is_a_base_too(told, branch, base_branch):
    """Where there is no main."""
    told(branch="master")

    assert base_branch == past(told(branch=branch)).base_branch


def test_without_a_default_branch_the_own_one_is_the_base(told):
    """A project may call it anything."""
    before = told(branch="trunk")

    found = past(told(branch="trunk"))

    assert ("trunk", [before], []) == (found.base_branch, ids(found.base), ids(found.own))


def test_what_was_not_committed_is_no_base(told):
    """Once there is enough that was."""
    clean = [told() for _ in range(5)]
    told(dirty=True)

    assert clean == ids(past(told()).base)


def test_a_desk_without_clean_runs_judges_by_what_it_has(told):
    """Somebody who never commits before testing wants verdicts as well."""
    dirty = [told(dirty=True) for _ in range(6)]

    assert dirty == ids(past(told(dirty=True)).base)


def test_the_newest_two_hundred_count(told, monkeypatch):
    """Older ones say little of today."""
    monkeypatch.setattr(analysis_input, "MAX_BASE", 3)
    runs = [told() for _ in range(5)]

    assert runs[2:] == ids(past(told()).base)


def test_a_run_that_goes_on_judges_nothing(told):
    """What is in it may change."""
    told(ended=False)

    assert "crashed" == sync_redis.run(read_run(NAMESPACE, past(told()).newest_first[0].id)).status


def test_failures_and_states_out_of_the_store(told):
    """From spools to labels."""
    for _ in range(6):
        told()
    now = told(FAILED)

    found = judged(now)

    assert [("a.py::t", "new")] == [(failure.nodeid, failure.label) for failure in found.failures]
    assert (now, "main", 7) == (found.run, found.base, found.runs)


def test_a_run_without_a_profile_cannot_be_judged(told, redis_client):
    """It says that it is gone."""
    run_id = told()
    redis_client.delete(keys.profile(NAMESPACE, run_id))

    with pytest.raises(NotFoundError):
        judged(run_id)


def test_profiles_that_are_gone_or_unreadable_are_left_out(told, redis_client):
    """The others say enough."""
    gone, foreign, *_ = [told() for _ in range(6)]
    redis_client.delete(keys.profile(NAMESPACE, gone))
    redis_client.set(keys.profile(NAMESPACE, foreign), b"of a later release")

    assert 5 == judged(told()).runs


def test_what_is_known_is_not_read_again(told, redis_client):
    """While a run goes on its past is read step by step; at the end only the run itself is."""
    before, now = told(), told()
    known = RecordCache()
    earlier = sync_redis.run(read_run(NAMESPACE, before))

    is_all = sync_redis.run(analysis_input.load_records(NAMESPACE, [earlier], known, steps=1))
    redis_client.delete(keys.profile(NAMESPACE, before))

    assert is_all
    assert 2 == judged(now, known).runs


def test_reading_goes_in_steps(told):
    """Five profiles each: 10,000 tests take 0.1 s."""
    runs = [sync_redis.run(read_run(NAMESPACE, told())) for _ in range(11)]
    known = RecordCache()

    steps = [sync_redis.run(analysis_input.load_records(NAMESPACE, runs, known, steps=1)) for _ in range(3)]

    assert [False, False, True] == steps
    assert 11 == len(known.records)


def test_so_many_tests_and_no_more():
    """A suite of a million is judged by its newest runs, one at least."""
    large = [Run(str(number), tests=1_000_000) for number in range(5)]

    assert (["0", "1"], ["0"]) == (
        ids(analysis_input.within_bounds(large)),
        ids(analysis_input.within_bounds([Run("0", tests=9_000_000), *large])),
    )


def test_news_are_against_the_verdicts_before(told):
    """Of the same branch, stored with the run they are of."""
    for _ in range(6):
        told()
    first, second = told(FAILED), told(FAILED)
    verdicts_of_first = judged(first)
    sync_redis.run(stored.store_verdicts(NAMESPACE, first, pack(verdicts_of_first), 100))

    assert verdicts_of_first == sync_redis.run(verdicts.read_verdicts(NAMESPACE, first))
    assert "also failing on base" == judged(second).failures[0].label


def test_verdicts_that_nobody_made_are_not_found(told):
    """A run may be older than verdicts are."""
    with pytest.raises(NotFoundError, match="not analysed yet"):
        sync_redis.run(verdicts.read_verdicts(NAMESPACE, told()))


def test_runs_that_were_delivered_late_are_judged(told, server):
    """Oldest first, so that news are told of the run that brought them; one without a profile costs no other."""
    runs = [told(FAILED) for _ in range(3)]

    analyse_late_runs(Config(redis_url=server), executor(server), [*runs[::-1], "unknown"])

    assert [1, 2, 3] == [sync_redis.run(verdicts.read_verdicts(NAMESPACE, run_id)).runs for run_id in runs]


def test_of_many_late_runs_the_newest_are_judged(told, server, monkeypatch):
    """A year of reports that is read in would take minutes."""
    monkeypatch.setattr(shipper, "MAX_LATE", 2)
    runs = [told() for _ in range(3)]

    analyse_late_runs(Config(redis_url=server), executor(server), runs)

    assert set(runs[1:]) == set(sync_redis.run(stored.read_verdicts(NAMESPACE, runs)))


def test_runs_that_have_verdicts_keep_them(told, server):
    """What was excused in a run is known to whoever judged it then, and to nobody later."""
    run_id = told(FAILED)
    verdicts_then = replace(judged(run_id), runs=77)
    sync_redis.run(stored.store_verdicts(NAMESPACE, run_id, pack(verdicts_then), 100))

    analyse_late_runs(Config(redis_url=server), executor(server), [run_id])

    assert verdicts_then == sync_redis.run(verdicts.read_verdicts(NAMESPACE, run_id))


def test_a_run_that_cannot_be_judged_costs_no_other(told, server, redis_client):
    """Its profile is damaged."""
    damaged, sound = told(), told()
    redis_client.set(keys.profile(NAMESPACE, damaged), b"no profile")

    analyse_late_runs(Config(redis_url=server), executor(server), [damaged, sound])

    assert [sound] == list(sync_redis.run(stored.read_verdicts(NAMESPACE, [damaged, sound])))


def keep(run_id):
    """Judge a run and store its verdicts, as its shipper does."""
    sync_redis.run(stored.store_verdicts(NAMESPACE, run_id, pack(judged(run_id)), 100))


def test_a_branch_s_first_run_knows_what_its_base_has_told(told):
    """The base's news are not told again on each branch."""
    for _ in range(3):
        told()
    flaky = [("a.py::t", "rerun", 0.1), *PASSED]
    keep(told(flaky))

    found = judged(told(flaky, branch="fix"))

    assert [("a.py::t", "flaky", False)] == [(test.nodeid, test.state, test.is_new) for test in found.tests]


def test_without_a_branch_others_verdicts_are_not_the_ones_before(told):
    """A desk without git beside a CI that has it: each has its own news."""
    flaky = [("a.py::t", "rerun", 0.1), *PASSED]
    keep(told(flaky, branch="", commit=""))
    keep(told(PASSED))

    found = judged(told(flaky, branch="", commit=""))

    assert [False] == [test.is_new for test in found.tests]


@pytest.mark.parametrize("number", ["7", "true"])
def test_a_pull_request_is_never_the_base(told, number):
    """A fork's branch may be called main: its runs are no runs of main, and no other pull request's."""
    base = told()
    told(pull_request=number)
    own = told(pull_request="8")

    of_main, of_pull = past(told()), past(told(pull_request="8", base="main"))

    assert ([base], []) == (ids(of_main.base), ids(of_main.own))
    assert ("main", base, [own]) == (of_pull.base_branch, ids(of_pull.base)[0], ids(of_pull.own))


def test_a_pull_request_is_compared_with_its_target(told):
    """All work goes to develop, and main is tested at releases."""
    told()
    develop = told(branch="develop")

    found = past(told(branch="fix", pull_request="7", base="develop", default_branch="main"))

    assert ("develop", [develop]) == (found.base_branch, ids(found.base))


@pytest.mark.parametrize(
    ("header", "base_branch"),
    [
        ({"branch": "fix", "base": "next", "default_branch": "trunk"}, "next"),
        ({"branch": "fix", "base": "gone", "default_branch": "trunk"}, "trunk"),
        ({"branch": "fix", "default_branch": "trunk"}, "trunk"),
        ({"branch": "fix", "default_branch": "gone"}, "main"),
        ({"branch": "trunk", "default_branch": "trunk"}, "trunk"),
        ({"branch": "next", "base": "next"}, "next"),
        ({"branch": "main", "base": "next"}, "next"),
        ({"branch": "main", "default_branch": "trunk"}, "main"),
        ({"branch": "", "base": "next"}, "next"),
        ({"branch": "fix", "pull_request": "7", "base": "gone"}, "main"),
    ],
)
def test_the_base_is_the_configured_branch_the_target_or_the_default_one(told, header, base_branch):
    """In this order; where one has no runs, the next counts."""
    for branch in ("main", "trunk", "next", "fix"):
        told(branch=branch)

    assert base_branch == past(told(**header)).base_branch


def test_a_pull_request_without_runs_of_a_base_has_none(told):
    """Its own earlier runs, which break what it breaks, are not what it is compared with."""
    own = told(branch="fix", pull_request="7", base="main")

    found = past(told(branch="fix", pull_request="7", base="main"))

    assert ("main", [], [own]) == (found.base_branch, ids(found.base), ids(found.own))


def test_a_run_inside_another_run_is_judged_by_none_and_judges_none(told):
    """A test's own sample of pytest is no run of the branch."""
    base = told()
    nested = told(FAILED, nested=True)

    assert [base] == ids(past(told()).base)
    assert ([], []) == (past(nested).base, past(nested).own)


def test_the_base_that_a_runs_details_compare_it_with(told):
    """Neither a pull request nor a run inside another one, unless it is the same pull request."""
    base = told()
    told(FAILED, pull_request="7")
    nested = told(nested=True)
    now, pull = told(), told(pull_request="8", base="main")
    again = told(pull_request="8", base="main")

    def base_of(run_id):
        found = sync_redis.run(base_run.find_base(NAMESPACE, sync_redis.run(read_run(NAMESPACE, run_id))))
        return found and found.id

    assert (base, now, pull, None) == tuple(map(base_of, (now, pull, again, nested)))


def test_the_newest_verdicts_are_not_those_of_a_pull_request_or_a_run_inside_another(told, server):
    """Of the default branch, as far as the repository says which it is."""
    ids_ = [
        told(),
        told(branch="trunk", default_branch="trunk"),
        told(branch="trunk", pull_request="7"),
        told(nested=1),
    ]
    last = told(branch="fix", default_branch="trunk")
    with connect(server) as client:
        for run_id in (*ids_, last):
            run(stored.store_verdicts(NAMESPACE, run_id, pack(judged(run_id)), 60), client, client)

    assert ids_[1] == sync_redis.run(verdicts.read_newest(NAMESPACE, None, None)).run
    assert ids_[0] == sync_redis.run(verdicts.read_newest(NAMESPACE, None, "main")).run


def test_the_newest_run_is_found_behind_those_inside_others(told):
    """A suite that starts pytest has hundreds of them in each of its runs."""
    newest = told()
    for _ in range(60):
        told(nested=True)

    assert newest == sync_redis.run(runs.read_newest(NAMESPACE)).id
