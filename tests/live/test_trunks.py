"""Trunks at work, against an engine of our own making on virtual time, and against a carrier on a raw socket."""

from pathlib import Path

import pytest

from acd.config.load import load
from acd.live.places import MISSED, PAUSE_S, TRIP
from acd.live.setup import Setup, endpoint_settings, rewritten
from acd.live.trunks import Trunks
from sip.endpoint import Ended, Endpoint, Hop, Probed, RegistrationResult
from sip.message import Request
from tests.config.texts import HOTLINE, lay_out
from tests.live.bank import Bank
from tests.live.harness import EngineProcess, free_port, wait_until
from tests.live.rawsip import RawSip
from tests.sip.world import Wire, World

TRUNK = """
  carrier:
    sources: ["192.0.2.9"]
    trusted: true
    limits: {calls: 2, calls_per_s: 2}
    dial_out: {to: "sip:192.0.2.9:5060"}
    probe_s: 30
    registration: {user: bank, password: {file: secrets.env, key: DESK}, expires_s: 600}
"""


class Bench:
    """The trunk of a configuration on an endpoint whose carrier is the test."""

    def __init__(self, directory: Path, more: str = TRUNK, *others: tuple[str, str]) -> None:
        """`others` are further changes of the text."""
        old = 'trunks:\n  carrier:\n    sources: ["127.0.0.1:7060"]\n    trusted: true\n'
        assert old in HOTLINE
        text = HOTLINE.replace(old, f"trunks:{more}")
        for before, after in others:
            assert before in text
            text = text.replace(before, after)
        self.setup = Setup(load(lay_out(directory, text)))
        self.wire = Wire()
        self.wire.endpoint = Endpoint(endpoint_settings(self.setup.hotline), World().random, lambda: self.wire.now)
        self.wire.peer = Hop("trunks:0", "192.0.2.9", 5060)  # as its listener sees it
        self.alarms: dict[str, str] = {}
        self.trunks = Trunks(self.wire.endpoint, lambda: self.wire.now, self._alarm)
        self.trunks.configure(self.setup)

    def _alarm(self, name: str, on: bool, detail: str) -> None:
        if on:
            self.alarms[name] = detail
        else:
            self.alarms.pop(name, None)

    def refused(self) -> str | None:
        """Why no call can go out; None: it can."""
        try:
            self.trunks.ways("carrier", "138")
        except LookupError as error:
            return str(error)
        return None

    def hear(self) -> None:
        """Hand over what the endpoint has to say."""
        events, self.wire.events = self.wire.events, []
        for event in events:
            if isinstance(event, RegistrationResult):
                self.trunks.on_registration(event)
            elif isinstance(event, Probed):
                assert self.trunks.on_probe(event)

    def asked(self, method: str) -> Request:
        """Our latest request of that method."""
        return [one for one in self.wire.sent() if isinstance(one, Request) and one.method == method][-1]

    def ends(self, by: str, cause: str, status: int) -> None:
        self.wire.sent()
        session, _ = self.wire.call()
        self.trunks.ended("carrier", Ended(session, by, cause, status))  # type: ignore[arg-type]  # a word of it


def test_it_registers_and_says_when_it_cannot(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    register = bench.asked("REGISTER")
    bench.wire.answer(register, 503)
    bench.hear()
    assert bench.alarms == {"trunk_registration:carrier": "answered 503"}
    assert bench.trunks.view("carrier")["registered"] is False
    bench.wire.pass_time(10)
    again = bench.asked("REGISTER")
    bench.wire.answer(again, 200)
    bench.hear()
    assert bench.alarms == {}
    assert bench.trunks.view("carrier")["registered"] is True


def test_a_carrier_that_does_not_answer_options_gets_no_calls_until_it_does(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.refused() is None
    for missed in range(1, MISSED + 1):
        bench.wire.pass_time(32)
        bench.hear()
        assert bench.trunks.view("carrier")["state"] == ("down" if missed == MISSED else "up")
        bench.wire.pass_time(30)
    assert "trunk_down:carrier" in bench.alarms
    assert bench.refused() == "trunk carrier does not answer"
    bench.wire.answer(bench.asked("OPTIONS"), 404)
    bench.hear()
    assert bench.refused() is None
    assert not [name for name in bench.alarms if name.startswith("trunk_down")]


def test_calls_that_find_nobody_open_the_breaker_and_one_tries(tmp_path: Path) -> None:
    bench = Bench(tmp_path, TRUNK.replace("calls_per_s: 2", "calls_per_s: 0"))
    for _ in range(TRIP):
        assert bench.refused() is None
        bench.ends("network", "unreachable", 503)
    assert bench.refused() == f"trunk carrier has failed {TRIP} times"
    assert "trunk_down:carrier" in bench.alarms
    bench.wire.now += PAUSE_S[0]
    assert bench.refused() is None, "one may try"
    assert bench.refused() is not None, "and the others wait"
    bench.ends("peer", "busy", 486)
    assert bench.refused() is None
    assert not [name for name in bench.alarms if name.startswith("trunk_down")]


def test_limits_and_blocking(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert [bench.trunks.arrives("carrier") for _ in range(3)] == [None, None, 5.0]
    bench.wire.now += 0.5
    assert [bench.trunks.arrives("carrier") for _ in range(2)] == [None, 5.0]
    bench.wire.now += 1
    bench.trunks.began("carrier")
    bench.trunks.began("carrier")
    assert bench.refused() == "trunk carrier has all of its 2 calls"
    bench.trunks.block("carrier", True)
    bench.trunks.configure(bench.setup)
    assert bench.trunks.arrives("carrier") == 60.0
    assert bench.refused() == "trunk carrier is blocked"
    assert bench.trunks.view("carrier") == {
        "state": "blocked", "registered": False, "legs": 2, "places": ["udp:192.0.2.9:5060 up"],
    }  # fmt: skip
    bench.trunks.block("carrier", False)
    assert bench.trunks.arrives("carrier") is None
    with pytest.raises(KeyError):
        bench.trunks.block("nobody", True)


@pytest.mark.parametrize(
    ("number", "becomes"),
    [("+8613800000001", "013800000001"), ("0086138", "0138"), ("95588", "95588"), ("x+86138", "x+86138")],
)
def test_the_first_rule_for_the_whole_number_counts(number: str, becomes: str) -> None:
    assert rewritten(number, ((r"\+86(.*)", r"0\1"), (r"0086(.*)", r"0\1"), (r"0138", "never"))) == becomes


@pytest.mark.peer
def test_a_carrier_sees_registration_options_and_blocked_calls(tmp_path: Path) -> None:
    carrier_port = free_port()
    (tmp_path / "secret").write_text("word")
    bank = Bank(
        tmp_path, caller_port=carrier_port, flow="steps: [answer, {queue: loans}]",
        trunk=f'trusted: true, codecs: [PCMA], dial_out: {{to: "sip:127.0.0.1:{carrier_port}"}}, probe_s: 30, '
        'registration: {user: bank, password: {file: secret}}, '
        'rewrite: {called: [{match: "0(.*)", to: "\\\\1"}], caller: [{match: "\\\\+86(.*)", to: "0\\\\1"}], '
        'dialled: [{match: "0(.*)", to: "+86\\\\1"}]}',
        devices='  home: {number: "0138", through: carrier, codecs: [PCMA]}',
        more_agents='  "2001": {name: Home, device: home, skills: {loans: 5}, sign_on: manual}',
    )  # fmt: skip
    with RawSip(carrier_port) as carrier, EngineProcess(tmp_path, bank.text) as engine:

        def asked(method: str) -> bool:
            return any(message.method == method and not message.status for message in carrier.stray)

        wait_until(lambda: asked("REGISTER"), "it registers")
        assert engine.ask("trunks")["trunks"][0]["state"] == "up"
        engine.ask("agent", id="1001", op="sign-off")
        engine.ask("agent", id="2001", op="sign-on")
        call = carrier.call(("127.0.0.1", bank.trunk_port), "095588", caller="+8613900000000")
        call.connect()
        home = carrier.ringing("+86138")
        assert engine.ask("calls")["calls"][0]["called"] == "95588"
        assert engine.ask("calls")["calls"][0]["caller"] == "013900000000"
        home.pick_up(carrier.sink, "8 101")
        home.expect("ACK")
        assert engine.ask("trunk", id="carrier", op="block") == {"detail": "Trunk carrier is blocked."}
        refused = carrier.call(("127.0.0.1", bank.trunk_port), "95588")
        assert refused.expect("503 INVITE")["retry-after"] == "60"
        assert [alarm["name"] for alarm in engine.ask("alarms")["alarms"] if "blocked" in alarm["name"]]
        engine.ask("trunk", id="carrier", op="unblock")
        call.bye()
        engine.wait_idle()
        assert engine.ask("trunks")["trunks"][0]["legs"] == 0
