"""The crossing table over the wire: CANCEL, 200, 4xx, BYE and nothing at all, from the caller and from the agent's
phone, in every state that their legs can be in.

Each cell has an agent, a queue and a number of its own, so that all of them run at once on one engine. A cell reaches
its situation, lets one thing happen, and lets whoever is left hang up. What must hold everywhere: one record, nobody
stuck, and the agent takes the next call. What came of each is kept in ``crossings.txt``; ``python -m
tests.live.test_crossings`` writes it anew."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.live.ear import write_tone
from tests.live.harness import SOON_S, EngineProcess, free_port, wait_until
from tests.live.rawsip import Call, Message, RawSip, sdp, tag_of

pytestmark = pytest.mark.peer

GOLDEN = Path(__file__).with_name("crossings.txt")
RING_S, SILENT_S, UNANSWERED_S, DELAY_S = 2, 12, 12, 8
PATIENT_S = 60
GIVEN = ("CANCEL", "200", "4xx", "BYE", "time-out")


@dataclass
class Situation:
    """How far both legs are: `reach` goes there. `flow` and `answer` are the number's; `ready`: the agent is."""

    name: str
    reach: Callable[[Cell], None]
    flow: str = "[{queue: QUEUE}]"
    answer: str = "at_once"
    ready: bool = True


@dataclass
class Cell:
    n: int
    situation: Situation
    role: str
    given: str
    bench: Bench = field(repr=False)
    caller: Call = field(init=False)
    agent: Call | None = None

    @property
    def user(self) -> str:
        return f"c{self.n}"

    @property
    def ring_s(self) -> int:
        """Short only where that it comes to its end is the point."""
        return RING_S if self.given == "time-out" or "agent cancelled" in self.situation.name else PATIENT_S

    def dial(self, *, recvonly: bool = False) -> None:
        trunk = self.bench.trunk
        body = sdp(trunk.sink, direction="recvonly" if recvonly else "sendrecv")
        self.caller = trunk.call(self.bench.hotline, f"9{self.n:04}", caller=f"139{self.n:08}", body=body)

    def rung(self) -> Call:
        self.agent = self.bench.phones.ringing(self.user)
        return self.agent

    # ---------------------------------------------------------------------------------------------- its course

    def run(self) -> str:
        try:
            return self._run()
        except AssertionError as error:
            return f"{self.label()}STUCK: {str(error).splitlines()[0]}"

    def label(self) -> str:
        return f"{self.situation.name:32}{self.role + ' ' + self.given:17}"

    def _run(self) -> str:
        if not self.situation.ready:
            self.bench.engine.ask("agent", id=self.user, op="break", reason="aside")
        self.situation.reach(self)
        self.let_in()
        self.close()
        record = self.bench.sees(lambda: self.bench.record(f"139{self.n:08}"), "a record", 60)
        if not self.caller.deaf:
            assert self.caller.ended.wait(SOON_S), f"the caller's leg goes on; there came {self.caller.words}"
        self.bench.sees(lambda: not self.bench.agent(self.user)["work"], "the agent's work ends")
        presence = self.bench.sees(self.presence, "his telephone, which is there, is found")
        self.next_call()
        return f"{self.label()}{record['outcome']:20}by {record['released_by']:9}{presence}"

    def presence(self) -> str:
        """Unreachable is for good only where the telephone answers nothing."""
        found = str(self.bench.agent(self.user)["presence"])
        return "" if found == "unreachable" and self.user not in self.bench.phones.deaf_users else found

    def let_in(self) -> None:
        call = self.caller if self.role == "caller" else self.agent
        assert call is not None
        pending = self.pending(call)
        if self.given == "time-out":
            # Who never acknowledges may answer a BYE all the same: 32 s of waiting are enough.
            call.deaf = not self.never_acknowledges()
            if self.role == "agent":
                self.bench.phones.deaf_users.add(self.user)
        elif self.given == "CANCEL":
            call.cancel()
        elif self.given == "BYE":
            call.bye(wait_s=0)
        elif self.given == "200" and pending.method == "INVITE":
            call.respond(pending, 200, sdp(self.bench.trunk.sink))
        else:
            call.respond(pending, 200 if self.given == "200" else 486 if pending.method == "INVITE" else 481)
        if self.given != "time-out":
            call.deaf = False
            if self.given in ("200", "4xx"):  # a CANCEL that waits is answered too
                for message in [m for m in call.got if m.word == "CANCEL"]:
                    call.respond(message, 200)
        else:
            time.sleep(RING_S + 0.5 if self.role == "agent" else 0)
        time.sleep(0.7)
        self.bench.settles()

    @staticmethod
    def pending(call: Call) -> Message:
        """The request of the engine's that an answer is owed to; else the INVITE, theirs or ours."""
        for message in reversed(call.got):
            if message.word == "BYE":
                return message
        if call.invite is not None:
            return call.invite
        return Message(
            f"INVITE {call.uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch={call.branch}\r\nFrom: {call.local}\r\n"
            f"To: {call.far}\r\nCall-ID: {call.call_id}\r\nCSeq: 1 INVITE\r\n\r\n".encode()
        )

    def close(self) -> None:
        """Whoever is still there, and not struck dumb, hangs up."""
        caller = self.caller
        if caller.deaf or caller.ended.is_set() or self.never_acknowledges():
            return
        if caller.answered:
            if not self.acknowledged():
                caller.ack()
            if not self.left():
                caller.bye(wait_s=0)
        else:
            caller.cancel()

    def never_acknowledges(self) -> bool:
        unacknowledged = self.situation.name.startswith("unacknowledged")
        return unacknowledged and (self.role, self.given) == ("caller", "time-out")

    def acknowledged(self) -> bool:
        return any(message.given for message in self.caller.got if message.word == "200 INVITE")

    def left(self) -> bool:
        return self.role == "caller" and self.given == "BYE"

    def next_call(self) -> None:
        """The agent is as good as new."""
        bench, number = self.bench, f"138{self.n:08}"
        bench.phones.deaf_users.discard(self.user)
        bench.engine.request("agent", id=self.user, op="ready")
        caller = bench.trunk.call(bench.hotline, f"8{self.n:04}", caller=number)
        while True:
            agent = bench.phones.ringing(self.user)
            assert agent.invite is not None
            if number in agent.invite["from"]:
                break
        agent.pick_up(bench.phones.sink)
        caller.connect()
        agent.expect("ACK")
        caller.bye()
        agent.expect("BYE")
        bench.sees(lambda: bench.record(number), "the next call's record")


# ---------------------------------------------------------------------------------------------------- situations


def waiting(cell: Cell) -> None:
    cell.dial()
    cell.caller.expect("180 INVITE")


def starting(cell: Cell) -> None:
    cell.dial()
    cell.rung()
    wait_until(lambda: tag_of(cell.caller.far), "the caller has heard of us: before, there is no dialog to end")


def ringing(cell: Cell) -> None:
    starting(cell)
    assert cell.agent is not None
    cell.agent.ring()


def cancelled(cell: Cell) -> None:
    """It has rung long enough; our CANCEL is not answered yet."""
    ringing(cell)
    assert cell.agent is not None
    cell.agent.deaf = True
    cell.agent.expect("CANCEL")


def unacknowledged(cell: Cell) -> None:
    """The caller has our 200 and has not said so."""
    cell.dial(recvonly=True)
    cell.rung().ring()
    wait_until(lambda: "200 INVITE" in cell.caller.words, "our answer")


def answered(reach: Callable[[Cell], None]) -> Callable[[Cell], None]:
    def reach_and_answer(cell: Cell) -> None:
        reach(cell)
        cell.caller.connect()

    return reach_and_answer


def dialled(cell: Cell) -> None:
    cell.dial()


def talking(cell: Cell) -> None:
    starting(cell)
    assert cell.agent is not None
    cell.agent.pick_up(cell.bench.phones.sink)
    cell.agent.expect("ACK")
    cell.caller.connect()


def half_connected(cell: Cell) -> None:
    """The agent talks; the caller has not acknowledged our 200 yet."""
    cell.dial(recvonly=True)
    cell.rung().pick_up(cell.bench.phones.sink, direction="recvonly")
    assert cell.agent is not None
    cell.agent.expect("ACK")
    wait_until(lambda: "200 INVITE" in cell.caller.words, "our answer")


def caller_gone_ringing(cell: Cell) -> None:
    answered(ringing)(cell)
    assert cell.agent is not None
    cell.agent.deaf = True
    cell.caller.bye()
    cell.agent.expect("CANCEL")


def caller_gone_talking(cell: Cell) -> None:
    talking(cell)
    assert cell.agent is not None
    cell.agent.deaf = True
    cell.caller.bye()
    cell.agent.expect("BYE")


def agent_gone(cell: Cell) -> None:
    talking(cell)
    assert cell.agent is not None
    cell.caller.deaf = True
    cell.agent.bye()
    cell.caller.expect("BYE")


def refused(cell: Cell) -> None:
    """Our 486 is on its way, and not acknowledged yet."""
    cell.dial()
    cell.caller.deaf = True
    cell.caller.expect("486 INVITE")


BY_AGENT = "by_agent"
SITUATIONS = (
    Situation("unanswered, ring tone", waiting, "[{ring: 30}, {queue: QUEUE}]", "by_flow"),
    Situation("unanswered, waiting", waiting, answer=BY_AGENT, ready=False),
    Situation("unanswered, agent starting", starting, answer=BY_AGENT),
    Situation("unanswered, agent ringing", ringing, answer=BY_AGENT),
    Situation("unanswered, agent cancelled", cancelled, answer=BY_AGENT),
    Situation("unanswered, refused", refused, "[{hang_up: {status: 486}}]", "by_flow"),
    Situation("unacknowledged, agent ringing", unacknowledged),
    Situation("unacknowledged, agent talking", half_connected, answer=BY_AGENT),
    Situation("answered, prompt", answered(dialled), "[answer, {say: long}, {queue: QUEUE}]", "by_flow"),
    Situation("answered, waiting", answered(dialled), ready=False),
    Situation("answered, agent starting", answered(starting)),
    Situation("answered, agent ringing", answered(ringing)),
    Situation("answered, agent cancelled", answered(cancelled)),
    Situation("answered, agent talking", talking),
    Situation("caller gone, agent cancelled", caller_gone_ringing),
    Situation("caller gone, agent releasing", caller_gone_talking),
    Situation("agent gone, caller releasing", agent_gone),
)


def pairs() -> list[tuple[Situation, str, str]]:
    found = []
    for situation in SITUATIONS:
        roles = [role for role in ("caller", "agent") if not situation.name.startswith(f"{role} gone")]
        if "agent" not in situation.name:
            roles.remove("agent")
        found += [(situation, role, given) for role in roles for given in GIVEN]
    return found


# ---------------------------------------------------------------------------------------------------- the bench


class Bench:
    """The engine with a queue, an agent and two numbers for each cell, and what is known of records and agents."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.trunk_port, self.phone_port = free_port(), free_port()
        self.trunk, self.phones = RawSip(free_port()), RawSip(free_port())
        self.hotline = ("127.0.0.1", self.trunk_port)
        self.cells = [Cell(n, *pair, self) for n, pair in enumerate(pairs())]
        self.engine = EngineProcess(directory, self.text())
        self._records: dict[str, list[dict[str, Any]]] = {}
        self._agents: dict[str, dict[str, Any]] = {}
        self._looked = threading.Condition()
        self._looks = 0
        self._open = True
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def text(self) -> str:
        write_tone(self.directory / "prompts" / "long.wav", 440.0, 6.0)
        write_tone(self.directory / "music.wav", 620.0, 2.0)
        flows = self.directory / "flows"
        flows.mkdir()
        plain = "steps: [answer, {queue: QUEUE}]"
        numbers, queues, agents, devices = {}, {}, {}, {}
        for cell in self.cells:
            name, situation = cell.user, cell.situation
            (flows / f"{name}.yaml").write_text("steps: " + situation.flow.replace("QUEUE", name))
            (flows / f"next-{name}.yaml").write_text(plain.replace("QUEUE", name))
            numbers[f"9{cell.n:04}"] = {"flow": name, "answer": situation.answer}
            numbers[f"8{cell.n:04}"] = {"flow": f"next-{name}"}
            queues[name] = {"needs": {name: 1}, "ring_s": cell.ring_s, "wrap_up": "none", "nobody_signed_on": "wait"}
            queues[name] |= {f"{why}_delay_s": DELAY_S for why in ("rejected", "busy", "no_answer")}
            queues[name] |= {"exclude_after_reject_s": DELAY_S}
            agents[name] = {"device": name, "skills": {name: 5}, "sign_on": "at_start"}
            devices[name] = {"contact": f"sip:{name}@127.0.0.1:{self.phones.port}"}
        return json.dumps({
            "version": 1,
            "listen": {"trunks": {"sip": f"udp:127.0.0.1:{self.trunk_port}", "digest": []},
                       "agents": {"sip": f"udp:127.0.0.1:{self.phone_port}", "digest": ["MD5"]}},
            "media": {"workers": 1, "silent_s": SILENT_S},
            "trunks": {"carrier": {"network": "trunks", "sources": [f"127.0.0.1:{self.trunk.port}"], "trusted": True}},
            "devices": devices, "agents": agents, "numbers": numbers, "queues": queues,
            "skills": [cell.user for cell in self.cells],
            "flows": "flows", "prompts": "prompts", "music": {"default": "music.wav"},
            "limits": {"unanswered_max_s": UNANSWERED_S}, "log": {"format": "json"},
        })  # fmt: skip

    def record(self, caller: str) -> dict[str, Any] | None:
        found = self._records.get(caller, [])
        return found[0] if found else None

    def agent(self, name: str) -> dict[str, Any]:
        return self._agents[name]

    def settles(self) -> None:
        """What the engine had heard it has acted on, and what it said was read, however busy the machine is."""
        begun = self._looks
        self.sees(lambda: self._looks > begun + 1, "the engine has answered a question that was asked later")
        self.trunk.caught_up()
        self.phones.caught_up()

    def sees(self, holds: Callable[[], Any], what: str, timeout_s: float = SOON_S) -> Any:
        """As `wait_until`, but it looks when there is news: so many cells would keep each other from working."""
        with self._looked:
            found = self._looked.wait_for(holds, timeout_s)
        assert found, f"not within {timeout_s:g} s: {what}"
        return found

    def _watch(self) -> None:
        while self._open:
            self._look()
            time.sleep(0.2)

    def _look(self) -> None:
        agents = {agent["id"]: agent for agent in self.engine.ask("agents")["agents"]}
        records: dict[str, list[dict[str, Any]]] = {}
        database = sqlite3.connect(f"file:{self.directory / 'run' / 'records.sqlite'}?mode=ro", uri=True)
        for caller, outcome, by in database.execute("select caller, outcome, released_by from calls"):
            records.setdefault(caller, []).append({"outcome": outcome, "released_by": by})
        database.close()
        with self._looked:
            self._agents, self._records = agents, records
            self._looks += 1
            self._looked.notify_all()

    def run(self) -> list[str]:
        with self.engine as engine, self.trunk, self.phones:
            self._look()
            self._watcher.start()
            try:
                with ThreadPoolExecutor(len(self.cells)) as pool:
                    lines = list(pool.map(Cell.run, self.cells))
                print("\n".join(lines), flush=True)
                status = engine.wait_idle(60)
                assert (status["agents_busy"], status["waiting"], status["timers"]) == (0, 0, 0)
            finally:
                self._open = False
                self._watcher.join()
            self._look()
            assert {len(records) for records in self._records.values()} == {1}, "one record a call"
            assert len(self._records) == 2 * len(self.cells)
            log = engine.log.read_text()
            assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
        return lines


def test_one_outcome_each_and_nobody_stuck(tmp_path: Path) -> None:
    lines = Bench(tmp_path).run()
    assert lines == GOLDEN.read_text().splitlines()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        table = Bench(Path(directory)).run()
    if "--write" in sys.argv:
        GOLDEN.write_text("\n".join(table) + "\n")
