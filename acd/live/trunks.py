"""Trunks at work: registered with their carriers, asked after, counted, taken out of service and back (DESIGN §4).

A trunk is down while its carrier does not answer OPTIONS, or after several calls in a row that found nobody there; then
one call is let through now and again until one succeeds. A blocked trunk carries no new call until it is unblocked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from acd.config.shell import TrunkShell
from acd.live.setup import Setup
from sip.endpoint import Credentials, Ended, Endpoint, Probed, RegistrationResult

TRIP: Final = 3  # calls in a row that found nobody …
PAUSE_S: Final = (10.0, 300.0)  # … stop the others for so long, doubling; then one may try
MISSED: Final = 2  # OPTIONS in a row without an answer
PROBE: Final = "trunk:"  # names of our probes begin with it
BUSY_S: Final = 5.0  # told to who meets a limit
BLOCKED_S: Final = 60.0  # told to who calls through a blocked trunk


@dataclass(slots=True)
class Health:
    """Of one trunk."""

    blocked: bool = False
    missed: int = 0  # OPTIONS without an answer in a row
    failed: int = 0  # calls that found nobody in a row
    closed_until: float = 0.0  # after too many of them
    pause_s: float = PAUSE_S[0]
    registered: int | None = None  # the status of the last REGISTER
    allowance: float = inf  # calls that may begin now
    counted_at: float = 0.0

    @property
    def up(self) -> bool:
        return self.missed < MISSED and self.failed < TRIP


class Trunks:
    """`now` gives the instant in seconds, `alarm` raises and clears one: name, on, detail."""

    def __init__(self, endpoint: Endpoint, now: Callable[[], float], alarm: Callable[[str, bool, str], None]) -> None:
        self._endpoint = endpoint
        self._now = now
        self._alarm = alarm
        self._trunks: dict[str, TrunkShell] = {}
        self._health: dict[str, Health] = {}
        self._registered: dict[str, tuple[str, str]] = {}  # trunk: user and registrar
        self._probed: set[str] = set()
        self._calls: Counter[str] = Counter()

    def configure(self, setup: Setup) -> None:
        """Register where it is asked for, deregister where it no longer is, ask after those to be asked after. Raises
        `acd.secret.SecretMissing`."""
        self._trunks = setup.trunks
        for gone in self._health.keys() - setup.trunks.keys():
            del self._health[gone]
        for name in sorted(setup.trunks):
            self._health.setdefault(name, Health())
        wanted = {name: trunk for name, trunk in setup.trunks.items() if trunk.register is not None}
        for name, (user, registrar) in list(self._registered.items()):
            register = wanted[name].register if name in wanted else None
            if register is None or (register.user, register.uri) != (user, registrar):
                hop = setup.trunk_hop(name)
                self._endpoint.register(user, registrar, hop, self._now(), credentials=None, expires_s=0)
                del self._registered[name]
                self._alarm(f"trunk_registration:{name}", False, "")
        for name, trunk in wanted.items():
            register = trunk.register
            assert register is not None
            credentials = Credentials(register.user, register.password.reveal())
            self._registered[name] = (register.user, register.uri)
            self._endpoint.register(
                register.user, register.uri, setup.trunk_hop(name), self._now(),
                credentials=credentials, expires_s=register.expires_s,
            )  # fmt: skip
        for name, trunk in setup.trunks.items():
            if trunk.probe_s and name not in self._probed:
                self._probed.add(name)
                self._ask(name, 0.0, setup)
        self._setup = setup

    # ---------------------------------------------------------------------------------------------------- calls

    def arrives(self, name: str) -> float | None:
        """A call comes in. None: take it; else refuse it with 503, to come back in so many seconds."""
        health = self._health[name]
        if health.blocked:
            return BLOCKED_S
        return None if self._may_begin(name, health) else BUSY_S

    def leaves(self, name: str) -> str | None:
        """A call is to go out. None: send it; else why not."""
        trunk, health, now = self._trunks[name], self._health[name], self._now()
        if health.blocked:
            return f"trunk {name} is blocked"
        if health.missed >= MISSED:
            return f"trunk {name} does not answer"
        if health.failed >= TRIP:
            if now < health.closed_until:
                return f"trunk {name} has failed {health.failed} times"
            health.closed_until = now + health.pause_s  # this one tries, the others wait for how it goes
        if trunk.max_calls and self._calls[name] >= trunk.max_calls:
            return f"trunk {name} has all of its {trunk.max_calls} calls"
        return None if self._may_begin(name, health) else f"trunk {name} begins no more calls in this second"

    def began(self, name: str) -> None:
        self._calls[name] += 1

    def ended(self, name: str, event: Ended) -> None:
        """One of its calls is over, in or out."""
        self._calls[name] -= 1
        health = self._health.get(name)
        if health is None or not event.session.outgoing:
            return
        nobody = event.by == "network" and event.cause == "unreachable"
        if not nobody and event.status not in (408, 500, 502, 503, 504):
            if event.by != "us":  # what we gave up ourselves says nothing
                self.answered(name)
            return
        health.failed += 1
        if health.failed >= TRIP:
            health.closed_until = self._now() + health.pause_s
            health.pause_s = min(2 * health.pause_s, PAUSE_S[1])
            self._tell(name, health)

    def answered(self, name: str) -> None:
        """Somebody is there: a call was answered or refused."""
        health = self._health.get(name)
        if health is not None and health.failed:
            health.failed, health.pause_s = 0, PAUSE_S[0]
            self._tell(name, health)

    def _may_begin(self, name: str, health: Health) -> bool:
        """A bucket that `calls_per_s` fills, and holds the calls of one second."""
        rate = self._trunks[name].calls_per_s
        if not rate:
            return True
        now, most = self._now(), max(1.0, rate)
        health.allowance = min(most, health.allowance + (now - health.counted_at) * rate)
        health.counted_at = now
        if health.allowance < 1:
            return False
        health.allowance -= 1
        return True

    # ----------------------------------------------------------------------------------------------- the operator

    def block(self, name: str, blocked: bool) -> None:
        """Raises `KeyError` for a trunk that is not."""
        self._health[name].blocked = blocked
        self._alarm(f"trunk_blocked:{name}", blocked, "by an operator")

    def view(self, name: str) -> dict[str, Any]:
        health, trunk = self._health[name], self._trunks[name]
        state = "blocked" if health.blocked else "up" if health.up else "down"
        registered = None if trunk.register is None else health.registered == 200
        return {"state": state, "registered": registered, "legs": self._calls[name]}

    # ------------------------------------------------------------------------------------------------- from SIP

    def on_registration(self, event: RegistrationResult) -> None:
        for name, asked in self._registered.items():
            if asked == (event.user, event.registrar):
                self._health[name].registered = event.status
                self._alarm(f"trunk_registration:{name}", event.status != 200, f"answered {event.status}")

    def on_probe(self, event: Probed) -> bool:
        """False: it is not ours."""
        name = event.name.removeprefix(PROBE)
        if name == event.name:
            return False
        trunk = self._trunks.get(name)
        if trunk is None or not trunk.probe_s:
            self._probed.discard(name)
            return True
        health = self._health[name]
        health.missed = 0 if event.answered else health.missed + 1
        if event.answered:
            health.failed, health.pause_s = 0, PAUSE_S[0]
        self._tell(name, health)
        self._ask(name, trunk.probe_s, self._setup)
        return True

    def _ask(self, name: str, after_s: float, setup: Setup) -> None:
        hop = setup.trunk_hop(name)
        self._endpoint.probe(f"{PROBE}{name}", setup.trunk_uri(name), hop, self._now(), after_s=after_s)

    def _tell(self, name: str, health: Health) -> None:
        why = "OPTIONS are not answered" if health.missed >= MISSED else "calls find nobody there"
        self._alarm(f"trunk_down:{name}", not health.up, why)
