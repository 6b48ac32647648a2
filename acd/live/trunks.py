"""Trunks at work: registered with their carriers, asked after, counted, taken out of service and back (DESIGN §4).

A trunk is down while none of its `Places` is up. A blocked trunk carries no new call until it is unblocked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from random import Random, SystemRandom
from typing import Any, Final

from acd.config.shell import TrunkShell
from acd.live.places import Places, named
from acd.live.setup import Setup, peers, rewritten, uri_of
from sip.endpoint import Credentials, Ended, Endpoint, FailedOver, Hop, Peer, Probed, RegistrationResult, Way
from sip.locate import Asked, Option

ALARMS: Final = ("trunk_down", "trunk_places_down", "trunk_name", "trunk_registration", "trunk_blocked")
PROBE: Final = "trunk:"  # names of our probes begin with it
BUSY_S: Final = 5.0  # told to who meets a limit
BLOCKED_S: Final = 60.0  # told to who calls through a blocked trunk
NOBODY: Final = (408, 500, 502, 503, 504)  # said by a place that takes no calls


@dataclass(slots=True)
class State:
    """Of one trunk, beside its places."""

    blocked: bool = False
    registered: int | None = None  # the status of the last REGISTER
    allowance: float = inf  # calls that may begin now
    counted_at: float = 0.0
    nowhere: set[int] = field(default_factory=set)  # targets of which DNS says nothing


@dataclass(slots=True, frozen=True)
class Account:
    """Where a trunk is registered, or is being registered."""

    user: str
    registrar: str
    hop: Hop


class Trunks:
    """`now` gives the instant in seconds, `alarm` raises and clears one: name, on, detail."""

    def __init__(
        self,
        endpoint: Endpoint,
        now: Callable[[], float],
        alarm: Callable[[str, bool, str], None],
        rng: Random | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._now = now
        self._alarm = alarm
        self._rng = rng or SystemRandom()
        self._trunks: dict[str, TrunkShell] = {}
        self._states: dict[str, State] = {}
        self._places: dict[str, Places] = {}
        self._registered: dict[str, Account] = {}
        self._probed: dict[str, tuple[str, Hop]] = {}  # name of the probe: trunk and place
        self._calls: Counter[str] = Counter()

    def configure(self, setup: Setup) -> None:
        """Register where it is asked for, deregister where it no longer is, ask after those to be asked after. Raises
        `acd.secret.SecretMissing`."""
        self._setup = setup
        self._trunks = setup.trunks
        for gone in sorted(self._states.keys() - setup.trunks.keys()):
            del self._states[gone]
            for name in ALARMS:
                self._alarm(f"{name}:{gone}", False, "")
        before, self._places = self._places, {}
        for name in sorted(setup.trunks):
            self._states.setdefault(name, State())
            places = self._places[name] = Places(setup.trunks[name], setup, self._rng)
            self._states[name].nowhere.clear()
            self._alarm(f"trunk_name:{name}", False, "")
            if name in before:
                places.keep(before[name])
                self._tell(name)
        for name, account in list(self._registered.items()):
            register = setup.trunks[name].register if name in setup.trunks else None
            if register is None or (register.user, register.uri) != (account.user, account.registrar):
                self._deregister(name)
        for name in setup.trunks:
            self._register(name)
            self._ask(name)
        self._endpoint.trust(self._peers())

    # ---------------------------------------------------------------------------------------------------- places

    def names(self) -> dict[tuple[str, int], tuple[Asked, str]]:
        """What is to be asked of DNS, again and again: for each target that is a name, and the network it is on."""
        return {
            (name, index): (asked, self._trunks[name].network)
            for name, places in self._places.items()
            for index, asked in places.names().items()
        }

    def located(self, name: str, index: int, options: list[Option], why: str = "") -> None:
        """DNS has said where a target is. Nowhere, or nothing said (`why`): as far as we know it is where it was."""
        places = self._places.get(name)
        if places is None or index not in places.names():
            return
        nowhere = self._states[name].nowhere
        nowhere.discard(index)
        if not options:
            nowhere.add(index)
        self._alarm(f"trunk_name:{name}", bool(nowhere), why)
        if not options:
            return
        places.located(index, options)
        self._endpoint.trust(self._peers())
        if name not in self._registered:
            self._register(name)
        self._ask(name)
        self._tell(name)

    def _peers(self) -> tuple[Peer, ...]:
        """The configured sources, and what DNS says; whatever is configured counts more."""
        named = [(name, places.addresses()) for name, places in self._places.items()]
        found = [Peer(name, tuple([(host, 0) for host in hosts])) for name, hosts in named if hosts]
        return (*peers(self._setup.hotline), *found)

    # ---------------------------------------------------------------------------------------------------- calls

    def arrives(self, name: str) -> float | None:
        """A call comes in. None: take it; else refuse it with 503, to come back in so many seconds."""
        if self._states[name].blocked:
            return BLOCKED_S
        return None if self._may_begin(name) else BUSY_S

    def ways(self, name: str, number: str) -> list[Way]:
        """A call is to go out: where it is sent, the first place first. Raises `LookupError` with the reason when it
        cannot."""
        trunk, _ = self._setup.trunk(name)
        if self._states[name].blocked:
            raise LookupError(f"trunk {name} is blocked")
        if trunk.max_calls and self._calls[name] >= trunk.max_calls:
            raise LookupError(f"trunk {name} has all of its {trunk.max_calls} calls")
        found = self._places[name].open(self._now())
        if not self._may_begin(name):
            raise LookupError(f"trunk {name} begins no more calls in this second")
        dialled = rewritten(number, trunk.rewrite.dialled)
        return [Way(uri_of(target, dialled), hop) for target, hop in found]

    def credentials(self, name: str) -> Credentials | None:
        """Who we are to this trunk when it challenges us."""
        out = self._trunks[name].dial_out
        return Credentials(out.user, out.password.reveal()) if out and out.user and out.password else None

    def began(self, name: str) -> None:
        self._calls[name] += 1

    def failed_over(self, name: str, event: FailedOver) -> None:
        """A place did not take a call; the next is asked."""
        self._failed(name, event.hop, event.retry_after_s)

    def ended(self, name: str, event: Ended) -> None:
        """One of its calls is over, in or out."""
        self._calls[name] -= 1
        if not event.session.outgoing:
            return
        nobody = event.by == "network" and event.cause == "unreachable"
        if nobody or event.status in NOBODY:
            self._failed(name, event.session.hop, event.retry_after_s if event.status == 503 else None)
        elif event.by != "us":  # what we gave up ourselves says nothing
            self.answered(name, event.session.hop)

    def answered(self, name: str, hop: Hop) -> None:
        """Somebody is there: a call was answered or refused."""
        health = self._places[name].health.get(hop) if name in self._places else None
        if health is not None and health.failed:
            health.success()
            self._tell(name)

    def _failed(self, name: str, hop: Hop, retry_after_s: float | None) -> None:
        health = self._places[name].health.get(hop) if name in self._places else None
        if health is not None:
            health.failure(self._now(), retry_after_s)
            self._tell(name)

    def _may_begin(self, name: str) -> bool:
        """A bucket that `calls_per_s` fills, and holds the calls of one second."""
        rate, state = self._trunks[name].calls_per_s, self._states[name]
        if not rate:
            return True
        now, most = self._now(), max(1.0, rate)
        state.allowance = min(most, state.allowance + (now - state.counted_at) * rate)
        state.counted_at = now
        if state.allowance < 1:
            return False
        state.allowance -= 1
        return True

    # ----------------------------------------------------------------------------------------------- the operator

    def block(self, name: str, blocked: bool) -> None:
        """Raises `KeyError` for a trunk that is not."""
        self._states[name].blocked = blocked
        self._alarm(f"trunk_blocked:{name}", blocked, "by an operator")

    def blocked(self) -> list[str]:
        return [name for name, state in self._states.items() if state.blocked]

    def view(self, name: str) -> dict[str, Any]:
        state, trunk, places = self._states[name], self._trunks[name], self._places[name]
        return {
            "state": "blocked" if state.blocked else "up" if places.up else "down",
            "registered": None if trunk.register is None else state.registered == 200,
            "legs": self._calls[name],
            "places": places.view(),
        }

    # ------------------------------------------------------------------------------------------- registrations

    def on_registration(self, event: RegistrationResult) -> None:
        for name, account in self._registered.items():
            if (account.user, account.registrar) == (event.user, event.registrar):
                self._states[name].registered = event.status
                self._alarm(f"trunk_registration:{name}", event.status != 200, f"answered {event.status}")
                if event.status in NOBODY:
                    self._register_elsewhere(name, account)

    def _register(self, name: str) -> None:
        """At the place where it is registered, or at the first; later, if no place is known yet."""
        register, account = self._trunks[name].register, self._registered.get(name)
        hops = [hop for _, hop in self._places[name].in_turn()]
        if register is None or not hops:
            return
        hop = account.hop if account is not None and account.hop in hops else hops[0]
        self._registered[name] = Account(register.user, register.uri, hop)
        credentials = Credentials(register.user, register.password.reveal())
        self._endpoint.register(
            register.user, register.uri, hop, self._now(), credentials=credentials, expires_s=register.expires_s,
            has_others=len(hops) > 1,
        )  # fmt: skip

    def _register_elsewhere(self, name: str, account: Account) -> None:
        """Nobody registers us there: the next try, in a while, is at the next place."""
        hops = list(self._places[name].health)
        following = hops.index(account.hop) + 1 if account.hop in hops else 0
        if hops:
            hop = hops[following % len(hops)]
            self._registered[name] = Account(account.user, account.registrar, hop)
            self._endpoint.register_at(account.user, account.registrar, hop)

    def _deregister(self, name: str) -> None:
        account = self._registered.pop(name)
        self._endpoint.register(
            account.user, account.registrar, account.hop, self._now(), credentials=None, expires_s=0
        )  # fmt: skip
        self._alarm(f"trunk_registration:{name}", False, "")

    # -------------------------------------------------------------------------------------------------- OPTIONS

    def on_probe(self, event: Probed) -> bool:
        """False: it is not ours."""
        asked = self._probed.get(event.name)
        if asked is None:
            return False
        name, hop = asked
        trunk = self._trunks.get(name)
        health = self._places[name].health.get(hop) if trunk is not None else None
        if trunk is None or health is None or not trunk.probe_s:
            del self._probed[event.name]
            return True
        health.probed(event.answered and event.status != 503)  # it is there, but takes no calls
        self._tell(name)
        self._probe(event.name, hop, trunk.probe_s)
        return True

    def _ask(self, name: str) -> None:
        """After those of its places that are not being asked after yet."""
        for hop in self._places[name].health if self._trunks[name].probe_s else ():
            probe = f"{PROBE}{name} {named(hop)}"
            if probe not in self._probed:
                self._probed[probe] = (name, hop)
                self._probe(probe, hop, 0.0)

    def _probe(self, probe: str, hop: Hop, after_s: float) -> None:
        host = f"[{hop.host}]" if ":" in hop.host else hop.host
        transport = "" if hop.transport == "udp" else f";transport={hop.transport}"
        self._endpoint.probe(probe, f"sip:{host}:{hop.port}{transport}", hop, self._now(), after_s=after_s)

    def _tell(self, name: str) -> None:
        """Raise or clear what an operator should know of it."""
        places = self._places[name]
        down = [named(hop) for hop, health in places.health.items() if not health.up]
        some = bool(down) and places.up
        self._alarm(f"trunk_places_down:{name}", some, f"{', '.join(down)}: the others take its calls")
        self._alarm(f"trunk_down:{name}", not places.up, f"{', '.join(down)}: OPTIONS or calls are not answered")
