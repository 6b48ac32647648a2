"""What the demo's callers mean to do, and how it judges what came of it."""

from itertools import islice

import pytest

from acd.core.record import Outcome, Record
from simulator.phones.callers import Report
from simulator.phones.demo import disagreement, summary
from simulator.phones.script import Script, bank_callers

PATIENT = Script("1", "Loans", "95588")
IMPATIENT = Script("2", "Loans", "95588", gives_up_s=2.0)


def record(outcome: Outcome, released_by: str = "caller", caller: str = "1") -> Record:
    return Record(f"1-{caller}", "trunk:carrier", "95588", caller, 1.0, outcome, released_by=released_by)


def test_a_tenth_of_the_callers_give_up_in_their_queue_the_same_for_the_same_seed() -> None:
    scripts = list(islice(bank_callers(7), 2000))
    assert scripts == list(islice(bank_callers(7), 2000))
    assert 150 < sum(script.gives_up_s is not None for script in scripts) < 250


@pytest.mark.parametrize(
    ("report", "outcome", "by", "problem"),
    [
        (Report(PATIENT, agent="a1"), "answered", "caller", ""),
        (Report(PATIENT, agent="a1"), "answered", "agent", "the record says answered, released by agent"),
        (Report(PATIENT, agent="a1"), "abandoned", "caller", "the record says abandoned, released by caller"),
        (Report(IMPATIENT), "abandoned", "caller", ""),
        (Report(IMPATIENT), "hung_up_in_flow", "caller", "the record says hung_up_in_flow; he gave up while he waited"),
        (Report(IMPATIENT), "answered", "caller", "the record says answered; he gave up while he waited"),
    ],
)
def test_a_record_that_says_otherwise_than_the_caller(report: Report, outcome: Outcome, by: str, problem: str) -> None:
    found = disagreement(report, record(outcome, by))
    assert found.startswith(problem)
    assert bool(found) == bool(problem)


def test_the_summary_counts_what_the_records_say() -> None:
    reports = [Report(PATIENT, agent="a1"), Report(IMPATIENT), Report(Script("3", "Cards", "95588"), problem="deaf")]
    found = summary(reports, {"1": record("answered"), "2": record("abandoned"), "3": record("hung_up_in_flow")})
    assert {name: found[name] for name in ("calls", "answered", "abandoned", "failed")} == {
        "calls": 3,
        "answered": 1,
        "abandoned": 1,
        "failed": 1,
    }
    assert [outcome.get("problem") for outcome in found["outcomes"]] == [None, None, "deaf"]
    assert disagreement(Report(IMPATIENT), None) == "no record"
