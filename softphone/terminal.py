"""The phone at a terminal: single keys for a person, lines for a script. Both do the same things."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from acd.cli.client import ControlClient, NoEngine, Refused
from softphone.phone import NotNow, Phone
from softphone.sound import FLOOR_DB

COMMANDS: Final = """\
call NUMBER      answer      reject      hangup      digits KEYS (0-9 * # and , for a second)
hold   resume    mute   unmute
consult TO       swap   complete   cancel        warm transfer: TO is agent:ID or device:ID (needs --agent)
wait registered|ringing|talking|idle [SECONDS]   sleep SECONDS   status   level   help   quit"""
KEYS: Final = """\
c call   a answer   x hang up or reject   h hold or resume   m mute   0-9 * # keys
t transfer: consult whom   s swap   j join them   k back to the caller   ? help   q quit"""
WAIT_S: Final = 30.0
REDRAW_S: Final = 0.2
BAR: Final = 12  # characters of a level meter


class Failed(RuntimeError):
    """A command of a script did not do what it should."""


class Desk:
    """A phone with what its agent asks of the engine."""

    def __init__(self, phone: Phone, agent: str | None, connect: Callable[[], ControlClient]) -> None:
        self.phone = phone
        self.agent = agent
        self._connect = connect

    async def do(self, line: str) -> None:
        """One command. Raises `NotNow`, `Failed`, ValueError for one that there is not."""
        name, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if name in ("consult", "swap", "complete", "cancel"):
            await self._transfer(name, rest)
        elif name == "wait":
            await self._wait(rest)
        elif name == "sleep":
            await asyncio.sleep(float(rest))
        elif (verb := self._verbs().get(name)) is not None:
            verb(rest)
        else:
            raise ValueError(f"no such command: {name!r}; help lists them")

    def _verbs(self) -> dict[str, Callable[[str], None]]:
        phone = self.phone
        return {
            "call": phone.call,
            "answer": lambda _: phone.answer(),
            "reject": lambda _: phone.hang_up(),
            "hangup": lambda _: phone.hang_up(),
            "digits": phone.press,
            "hold": lambda _: phone.hold(True),
            "resume": lambda _: phone.hold(False),
            "mute": lambda _: phone.mute(True),
            "unmute": lambda _: phone.mute(False),
            "status": lambda _: phone.tell(status(phone)),
            "level": lambda _: phone.tell(levels(phone)),
            "help": lambda _: phone.tell(COMMANDS),
        }

    async def _wait(self, what: str) -> None:
        wish, _, seconds = what.partition(" ")
        until = time.monotonic() + float(seconds or WAIT_S)
        while not (self.phone.registered if wish == "registered" else self.phone.state == wish):
            if time.monotonic() > until:
                raise Failed(f"still not {wish}; {status(self.phone)}")
            await asyncio.sleep(0.02)

    async def _transfer(self, op: str, to: str) -> None:
        if self.agent is None:
            raise NotNow("who transfers? --agent ID, and --control or --config for the engine's socket")
        args = {"id": self.agent, "op": op, "by": f"softphone:{self.phone.account.user}"}
        if op == "consult":
            args["to"] = to

        def ask() -> None:
            client = self._connect()
            try:
                client.ask("agent", **args)
            finally:
                client.close()

        try:
            await asyncio.to_thread(ask)
        except (Refused, NoEngine) as error:
            raise NotNow(str(error)) from None
        self.phone.tell(f"{op} {to}".strip())


def status(phone: Phone) -> str:
    parts = ["registered" if phone.registered else "not registered", phone.state]
    parts += [phone.party] if phone.party else []
    parts += ["on hold"] if phone.held else []
    if phone.audio is not None:
        parts.append(f"packets in {phone.audio.packets_in}, out {phone.audio.packets_out}")
    return ", ".join(parts)


def levels(phone: Phone) -> str:
    heard, said = (phone.audio.heard_db, phone.audio.said_db) if phone.audio is not None else (FLOOR_DB, FLOOR_DB)
    return f"level heard {heard:.0f} dB, said {said:.0f} dB"


def meter(level_db: float) -> str:
    """A bar from −60 dB to full scale."""
    full = round(max(0.0, min(1.0, (level_db + 60) / 60)) * BAR)
    return "█" * full + "·" * (BAR - full)


# --------------------------------------------------------------------------------------------------------- a script


async def script(desk: Desk, lines: AsyncIterator[str]) -> bool:
    """Do each line; `quit` or the end of input ends it. Returns whether everything went well."""
    well = True
    async for line in lines:
        if line.strip() == "quit":
            break
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            await desk.do(line)
        except Failed as error:
            desk.phone.tell(f"failed: {error}")
            return False
        except (NotNow, ValueError) as error:
            desk.phone.tell(f"cannot: {error}")
            well = False
    return well


async def stdin_lines() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while line := await reader.readline():
            yield line.decode(errors="replace")
    finally:
        transport.close()


# --------------------------------------------------------------------------------------------------------- a person

Ask: TypeAlias = tuple[str, str]  # what is asked, the command that the answer completes


class Keyboard:
    """Single keys and a status line that is always the last."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._asking: Ask | None = None
        self._typed = ""
        self._busy: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()

    def tell(self, text: str) -> None:
        """A line above the status line."""
        print(f"\r\x1b[K{time.strftime('%H:%M:%S')} {text}\r")
        self._draw()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        with _single_keys():
            loop.add_reader(sys.stdin, self._read)
            self.tell(KEYS.replace("\n", "\r\n         "))
            try:
                while not self._end.is_set():
                    self._draw()
                    with _no_matter():
                        await asyncio.wait_for(self._end.wait(), REDRAW_S)
            finally:
                loop.remove_reader(sys.stdin)
                print("\r\x1b[K", end="", flush=True)

    def _draw(self) -> None:
        phone = self.desk.phone
        if self._asking is not None:
            line = f"{self._asking[0]}: {self._typed}_"
        else:
            line = status(phone)
            if phone.audio is not None:
                line += f"  hears {meter(phone.audio.heard_db)}  says {meter(phone.audio.said_db)}"
        print(f"\r\x1b[K{line}", end="", flush=True)

    def _read(self) -> None:
        for key in os.read(sys.stdin.fileno(), 64).decode(errors="ignore"):
            self._key(key)
        self._draw()

    def _key(self, key: str) -> None:
        if self._asking is not None:
            self._type(key)
        elif key in "0123456789*#":
            self._do(f"digits {key}")
        elif key in ("q", "\x03", "\x04"):
            self._end.set()
        elif key == "c":
            self._asking, self._typed = ("number", "call"), ""
        elif key == "t":
            self._asking, self._typed = ("consult whom (agent:ID or device:ID)", "consult"), ""
        elif key == "?":
            self.tell(KEYS.replace("\n", "\r\n         "))
        else:
            phone = self.desk.phone
            muted = phone.audio is not None and phone.audio.muted
            command = {
                "a": "answer", "x": "hangup", "s": "swap", "j": "complete", "k": "cancel",
                "h": "resume" if phone.held else "hold", "m": "unmute" if muted else "mute",
            }.get(key)  # fmt: skip
            if command is not None:
                self._do(command)

    def _type(self, key: str) -> None:
        assert self._asking is not None
        if key in "\r\n":
            command, self._asking = self._asking[1], None
            if self._typed:
                self._do(f"{command} {self._typed}")
        elif key in ("\x1b", "\x03"):
            self._asking = None
        elif key in ("\x7f", "\b"):
            self._typed = self._typed[:-1]
        elif key.isprintable():
            self._typed += key

    def _do(self, line: str) -> None:
        async def act() -> None:
            try:
                await self.desk.do(line)
            except (NotNow, Failed, ValueError) as error:
                self.tell(f"cannot: {error}")

        task = asyncio.get_running_loop().create_task(act())
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)


@contextmanager
def _no_matter() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        return


@contextmanager
def _single_keys() -> Iterator[None]:
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
