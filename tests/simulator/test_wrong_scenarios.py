"""Wrong scenario files, each with the exact place, fault and remedy that a planner is told."""

from pathlib import Path

import pytest

from acd.config.problem import ConfigError
from acd.core.settings import Agent, Queue
from simulator.scenario import fit, load
from tests.simulator.hotlines import hotline

GOOD = """\
version: 1
run: {start: "2026-03-02T08:00:00+08:00", length_s: 3600, warm_up_s: 600, replications: 2}
arrivals:
  private: {per_hour: 120}
callers:
  private:
    number: main
    patience: {exponential: {mean_s: 300}}
handling:
  - talk: {lognormal: {mean_s: 90, sd_s: 111}}
agents:
  roster:
    - {agents: [a0], start: "08:00", end: "16:00"}
"""
SETTINGS = hotline(
    queues={"main": Queue("main")}, people=[Agent("a0", device="d0", skills={"loans": 3}, teams=("day",), site="north")]
)

WRONG: dict[str, tuple[str, str, str]] = {
    "unknown key": (
        "replications: 2",
        "replicatons: 2",
        "2:75: unknown key 'replicatons' – did you mean 'replications'?",
    ),
    "no version": ("version: 1\n", "", "1:1: 'version' is missing – add version: …"),
    "another version": ("version: 1", "version: 2", "1:10: 2 is not 1"),
    "text for a number": (
        "length_s: 3600",
        'length_s: "3600"',
        "2:53: '3600' is not a number – write it without quotes",
    ),
    "start without zone": (
        "08:00:00+08:00",
        "08:00:00",
        "2:14: '2026-03-02T08:00:00' does not say its time zone – write it as 2026-03-02T08:00:00+08:00",
    ),
    "start is no instant": (
        "2026-03-02T08:00:00+08:00",
        "Monday",
        "2:14: 'Monday' is no instant – write it as 2026-03-02T08:00:00+08:00",
    ),
    "all warm-up": (
        "warm_up_s: 600",
        "warm_up_s: 3600",
        "2:1: the warm-up is as long as the run – let warm_up_s be less than 3600",
    ),
    "unknown caller type": (
        "private: {per_hour",
        "privat: {per_hour",
        "4:3: caller type 'privat' does not exist – did you mean 'private'?",
    ),
    "two ways to arrive": (
        "{per_hour: 120}",
        "{per_hour: 120, counts_csv: x.csv}",
        "4:3: per_hour and counts_csv tell when calls arrive – give one of per_hour, intervals, counts_csv, calls_csv",
    ),
    "no way to arrive": (
        "{per_hour: 120}",
        "{}",
        "4:3: nothing tells when calls arrive – give one of per_hour, intervals, counts_csv, calls_csv",
    ),
    "a CSV that is not there": (
        "{per_hour: 120}",
        "{counts_csv: gone.csv}",
        "4:25: gone.csv cannot be read: No such file or directory – paths are relative to this file",
    ),
    "negative rate": ("per_hour: 120", "per_hour: -5", "4:23: -5 is out of range – at least 0"),
    "no patience": ("    patience: {exponential: {mean_s: 300}}\n", "", "6:3: 'patience' is missing – add patience: …"),
    "duration in words": (
        "patience: {exponential: {mean_s: 300}}",
        "patience: 5 min",
        "8:15: '5 min' is no duration – give a number of seconds, or such as {exponential: {mean_s: 300}}",
    ),
    "unknown distribution": (
        "exponential:",
        "exponental:",
        "8:16: unknown key 'exponental' – did you mean 'exponential'?",
    ),
    "parameter missing": (", sd_s: 111", "", "10:12: 'sd_s' is missing – add sd_s: …"),
    "two distributions": (
        "{exponential: {mean_s: 300}}",
        "{exponential: {mean_s: 300}, constant: 5}",
        "8:5: constant and exponential at once – give a number of seconds or one of constant, exponential, lognormal, "
        "weibull, erlang, hazard, empirical, never",
    ),
    "hazard that goes back": (
        "{exponential: {mean_s: 300}}",
        "{hazard: [{from_s: 0, per_s: 0.1}, {from_s: 0, per_s: 0.2}]}",
        "8:5: the steps of a hazard do not follow each other – let from_s begin with 0 and rise",
    ),
    "nobody talks": (
        "  - talk: {lognormal: {mean_s: 90, sd_s: 111}}",
        "  - {callers: [private], talk: 90}",
        "9:1: the last entry must tell how long everybody else talks – end the list with - talk: …, for all",
    ),
    "no time of day": ('start: "08:00", ', 'start: "8 am", ', "13:29: '8 am' is no time of day – write \"08:30\""),
    "a waiting key that no telephone has": (
        "    number: main\n",
        '    number: main\n    waiting_key: {press: "10"}\n',
        "8:26: '10' is no key of a telephone – write one of 0 to 9, * and #, in quotes",
    ),
    "more intervals than anybody looks at": (
        "agents:\n",
        "measure: {interval_s: 0.1}\nagents:\n",
        "11:23: 0.1 s makes more than 20,000 intervals – at least 0.18 for a run of 3600 s",
    ),
    "arrivals told too finely": (
        "{per_hour: 120}",
        "{intervals: {every_s: 0.01, calls: [1]}}",
        "4:34: 0.01 s makes more than 20,000 intervals – at least 0.18 for a run of 3600 s",
    ),
    "a fault behind the end": (
        "agents:\n",
        "world: {faults: {surge: [{at_s: 4000, lasts_s: 60, times: 2}]}}\nagents:\n",
        "11:33: at 4000 s the run is over – less than 3600",
    ),
    "a break outside the shift": (
        'end: "16:00"}',
        'end: "16:00", breaks: [{at: "17:30", lasts_s: 600}]}',
        "13:7: a break at 17:30 is outside the shift – let it begin between 08:00 and 16:00",
    ),
    "more than all calls": (
        "agents:\n",
        "agents:\n  behaviour: [{no_answer: 0.6, reject: 0.5}]\n",
        "12:15: no_answer and reject are more than all calls – let them add up to 1 at most",
    ),
    "a share above 1": (
        'end: "16:00"}',
        'end: "16:00", absence: 5}',
        "13:61: 5 is out of range – at most 1",
    ),
    "a key twice": (
        "    number: main\n",
        "    number: main\n    number: main\n",
        "8:5: key 'number' twice – it stands on line 7 already: merge the two, or rename one",
    ),
}
UNFIT: dict[str, tuple[str, str, str]] = {
    "unknown number": ("number: main", "number: mian", "7:13: number 'mian' does not exist – did you mean 'main'?"),
    "unknown trunk": (
        "    number: main\n",
        "    number: main\n    trunk: carier\n",
        "8:12: trunk 'carier' does not exist – did you mean 'carrier'?",
    ),
    "unknown agent": ("[a0]", "[a7]", "13:17: agent 'a7' does not exist – the hotline has no such agent"),
    "unknown queue": (
        "  - talk",
        "  - {queues: [loans], talk: 5}\n  - talk",
        "10:15: queue 'loans' does not exist – the hotline has no such queue",
    ),
    "unknown queue to be sent on to": (
        "  - talk",
        "  - {transfer: {share: 0.1, to: mian}}\n  - talk",
        "10:33: queue 'mian' does not exist – did you mean 'main'?",
    ),
    "unknown queue whose agents are asked": (
        "  - talk",
        "  - {consult: {share: 0.1, queue: mian}}\n  - talk",
        "10:35: queue 'mian' does not exist – did you mean 'main'?",
    ),
    "unknown team that is asked": (
        "  - talk",
        "  - {consult: {share: 0.1, teams: [days]}}\n  - talk",
        "10:36: team 'days' does not exist – did you mean 'day'?",
    ),
    "unknown skill that is asked": (
        "  - talk",
        "  - {consult: {share: 0.1, skill: {skill: loan}}}\n  - talk",
        "10:43: skill 'loan' does not exist – did you mean 'loans'?",
    ),
    "unknown site": ("agents: [a0]", "sites: [nort]", "13:16: site 'nort' does not exist – did you mean 'north'?"),
}


def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> Path:
    assert GOOD.count(old) == 1, f"{old!r} must be replaced once"
    monkeypatch.chdir(tmp_path)
    path = Path("scenario.yaml")
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    return path


def test_the_good_one_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fit(load(written(tmp_path, monkeypatch, "version: 1", "version: 1")), SETTINGS) == []


@pytest.mark.parametrize("case", WRONG)
def test_wrong_alone(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, message = WRONG[case]
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, monkeypatch, old, new))
    assert [str(problem) for problem in error.value.problems] == [f"scenario.yaml:{message}"]


@pytest.mark.parametrize("case", UNFIT)
def test_wrong_for_this_hotline(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, message = UNFIT[case]
    found = fit(load(written(tmp_path, monkeypatch, old, new)), SETTINGS)
    assert [str(problem) for problem in found] == [f"scenario.yaml:{message}"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("begin,calls\n", "calls.csv:1:1: there is no column 'start' – begin with start,calls"),
        ("start,calls\n", "calls.csv:2:1: no line with calls – write one line per interval or call"),
        ("start,calls\nnine,4\n", "calls.csv:2:1: 'nine' is no instant – write it as 2026-03-02T08:00:00"),
        ("start,calls\n2026-03-02T08:00,many\n", "calls.csv:2:1: 'many' is no count of calls – a number from 0 up"),
        (
            "start,calls\n2026-03-02T08:00,4\n2026-03-02T07:00,5\n",
            "calls.csv:3:1: not later than the line above – sort by start",
        ),
    ],
)
def test_wrong_tables(table: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, monkeypatch, "{per_hour: 120}", "{counts_csv: calls.csv}")
    Path("calls.csv").write_text(table, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load(path)
    assert [str(problem) for problem in error.value.problems] == [message]
