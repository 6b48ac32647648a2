"""Opening hours as a person writes them, and the instants they become."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.config.hours import AHEAD_DAYS, WEEK, Calendar, days, instants, spans, weekdays
from acd.config.load import check, difference, load
from acd.core.expr import is_open
from tests.config.texts import HOTLINE, broken, lay_out

HOURS = """\
hours:
  office:
    week: {mon-fri: "08:30-17:30", sat: ["09:00-12:00", "14:00-16:00"]}
    dates:
      2026-10-01..2026-10-07: closed
      2026-10-10: "08:30-17:30"
      12-25: closed
  night: {timezone: Europe/Berlin, week: {mon-sun: "22:00-06:00"}}
  always: {week: {mon-sun: "00:00-24:00"}}
  never: {}
surges:
  storm:
    when: waiting("loans") > 20 or longest_wait_s("loans") >= 120
    until: waiting("loans") < 5
    least_s: 300
    queues: {loans: {wrap_up: none, max_length: 50}}
  by_hand: {}
"""
FULL = HOTLINE.replace('"95588": {flow: main}', '"95588": {flow: main, hours: office, closed: main}') + HOURS
FULL = FULL.replace("    max_wait_s: 60\n", "    max_wait_s: 60\n    hours: office\n")

EVERYTHING_READ = """\
steps:
  - set: {x: open("night") or not open("never"), y: open("always")}
  - when: [{if: surge("by_hand"), do: [queue: loans]}]
  - queue: cards
"""


def calendar(path: Path, name: str) -> Calendar:
    return load(lay_out(path, FULL)).hours[name]


def at(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("when", "open_"),
    [
        ("2026-03-02 08:29", False),
        ("2026-03-02 08:30", True),
        ("2026-03-02 17:29", True),
        ("2026-03-02 17:30", False),
        ("2026-03-07 11:59", True),
        ("2026-03-07 13:00", False),
        ("2026-03-07 15:00", True),
        ("2026-03-08 12:00", False),
        ("2026-09-30 12:00", True),
        ("2026-10-01 12:00", False),
        ("2026-10-07 12:00", False),
        ("2026-10-08 12:00", True),
        ("2026-10-10 17:00", True),
        ("2026-12-25 12:00", False),
        ("2028-12-25 12:00", False),
    ],
)
def test_the_office_in_the_hotlines_own_time_zone(when: str, open_: bool, tmp_path: Path) -> None:
    office, instant = calendar(tmp_path, "office"), at(when, "Asia/Shanghai")
    for told_before_s in (0.0, 3600.0, 20 * 86400.0):
        changes = instants({"office": office}, instant - told_before_s)["office"]
        assert is_open(changes, instant) is open_


def test_a_week_as_instants(tmp_path: Path) -> None:
    office = calendar(tmp_path, "office")
    zone = ZoneInfo("Asia/Shanghai")
    told = instants({"office": office}, at("2026-03-06 12:00", "Asia/Shanghai"))["office"]
    assert [(f"{datetime.fromtimestamp(wall, zone):%a %H:%M}", on) for wall, on in told[:7]] == [
        ("Fri 12:00", True),
        ("Fri 17:30", False),
        ("Sat 09:00", True),
        ("Sat 12:00", False),
        ("Sat 14:00", True),
        ("Sat 16:00", False),
        ("Mon 08:30", True),
    ]


def test_a_night_is_as_long_as_the_clocks_make_it(tmp_path: Path) -> None:
    """Berlin turns its clocks on 29 March and 25 October 2026."""
    night = calendar(tmp_path, "night")
    lengths = {}
    for day in ("2026-03-27", "2026-03-28", "2026-10-24"):
        told = instants({"night": night}, at(f"{day} 12:00", "Europe/Berlin"))["night"]
        lengths[day] = (told[2][0] - told[1][0]) / 3600
    assert lengths == {"2026-03-27": 8.0, "2026-03-28": 7.0, "2026-10-24": 9.0}


def test_always_and_never_change_at_no_time(tmp_path: Path) -> None:
    hotline = load(lay_out(tmp_path, FULL))
    told = instants(hotline.hours, 1_772_409_600.0)
    assert told["always"] == [(1_772_409_600.0, True)]
    assert told["never"] == [(1_772_409_600.0, False)]


def test_numbers_queues_and_surges_know_their_hours(tmp_path: Path) -> None:
    settings = load(lay_out(tmp_path, FULL)).settings
    number, storm = settings.numbers["95588"], settings.surges["storm"]
    assert (number.hours, number.closed) == ("office", "main")
    assert settings.queues["cards"].hours == "office"
    assert storm.on == ["or", [">", ["waiting", "loans"], 20], [">=", ["longest_wait_s", "loans"], 120]]
    assert storm.off == ["<", ["waiting", "loans"], 5]
    assert (storm.least_s, storm.queues["loans"].max_length) == (300.0, 50)
    assert storm.queues["loans"].wrap_up.kind == "none"
    assert storm.queues["loans"].needs == settings.queues["loans"].needs, "what is not said stays as it is"
    assert (settings.surges["by_hand"].on, settings.surges["by_hand"].off) == (None, None)


def test_it_is_checked_without_complaint(tmp_path: Path) -> None:
    assert check(lay_out(tmp_path, FULL, EVERYTHING_READ)) == []


WRONG = {
    "no time": ('mon-fri: "08:30-17:30"', 'mon-fri: «"8h-17h"', "'8h-17h' is no time of opening"),
    "no time of day": ('mon-fri: "08:30-17:30"', 'mon-fri: «"08:30-25:00"', "'08:30-25:00' is no time of day"),
    "no minute": ('mon-fri: "08:30-17:30"', 'mon-fri: «"08:60-17:00"', "'08:60-17:00' is no time of day"),
    "no length": ('mon-fri: "08:30-17:30"', 'mon-fri: «"08:30-08:30"', "'08:30-08:30' lasts no time"),
    "no day": ("mon-fri:", "«Mon-Fri:", "'Mon-Fri' is no day of the week"),
    "a day twice": ("sat: [", "«fri-sat: [", "fri stands here twice"),
    "no date": ("12-25: closed", "«31-12: closed", "'31-12' is no date"),
    "no such date": ("12-25: closed", "«2026-02-30: closed", "'2026-02-30' is no date"),
    "a range backwards": (
        "2026-10-01..2026-10-07:",
        "«2026-10-07..2026-10-01:",
        "'2026-10-07..2026-10-01' ends before it begins",
    ),
    "half a year": (
        "2026-10-01..2026-10-07:",
        "«10-01..2026-10-07:",
        "'10-01..2026-10-07': one day has a year, the other has none",
    ),
    "no zone": ("timezone: Europe/Berlin", "timezone: «Europe/Berlino", "time zone 'Europe/Berlino' does not exist"),
    "no calendar": ("    hours: office", "    hours: «offfice", "calendar 'offfice' does not exist"),
    "no night service": ("hours: office, closed: main", "«hours: office", "it says nothing without closed:"),
    "no hours": ("hours: office, closed: main", "«closed: main", "it says nothing without hours:"),
    "no flow": ("closed: main", "closed: «mian", "flow 'mian' does not exist"),
    "no queue": ('waiting("loans") > 20', '«waiting("loan") > 20', "queue 'loan' does not exist"),
    "a caller": ('until: waiting("loans") < 5', "until: «age > 65", "no caller is at hand who has a 'age'"),
    "half a condition": (
        'until: waiting("loans") < 5',
        'until: «waiting("loans") <',
        "not a condition: invalid syntax",
    ),
    "no way on": ("by_hand: {}", "by_hand: {«until: true}", "nothing but a hand puts it on"),
    "another queue": ("queues: {loans: {wrap_up", "queues: {«loan: {wrap_up", "queue 'loan' does not exist"),
    "a skill nobody knows": ("wrap_up: none, max", "needs: {«lones: 3}, max", "skill 'lones' does not exist"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_at_its_place(name: str, tmp_path: Path) -> None:
    old, new, what = WRONG[name]
    text, line, column = broken(FULL, old, new)
    found = check(lay_out(tmp_path, text))
    assert (line, column, what) in [(p.line, p.column, p.what) for p in found], "\n".join(map(str, found))


MINUTES = st.integers(0, 1439)
SPANS = st.lists(st.tuples(MINUTES, st.integers(1, 1440)).map(lambda s: (s[0], s[0] + s[1])), max_size=3).map(tuple)
ZONES = st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])


@given(st.lists(SPANS, min_size=7, max_size=7).map(tuple), ZONES, st.integers(1_700_000_000, 1_900_000_000))
def test_instants_are_in_order_and_take_turns(
    week: tuple[tuple[tuple[int, int], ...], ...], zone: str, wall: int
) -> None:
    told = instants({"x": Calendar("x", zone, week, ())}, float(wall))["x"]
    assert told[0][0] == wall
    assert all(a[0] < b[0] and a[1] is not b[1] for a, b in pairwise(told))
    assert told[-1][0] < wall + AHEAD_DAYS * 86400


@given(st.lists(SPANS, min_size=7, max_size=7).map(tuple), ZONES, st.integers(1_700_000_000, 1_900_000_000), MINUTES)
def test_telling_it_later_says_the_same(
    week: tuple[tuple[tuple[int, int], ...], ...], zone: str, wall: int, later_m: int
) -> None:
    calendars = {"x": Calendar("x", zone, week, ())}
    early, late = instants(calendars, float(wall))["x"], instants(calendars, wall + later_m * 60.0)["x"]
    for instant in (wall + later_m * 60.0, wall + 3 * 86400.0, wall + 30 * 86400.0):
        assert is_open(early, instant) is is_open(late, instant)


@given(st.text(max_size=12), st.sampled_from([lambda text: spans([text]), weekdays, days]))
def test_no_text_does_worse_than_be_refused(text: str, reader: Callable[[str], object]) -> None:
    told: tuple[object, ...] = ("what is wrong", "what would be right")
    try:
        reader(text)
    except ValueError as error:
        told = error.args
    assert len(told) == 2


def test_a_weekend_may_begin_the_week() -> None:
    assert [WEEK[day] for day in weekdays("sat-mon")] == ["sat", "sun", "mon"]


def test_what_nothing_reads_is_warned_of(tmp_path: Path) -> None:
    text = FULL.replace("surges:\n", "  spare: {}\nsurges:\n  idle: {when: true}\n")
    assert [(problem.what, problem.severity) for problem in check(lay_out(tmp_path, text, EVERYTHING_READ))] == [
        ("nothing reads 'spare'", "warning"),
        ("nothing reads 'idle'", "warning"),
    ]


def test_a_reload_says_in_plain_words_what_changes(tmp_path: Path) -> None:
    old = load(lay_out(tmp_path / "old", FULL, EVERYTHING_READ))
    text = FULL.replace('sat: ["09:00-12:00", "14:00-16:00"]', 'sat: "22:00-02:30"').replace(
        "12-25: closed", "12-24: closed"
    )
    text = (
        text.replace("> 20 or", "> 30 or")
        .replace("  never: {}\n", "  later: {}\n")
        .replace("max_length: 50", "max_length: 60")
    )
    new = load(lay_out(tmp_path / "new", text, EVERYTHING_READ.replace("never", "later")))
    found = [line for line in difference(old, new) if line.startswith(("hours.", "surges."))]
    assert found == [
        'surges.storm.on: waiting("loans") > 20 or longest_wait_s("loans") >= 120 → '
        'waiting("loans") > 30 or longest_wait_s("loans") >= 120',
        "surges.storm.queues.loans.max_length: 50 → 60",
        "hours.later: added",
        "hours.never: removed",
        "hours.office.12-24: added (closed)",
        "hours.office.12-25: removed (closed)",
        "hours.office.sat: 09:00-12:00, 14:00-16:00 → 22:00-02:30",
    ]
