"""Who calls when, and what each caller brings along.

Everything that a caller brings is drawn when he arrives, each property from a stream of its own, so that two
configurations meet the same callers (common random numbers) and a change of, say, patience moves nobody's talk.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from heapq import heapify, heappop, heapreplace
from itertools import accumulate, pairwise
from random import Random
from typing import Any, get_args

from simulator.distributions import Constant, Distribution, Lognormal
from simulator.scenario import EVERYBODY, Scenario
from simulator.schema_callers import CallerAt, OneOfAt, Scalar, Weekday

DAY = 86400.0
REACTS_S = 2.0  # until a caller who joins a queue presses the key that he had in mind before
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


def stream(seed: int, replication: int, cause: str) -> Callable[[], float]:
    """Uniform numbers for one cause: independent of all other causes, replications and seeds."""
    return Random(f"{seed}/{replication}/{cause}").random


@dataclass(slots=True)
class Caller:
    """One call to come. The ``u_…`` are uniform numbers from which durations follow once it is known who serves."""

    serial: int
    kind: str
    at: float
    number: str
    trunk: str
    calling: str
    attributes: dict[str, Scalar]
    keys: list[tuple[str, float]]  # (what is pressed, how long after the prompts began)
    patience_s: float
    u_talk: float
    u_hold: float
    u_hold_lasts: float
    u_wrap_up: float
    u_ends: float
    u_redial: float
    u_redial_after: float
    u_transfer: float
    attempt: int = 1
    sent_on: bool = False  # whoever serves him now keeps him
    waiting_key: tuple[str, float] | None = None  # (pressed in a queue, how long after joining the first)
    channel: str = "voice"


DRAWN = ("patience", "talk", "hold", "hold_lasts", "wrap_up", "ends", "redial", "redial_after", "transfer")
"""What is drawn for every caller, in the order of the fields of `Caller` from `patience_s` on."""


class Choices:
    """One of some values, by weight, from a uniform number."""

    def __init__(self, at: OneOfAt) -> None:
        self._values = [value for value, _ in at.one_of]
        self.fixed = len(self._values) == 1
        self._upto = list(accumulate(weight for _, weight in at.one_of))

    def pick(self, u: float) -> Scalar:
        return self._values[bisect_right(self._upto, u * self._upto[-1])]


# ------------------------------------------------------------------------------------------------------ arrivals


@dataclass(slots=True)
class Rate:
    """A piecewise linear rate: from `starts[i]` to the next it runs from `begins[i]` to `ends[i]` calls a second."""

    starts: list[float]  # the last is the end
    begins: list[float]
    ends: list[float]

    def times(self, uniform: Callable[[], float]) -> Iterator[float]:
        """A Poisson process of this rate, by inversion: one uniform number per call."""
        need = -math.log1p(-uniform())
        for i, (r0, r1) in enumerate(zip(self.begins, self.ends, strict=True)):
            start, width = self.starts[i], self.starts[i + 1] - self.starts[i]
            slope = (r1 - r0) / width
            at, rate, left = 0.0, r0, (r0 + r1) / 2 * width
            while need < left:
                # rate·x + slope·x²/2 = need, in the form that loses nothing when the slope is small
                at += 2 * need / (rate + math.sqrt(max(rate * rate + 2 * slope * need, 0.0)))
                at = min(at, width)
                yield start + at
                left -= need
                rate = r0 + slope * at
                need = -math.log1p(-uniform())
            need -= left


class Forecast:
    """Expected calls as a rate, with what busyness, weekdays and surges make of it on the day that is simulated."""

    def __init__(self, scenario: Scenario, seed: int, replication: int) -> None:
        self._scenario = scenario
        self._length = scenario.model.run.length_s
        busy = scenario.model.busyness
        self._daily = self._factors("busyness/day", busy.daily_cv, DAY, seed, replication)
        self._interval = self._factors("busyness/interval", busy.interval_cv, busy.interval_s, seed, replication)

    def _factors(self, cause: str, cv: float, every_s: float, seed: int, replication: int) -> list[float]:
        """One factor of mean 1 for each stretch of `every_s`."""
        if not cv:
            return []
        uniform, factor = stream(seed, replication, cause), Lognormal(1.0, cv)
        return [factor.quantile(uniform()) for _ in range(math.ceil(self._length / every_s))]

    def rate(self, name: str, kind: str, share: float) -> Rate:
        """The rate of the arrivals `name`, of which this caller type has a share."""
        pieces = self._plain(name)
        cuts = self._cuts(kind, pieces)
        begins, ends = [], []
        piece = 0
        for start, end in pairwise(cuts):
            while pieces[piece][1] <= start:
                piece += 1
            p0, p1, r0, r1 = pieces[piece]
            slope = (r1 - r0) / (p1 - p0)
            factor = share * self._factor((start + end) / 2, kind)
            begins.append(factor * (r0 + slope * (start - p0)))
            ends.append(factor * (r0 + slope * (end - p0)))
        return Rate(cuts, begins, ends)

    def _cuts(self, kind: str, pieces: list[tuple[float, float, float, float]]) -> list[float]:
        """Every instant at which the rate may change."""
        cuts = {0.0, self._length} | {piece[0] for piece in pieces}
        busy = self._scenario.model.busyness
        if busy.daily_cv:
            cuts |= {i * DAY for i in range(math.ceil(self._length / DAY))}
        if busy.interval_cv:
            cuts |= {i * busy.interval_s for i in range(math.ceil(self._length / busy.interval_s))}
        if busy.weekdays:
            start = self._scenario.start
            midnight = (start.replace(hour=0, minute=0, second=0, microsecond=0) - start).total_seconds()
            cuts |= {midnight + i * DAY for i in range(1, math.ceil(self._length / DAY) + 1)}
        for surge in self._scenario.model.world.faults.surge:
            cuts |= {surge.at_s, surge.at_s + surge.lasts_s}
        return sorted(cut for cut in cuts if 0 <= cut <= self._length)

    def _factor(self, at: float, kind: str) -> float:
        busy = self._scenario.model.busyness
        factor = 1.0
        if self._daily:
            factor *= self._daily[int(at // DAY)]
        if self._interval:
            factor *= self._interval[int(at // busy.interval_s)]
        if busy.weekdays:
            day = (self._scenario.start + timedelta(seconds=at)).weekday()
            factor *= busy.weekdays.get(WEEKDAYS[day], 1.0)
        for surge in self._scenario.model.world.faults.surge:
            if surge.at_s <= at < surge.at_s + surge.lasts_s and (not surge.callers or kind in surge.callers):
                factor *= surge.times
        return factor

    def _plain(self, name: str) -> list[tuple[float, float, float, float]]:
        """The forecast itself as pieces (start, end, rate there, rate here) that cover the run without a gap."""
        at = self._scenario.model.arrivals[name]
        if at.per_hour is not None:
            rate = at.per_hour / 3600
            return [(0.0, self._length, rate, rate)]
        if at.intervals is not None:
            every, calls = at.intervals.every_s, at.intervals.calls
            count = math.ceil(self._length / every)
            counts = [(i * every, calls[i % len(calls)]) for i in range(count)]
            return self._pieces(counts, count * every, at.intervals.shape)
        counts = self._scenario.counts[name]
        last = counts[-1][0] - counts[-2][0] if len(counts) > 1 else self._scenario.model.measure.interval_s
        return self._pieces(counts, counts[-1][0] + last, at.shape)

    def _pieces(
        self, counts: list[tuple[float, float]], end: float, shape: str
    ) -> list[tuple[float, float, float, float]]:
        edges = [start for start, _ in counts] + [end]
        rates = [calls / (edges[i + 1] - edges[i]) for i, (_, calls) in enumerate(counts)]
        if shape == "linear":
            mid = [(edges[i] + edges[i + 1]) / 2 for i in range(len(rates))]
            pieces = [(edges[0], mid[0], rates[0], rates[0])]
            pieces += [(mid[i], mid[i + 1], rates[i], rates[i + 1]) for i in range(len(mid) - 1)]
            pieces.append((mid[-1], end, rates[-1], rates[-1]))
        else:
            pieces = [(edges[i], edges[i + 1], rate, rate) for i, rate in enumerate(rates)]
        if edges[0] > 0:
            pieces.insert(0, (min(0.0, edges[0]), edges[0], 0.0, 0.0))
        if end < self._length:
            pieces.append((end, self._length, 0.0, 0.0))
        return pieces


# ------------------------------------------------------------------------------------------------------- callers


class _Kind:
    """A caller type, with a stream for each thing its callers bring."""

    def __init__(self, name: str, at: CallerAt, trunk: str, seed: int, replication: int) -> None:
        self.name = name
        self.at = at
        self.trunk = at.trunk or trunk
        self._number, self._calling, self._channel = at.number, at.calling, at.channel
        self._draw = tuple(stream(seed, replication, f"{name}/{cause}") for cause in DRAWN)
        self._keys = stream(seed, replication, f"{name}/keys")
        self.patience: Distribution = at.patience.build()
        self._attributes = [
            (attribute, Choices(choice), stream(seed, replication, f"{name}/attributes/{attribute}"))
            for attribute, choice in at.attributes.items()
        ]
        self._waiting_key = stream(seed, replication, f"{name}/waiting_key")
        self._waiting_key_after = at.waiting_key.after.build() if at.waiting_key is not None else None
        self._presses = [(Choices(key.press), key.after.build()) for key in at.keys]
        # What is the same for all is drawn once: its stream is its own.
        same = all(choices.fixed for _, choices, _ in self._attributes)
        self._same_attributes = self._drawn_attributes() if same else None
        same = all(press.fixed and isinstance(after, Constant) for press, after in self._presses)
        self._same_keys = self._drawn_keys() if same else None
        self.made = 0

    def caller(self, serial: int, when: float) -> Caller:
        patience, talk, hold, lasts, wrap_up, ends, redial, after_s, sent_on = [uniform() for uniform in self._draw]
        self.made += 1
        return Caller(
            serial,
            self.name,
            when,
            self._number,
            self.trunk,
            self._calling + str(self.made).zfill(7),
            self._drawn_attributes() if self._same_attributes is None else self._same_attributes,
            self._drawn_keys() if self._same_keys is None else self._same_keys,
            self.patience.quantile(patience),
            talk,
            hold,
            lasts,
            wrap_up,
            ends,
            redial,
            after_s,
            sent_on,
            1,
            False,
            None if self._waiting_key_after is None else self._key_while_waiting(),
            self._channel,
        )

    def _drawn_attributes(self) -> dict[str, Scalar]:
        return {name: choices.pick(uniform()) for name, choices, uniform in self._attributes}

    def _drawn_keys(self) -> list[tuple[str, float]]:
        keys = self._keys
        return [(str(press.pick(keys())), after.quantile(keys())) for press, after in self._presses]

    def _key_while_waiting(self) -> tuple[str, float] | None:
        key, after = self.at.waiting_key, self._waiting_key_after
        if key is None or after is None:
            return None
        has_it, after_s = self._waiting_key() < key.share, after.quantile(self._waiting_key())
        return (key.press, after_s) if has_it else None


class Workload:
    """The callers of one replication."""

    def __init__(self, scenario: Scenario, default_trunk: str, replication: int) -> None:
        self._scenario = scenario
        seed = scenario.model.run.seed
        self._seed, self._replication = seed, replication
        self._kinds = {
            name: _Kind(name, at, default_trunk, seed, replication) for name, at in scenario.model.callers.items()
        }
        self._forecast = Forecast(scenario, seed, replication)
        self._serial = 0

    def callers(self) -> Iterator[Caller]:
        """All who call, in the order of their calls; drawn as they are asked for."""
        coming: list[tuple[Any, ...]] = []  # a heap: the next of each process
        for order, (times, kind) in enumerate(self._processes()):
            if (when := next(times, None)) is not None:
                coming.append((when, order, times, kind))
        heapify(coming)
        while coming:
            when, order, times, kind = coming[0]
            self._serial += 1
            yield self._kinds[kind()].caller(self._serial, when)
            if (after := next(times, None)) is not None:
                heapreplace(coming, (after, order, times, kind))
            else:
                heappop(coming)

    def again(self, caller: Caller) -> Caller | None:
        """The same person's next call, if he makes one after this one came to nothing: new patience, same errand."""
        kind = self._kinds[caller.kind]
        redial = kind.at.redial
        if redial is None or caller.attempt > redial.at_most or caller.u_redial >= redial.share:
            return None
        fresh = stream(self._seed, self._replication, f"redial/{caller.serial}/{caller.attempt}")
        after = redial.after.build().quantile(caller.u_redial_after)
        return Caller(
            serial=caller.serial,
            kind=caller.kind,
            at=after,  # after the end of this one: the world knows when that is
            number=caller.number,
            trunk=caller.trunk,
            calling=caller.calling,
            attributes=caller.attributes,
            keys=caller.keys,
            patience_s=kind.patience.quantile(fresh()),
            u_talk=caller.u_talk,
            u_hold=caller.u_hold,
            u_hold_lasts=caller.u_hold_lasts,
            u_wrap_up=caller.u_wrap_up,
            u_ends=caller.u_ends,
            u_redial=fresh(),
            u_redial_after=fresh(),
            u_transfer=caller.u_transfer,
            attempt=caller.attempt + 1,
            waiting_key=caller.waiting_key,
            channel=caller.channel,
        )

    def sent_on(self, caller: Caller) -> Caller:
        """The same caller for whoever serves him next: another talk, patience as for a new wait, sent on no further."""
        fresh = stream(self._seed, self._replication, f"sent on/{caller.serial}/{caller.attempt}")
        return replace(
            caller,
            patience_s=self._kinds[caller.kind].patience.quantile(fresh()),
            u_talk=fresh(),
            u_hold=fresh(),
            u_hold_lasts=fresh(),
            u_wrap_up=fresh(),
            u_ends=fresh(),
            u_transfer=1.0,
            sent_on=True,
            waiting_key=None,
        )

    def asking(self, caller: Caller) -> Callable[[], float]:
        """What decides whether, and how, somebody is asked on behalf of this caller."""
        return stream(self._seed, self._replication, f"consult/{caller.serial}/{caller.attempt}")

    def _processes(self) -> Iterator[tuple[Iterator[float], Callable[[], str]]]:
        """The instants of each arrival process, and what tells the type of who comes next."""
        model = self._scenario.model
        shares = {name: at.share for name, at in model.callers.items() if at.share > 0}
        for name in model.arrivals:
            whose = shares if name == EVERYBODY else {name: 1.0}
            total = sum(whose.values())
            if name in self._scenario.calls:
                # Calls as they were; each belongs to a type by its share.
                uniform = stream(self._seed, self._replication, f"{name}/type")
                choose = Choices(OneOfAt(one_of=list(whose.items())))
                yield self._logged(name), partial(_chosen, choose, uniform)
                continue
            for kind, share in whose.items():
                rate = self._forecast.rate(name, kind, share / total)
                uniform = stream(self._seed, self._replication, f"{kind}/arrival/{name}")
                yield rate.times(uniform), partial(str, kind)

    def _logged(self, name: str) -> Iterator[float]:
        for when in self._scenario.calls[name]:
            if 0 <= when < self._scenario.model.run.length_s:
                yield when


def _chosen(choose: Choices, uniform: Callable[[], float]) -> str:
    return str(choose.pick(uniform()))
