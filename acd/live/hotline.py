"""The live engine: one owning task that feeds the core and lets its commands act (DESIGN §2).

Everything that happens ends in `post`. A turn takes all events that wait, writes them with the commands they gave to
the journal in one write, and only then lets the commands act; what these cause is the next turn. Nothing re-enters. The
lines of a turn that commands nothing go with the next that does, or within a second.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
from collections import deque
from collections.abc import Callable
from functools import partial
from random import SystemRandom
from typing import Any, Final

from acd.config import difference, load
from acd.config.hours import instants
from acd.config.shell import Hotline as Configuration
from acd.core import commands as do
from acd.core import events as ev
from acd.core.engine import Engine
from acd.core.settings import Settings
from acd.journal.recovery import Recovered, recover
from acd.journal.writer import JournalWriter
from acd.live.clock import Clock
from acd.live.control import ControlServer
from acd.live.legs import Legs
from acd.live.locator import Locator
from acd.live.log import get
from acd.live.operations import Operations
from acd.live.pages import gather
from acd.live.prompts import Prompts
from acd.live.saved import Saved
from acd.live.setup import Setup, endpoint_settings, static_devices, tls_files
from acd.live.trace import Trace
from acd.live.trunks import Trunks
from acd.records.store import RecordStore
from media.client import WorkerPool
from sip.aio import SipShell
from sip.aio.resolver import Resolver
from sip.endpoint import LockedOut, Redirected
from sip.locate import Option, asked_of, in_turn

IDLE_COLLECT: Final = 20_000
"""New containers after which garbage is looked for once no call is up …"""
BUSY_COLLECT: Final = 400_000
"""… and after which it is looked for in any case: a full collection is worth tens of milliseconds (DESIGN §4)."""
HOUSEKEEPING_S: Final = 1.0
HOURS_AGAIN_S: Final = 86_400.0
"""Opening hours are told this often, and whenever the clock is set."""
LAST_WORDS_S: Final = 3.0
"""How long a stop waits for the BYEs of the calls it ended."""


class Hotline:
    """A running hotline. `start`, then `stopped` until somebody stops it, then `close`."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.log = get("hotline")  # not at import: the log is configured after that
        found = recover(configuration.journal) if configuration.journal else Recovered()
        self.recovered = found
        self.boot = found.boot + 1
        self.clock = Clock(found.now, found.wall_offset_s if found.boot else None)
        self.started_at = self.clock.now()
        self.draining = False
        self.engine = Engine(found.snapshot)
        self.alarms: dict[str, tuple[float, str]] = {}
        self.replies: dict[str, asyncio.Future[do.Reply]] = {}
        self.stopped = asyncio.Event()
        self._seed = secrets.randbits(32)
        self._random = SystemRandom()
        self._loop = asyncio.get_running_loop()  # asked for once: each time would be a system call (getpid)
        self._inbox: deque[ev.Event] = deque()
        self._turning = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._requests = 0
        self._hours_again_at = 0.0
        self._housekeeper: asyncio.Task[None] | None = None

        self.sip = SipShell(
            endpoint_settings(configuration),
            lambda events: self.legs.on_sip(events),
            binds={
                f"{listen.name}:{index}": (address.host, address.port)
                for listen in configuration.listen.values()
                for index, address in enumerate(listen.sip)
            },
            tls=tls_files(configuration),
        )
        self.endpoint = self.sip.endpoint
        self.media = WorkerPool(
            {name: listen.media_host for name, listen in configuration.listen.items()},
            ports=(configuration.media.first_port, configuration.media.last_port),
            workers=configuration.media.workers,
            silent_after_s=configuration.media.silent_s or None,
        )
        self.saved = Saved(configuration.journal) if configuration.journal else None
        self.trunks = Trunks(self.endpoint, self._loop.time, self.alarm)
        self.locator = Locator(lambda: Resolver(self.configuration.dns), self._located)
        self.trace = Trace()
        self.endpoint.trace = self.trace.ring
        self.legs = Legs(
            Setup(configuration), self.endpoint, self.media, Prompts(configuration.prompts, configuration.music),
            self.post, self.boot, self.trunks, self._loop.time, self.trace.began, self.saved,
        )  # fmt: skip
        self.legs.on_event[LockedOut] = self._locked_out
        self.legs.on_event[Redirected] = self._redirected
        self.journal: JournalWriter | None = None
        self.records: RecordStore | None = None
        self.control = ControlServer(configuration.control, Operations(self).handle)
        self._carry_out: dict[type[Any], Callable[[Any], None]] = {
            **self.legs.carry_out,
            do.WriteRecord: self._write_record,
            do.WriteLeg: self._write_leg,
            do.Publish: lambda command: None,
            do.Reply: self._reply,
            do.Alarm: self._alarm,
            do.LookUp: self._look_up,
        }

    # ---------------------------------------------------------------------------------------------------- turns

    def post(self, event: ev.Event) -> None:
        """Something happened. Its turn comes at once, or right behind the one that is being taken."""
        self._inbox.append(event)
        if not self._turning:
            self._turn()

    def _turn(self) -> None:
        inbox, step, now = self._inbox, self.engine.step, self.clock.now
        self._turning = True
        try:
            while inbox:
                commands: list[do.Command] = []
                while inbox:
                    event = inbox.popleft()
                    instant = now()
                    given = step(event, instant)
                    if self.journal is not None:
                        self.journal.turn(instant, event, given)
                    commands += given
                if commands:
                    if self.journal is not None:
                        self.journal.flush()
                    self._act(commands)
        finally:
            self._turning = False
        self.sip.flush()
        if self.saved is not None:
            self.saved.flush()
        self._set_timer()

    def _act(self, commands: list[do.Command]) -> None:
        carry_out = self._carry_out
        for command in commands:
            try:
                carry_out[type(command)](command)
            except Exception:  # one call's trouble must not end the others'
                self.log.exception("a command failed", command=repr(command))

    def _set_timer(self) -> None:
        """See that the core is woken in time. A timer that is set too early is left: it looks again when it fires,
        which is cheaper than moving it at every turn."""
        deadline = self.engine.deadline()
        if deadline is None or (self._timer is not None and self._timer_at <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        delay = max(0.0, deadline - self.clock.now())
        self._timer = self._loop.call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        deadline = self.engine.deadline()
        if deadline is not None and deadline <= self.clock.now():
            self.post(ev.Woke())
        else:
            self._set_timer()

    # ----------------------------------------------------------------------------------- commands of our own

    def _write_record(self, command: do.WriteRecord) -> None:
        record = command.record
        self.log.info(
            "record", call=record.call, outcome=record.outcome, queue=record.queue, agent=record.agent,
            wait_s=round(record.wait_s, 3), talk_s=round(record.talk_s, 3), session_id=record.session_id,
            **({"reason": record.reason} if record.reason else {}),
        )  # fmt: skip
        self.legs.sound.forget(record.call)
        if self.records is not None:
            self.records.put(record)

    def _write_leg(self, command: do.WriteLeg) -> None:
        if self.records is not None:
            self.records.put_leg(command.record)

    def _reply(self, command: do.Reply) -> None:
        waiting = self.replies.pop(command.request, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(command)

    def _alarm(self, command: do.Alarm) -> None:
        self.alarm(command.name, command.on, command.detail)

    def alarm(self, name: str, on: bool, detail: str) -> None:
        """Raise or clear an alarm; nothing happens if it stands, or stands not, already."""
        if on == (name in self.alarms):
            return
        if on:
            self.alarms[name] = (self.clock.now() + self.clock.wall_offset_s, detail)
        else:
            del self.alarms[name]
        self.log.warning("alarm", name=name, on=on, detail=detail)

    def _locked_out(self, event: LockedOut) -> None:
        name = f"password_guessing:{event.source}"
        self.alarm(name, True, f"{event.user or 'everybody'} there is locked out for {event.seconds:g} s")
        self._loop.call_later(event.seconds, self.alarm, name, False, "")

    def _look_up(self, command: do.LookUp) -> None:
        """No source is configured yet: the flow is told so."""
        self.post(ev.LookedUp(command.op, "failed", {}))

    async def ask(self, event: Callable[[str], ev.Event]) -> do.Reply:
        """Put a request to the core and wait for its answer. `event` makes it from the request's name."""
        self._requests += 1
        request = f"{self.boot}.r{self._requests}"
        asked = event(request)
        waiting: asyncio.Future[do.Reply] = self._loop.create_future()
        self.replies[request] = waiting
        self.post(asked)
        return await waiting

    # ------------------------------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Up and serving. Raises OSError (port in use), `acd.journal.codec.JournalError`, `SecretMissing`."""
        configuration, found = self.configuration, self.recovered
        for note in found.notes:
            self.log.warning("journal", note=note)
        await self.media.start()
        if configuration.records is not None:  # before another segment begins: the last two are what is recovered from
            self._turning = True  # what goes wrong with them is for the journal that will be open
            try:
                self.records = await RecordStore.open(
                    configuration.records,
                    trouble=lambda on, detail: self.post(ev.StorageTrouble("records", on, detail)),
                    records=found.records,
                )
            finally:
                self._turning = False
        if configuration.journal is not None:
            journal = JournalWriter(
                configuration.journal,
                trouble=lambda on, detail: self.post(ev.StorageTrouble("journal", on, detail)),
                snapshot=self.engine.snapshot,
                notice=lambda text: self.log.warning("journal", note=text),
            )
            journal.open(
                boot=self.boot, seed=self._seed, now=self.clock.now(), wall_offset_s=self.clock.wall_offset_s,
                settings=found.settings, snapshot=found.snapshot,
            )  # fmt: skip
            self.journal = journal
        if self.saved is not None:
            self.saved.open()
        self.post(ev.Started(self.boot, self.clock.wall_offset_s, self._seed))
        self.configured(configuration.settings)
        self.sip.start()
        self._configure_trunks()
        if self.saved is not None:
            for trunk in self.saved.blocked():
                if trunk in configuration.trunks:
                    self.trunks.block(trunk, True)
            self.endpoint.restore_bindings(self.saved.bindings(), self._loop.time())
            self.sip.flush()
        await self.control.start()  # last: whoever is answered there finds everything in place
        self._housekeeper = asyncio.create_task(self._keep_house())
        gc.collect()
        gc.freeze()
        gc.disable()
        large = gather()
        self.log.info(
            "up", name=configuration.name, boot=self.boot, control=str(configuration.control), large_pages=large
        )

    def configured(self, settings: Settings) -> None:
        """The core learns of a configuration, of its opening hours first, and which devices need no registration."""
        self._tell_hours()
        self.post(ev.Configured(settings))
        for device in static_devices(self.configuration):
            self.legs.devices.tell(device, True)

    def block_trunk(self, name: str, blocked: bool) -> None:
        """Out of service or back, over a restart too. Raises `KeyError` for a trunk that is not."""
        self.trunks.block(name, blocked)
        if self.saved is not None:
            self.saved.save_blocked(self.trunks.blocked())

    def _configure_trunks(self) -> None:
        self.trunks.configure(self.legs.setup)
        self.locator.want(self.trunks.names(), self.legs.setup)

    def _located(self, name: str, index: int, options: list[Option], why: str) -> None:
        self.trunks.located(name, index, options, why)
        self.sip.flush()

    def _redirected(self, event: Redirected) -> None:
        """A carrier sends a call to a host by name: that call alone waits for what DNS says."""
        network, setup = self.legs.setup.network_of(event.session.hop.listener).name, self.legs.setup

        def found(options: list[Option]) -> None:
            places = in_turn(options, self._random)
            event.session.follow([setup.hop(network, place, event.uri.host) for place in places])
            self.sip.flush()

        self.locator.find(asked_of(event.uri), network, setup, found)

    def _tell_hours(self) -> None:
        """Opening hours as instants, for some weeks ahead."""
        wall_s = self.clock.now() + self.clock.wall_offset_s
        self._hours_again_at = wall_s + HOURS_AGAIN_S
        self.post(ev.HoursSet(instants(self.configuration.hours, wall_s)))

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            if self.clock.moved():
                self.post(ev.WallClockSet(self.clock.wall_offset_s))
                self._tell_hours()
            elif self.clock.now() + self.clock.wall_offset_s > self._hours_again_at:
                self._tell_hours()
            if self.journal is not None:
                self.journal.flush()
            if self.saved is not None:
                self.saved.flush(all_of_it=True)
            self._save_bindings()
            if self.draining and not self.legs.legs:
                self.stopped.set()
            fresh = gc.get_count()[0]
            if fresh > BUSY_COLLECT or (fresh > IDLE_COLLECT and not self.legs.legs):
                gc.collect()

    def _save_bindings(self) -> None:
        if self.saved is not None and self.legs.devices.bindings_changed:
            self.legs.devices.bindings_changed = False
            self.saved.save_bindings(self.endpoint.save_bindings(self._loop.time()))

    def reload(self) -> list[str]:
        """Read the configuration again and put it in force; live calls are not touched. Returns the differences.
        Raises `ConfigError`, `OSError` for a certificate, `SecretMissing`, and then nothing has changed."""
        fresh = load(self.configuration.file)
        changes = difference(self.configuration, fresh)
        for trunk in fresh.trunks.values():
            if trunk.register is not None:
                trunk.register.password.reveal()  # missing: now, while nothing has changed
        self.sip.secure(tls_files(fresh))
        self.endpoint.configure(endpoint_settings(fresh))
        gone = set(static_devices(self.configuration)) - set(static_devices(fresh))
        self.configuration = fresh
        self.legs.configure(Setup(fresh), Prompts(fresh.prompts, fresh.music))
        self._configure_trunks()
        self.media.forget_recordings()
        for device in sorted(gone):
            self.legs.devices.tell(device, False)
        self.configured(fresh.settings)
        self.log.info("reloaded", changes=len(changes))
        return changes

    async def close(self) -> None:
        """End every call, say so to their parties, write what is to be written, and let go of everything."""
        await self.ask(lambda request: ev.Drain(request, "operator"))  # lines that are up between calls end too
        for call in self.engine.view(self.clock.now()).calls:
            await self.ask(partial(_hang_up, call.id))
        until = self.clock.now() + LAST_WORDS_S
        while self.legs.legs and self.clock.now() < until:  # noqa: ASYNC110 - once a life: not worth an event
            await asyncio.sleep(0.02)
        if self._housekeeper is not None:
            self._housekeeper.cancel()
        if self._timer is not None:
            self._timer.cancel()
        await self.control.close()
        self.locator.close()
        self._save_bindings()
        if self.saved is not None:
            self.saved.flush(all_of_it=True)
            self.saved.close()
        self.sip.close()
        await self.media.close()
        if self.records is not None:
            await self.records.close()  # while the journal still takes what it may have to say
        if self.journal is not None:
            self.journal.close()
        self.log.info("down")


def _hang_up(call: str, request: str) -> ev.Event:
    return ev.HangUp(request, "operator", call)
