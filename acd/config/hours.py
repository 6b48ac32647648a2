"""Opening hours: from what a person writes (``mon-fri: "08:30-17:30"``) to the instants at which it opens and closes.

Time zones are files, so all of this happens outside the core, which is told the instants of some weeks ahead. Where
clocks are turned, an hour that comes twice is open in both if it opens or closes there; one that is left out is passed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

Spans: TypeAlias = tuple[tuple[int, int], ...]
"""Minutes of a day, from and to; beyond 1440 on the next morning."""
Days: TypeAlias = tuple[tuple[int, int, int], tuple[int, int, int]]
"""First and last (year, month, day); year 0 is every year."""

NEVER: Final[Days] = ((1, 1, 1), (1, 1, 1))
WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AHEAD_DAYS: Final = 35
"""So far ahead the core knows the hours; it is told anew every day."""
_SPAN = re.compile(r"(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)")
_DATE = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)")


@dataclass(slots=True, frozen=True)
class Calendar:
    id: str
    timezone: str  # IANA
    week: tuple[Spans, ...]  # seven, from Monday
    dates: tuple[tuple[Days, Spans], ...]  # the last that names a day counts


def spans(texts: list[str]) -> Spans:
    """``["09:00-12:00", "13:00-17:30"]``, ``["closed"]``, or over midnight ``["22:00-06:00"]``. Raises `ValueError`."""
    if texts == ["closed"]:
        return ()
    found = []
    for text in texts:
        match = _SPAN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no time of opening", 'write "08:30-17:30", several in a list, or closed')
        begins, ends = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if int(match[2]) > 59 or int(match[4]) > 59 or begins >= 1440 or ends > 1440:
            raise ValueError(f"{text!r} is no time of day", "from 00:00 to 24:00")
        if begins == ends:
            raise ValueError(f"{text!r} lasts no time", 'the whole day is "00:00-24:00"')
        found.append((begins, ends if ends > begins else ends + 1440))
    return tuple(found)


def weekdays(text: str) -> list[int]:
    """``mon``, ``mon-fri``, ``sat-mon``; 0 is Monday. Raises `ValueError`."""
    first, _, last = text.partition("-")
    for name in (first, last or first):
        if name not in WEEK:
            raise ValueError(f"{text!r} is no day of the week", "write mon, tue, wed, thu, fri, sat, sun, or mon-fri")
    begin, end = WEEK.index(first), WEEK.index(last or first)
    return [(begin + n) % 7 for n in range((end - begin) % 7 + 1)]


def days(text: str) -> Days:
    """``2026-10-01``, ``2026-10-01..2026-10-07``, ``12-25`` (every year). Raises `ValueError`."""
    first, dots, last = text.partition("..")
    begin = _day(first, text)
    end = _day(last, text) if dots else begin
    if end < begin:
        raise ValueError(f"{text!r} ends before it begins", "put the earlier day first")
    if (begin[0] == 0) != (end[0] == 0):
        raise ValueError(f"{text!r}: one day has a year, the other has none", "write both with their year, or neither")
    return begin, end


def _day(text: str, whole: str) -> tuple[int, int, int]:
    match = _DATE.fullmatch(text)
    try:
        if match is not None:
            year, month, day = int(match[1] or 0), int(match[2]), int(match[3])
            date(year or 2000, month, day)  # a leap year: every year may have a 29 February
            return year, month, day
    except ValueError:
        pass
    raise ValueError(f"{whole!r} is no date", "write 2026-10-01, 2026-10-01..2026-10-07, or 12-25 for every year")


def described(calendar: Calendar) -> dict[str, str]:
    """The calendar as its writer would say it: ``{"mon": "08:30-17:30", "12-25": "closed", …}``."""
    found = {"timezone": calendar.timezone}
    found |= {day: _times(hours) for day, hours in zip(WEEK, calendar.week, strict=True)}
    for (first, last), hours in calendar.dates:
        found[_date(first) if first == last else f"{_date(first)}..{_date(last)}"] = _times(hours)
    return found


def _times(hours: Spans) -> str:
    def clock(minutes: int) -> str:
        at = minutes if minutes <= 1440 else minutes - 1440
        return f"{at // 60:02}:{at % 60:02}"

    return ", ".join(f"{clock(begins)}-{clock(ends)}" for begins, ends in hours) or "closed"


def _date(day: tuple[int, int, int]) -> str:
    year, month, of_month = day
    return f"{year}-{month:02}-{of_month:02}" if year else f"{month:02}-{of_month:02}"


def instants(calendars: Mapping[str, Calendar], wall_s: float) -> dict[str, list[tuple[float, bool]]]:
    """For each calendar how it is at `wall_s` (seconds since the epoch), and each change from then on for
    `AHEAD_DAYS`: what `acd.core.events.HoursSet` carries."""
    return {id: list(_changes(calendar, wall_s)) for id, calendar in calendars.items()}


def _changes(calendar: Calendar, wall_s: float) -> Iterator[tuple[float, bool]]:
    stretches = _stretches(calendar, wall_s)
    now_open = any(begins <= wall_s < ends for begins, ends in stretches)
    yield wall_s, now_open
    horizon = wall_s + AHEAD_DAYS * 86_400.0
    for begins, ends in stretches:
        if wall_s < begins < horizon:
            yield begins, True
        if wall_s < ends < horizon:
            yield ends, False


def _stretches(calendar: Calendar, wall_s: float) -> list[tuple[float, float]]:
    """When it is open, in order, those that touch put together."""
    zone = ZoneInfo(calendar.timezone)
    today = datetime.fromtimestamp(wall_s, zone).date()
    found: list[tuple[float, float]] = []
    for offset in range(-2, AHEAD_DAYS + 2):
        day = today + timedelta(days=offset)
        for begins, ends in _of(calendar, day):
            found.append((_instant(day, begins, zone, 0), _instant(day, ends, zone, 1)))
    found.sort()
    merged: list[tuple[float, float]] = []
    for begins_at, ends_at in found:
        if merged and begins_at <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ends_at))
        elif ends_at > begins_at:
            merged.append((begins_at, ends_at))
    return merged


def _of(calendar: Calendar, day: date) -> Spans:
    for (first, last), hours in reversed(calendar.dates):
        at = (day.year if first[0] else 0, day.month, day.day)
        if first <= at <= last:
            return hours
    return calendar.week[day.weekday()]


def _instant(day: date, minutes: int, zone: ZoneInfo, fold: int) -> float:
    over, minutes = divmod(minutes, 1440)
    at = time(minutes // 60, minutes % 60, fold=fold)
    return datetime.combine(day + timedelta(days=over), at, zone).timestamp()
