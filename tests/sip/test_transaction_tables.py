"""The four transaction machines, pair by pair, and their timers against RFC 3261 table 4."""

from __future__ import annotations

import pytest

from sip.building import Outline
from sip.machines import CLIENT_INVITE, CLIENT_REQUEST, SERVER_INVITE, SERVER_REQUEST, Do, Input, State, Table
from sip.message import Response
from sip.parsing import parse
from sip.settings import Hop
from sip.transaction import Client, ClientInvite, ClientRequest, Layer, ServerInvite, ServerRequest

UDP, TCP = Hop("l", "192.0.2.9", 5060), Hop("l", "192.0.2.9", 5060, "tcp", 1)
S, I = State, Input  # noqa: E741 - the tables read as in the RFC
RESPONSES = {I.PROVISIONAL, I.SUCCESS, I.FAILURE, I.UNREACHABLE}


class Bench:
    """A layer, what it sent and when, and what a client's user heard."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self.heard: list[int | None] = []
        self.layer = Layer(lambda data, hop: self.sent.append((self.layer.now, data)))

    def tell(self, client: Client, response: Response | None) -> None:
        self.heard.append(None if response is None else response.status)

    def invite(self, hop: Hop = UDP) -> ClientInvite:
        outline = Outline(
            "sip:b@x", "SIP/2.0/UDP x;branch=z9hG4bK1", "z9hG4bK1", "", "<sip:a@x>;tag=1", "<sip:b@x>", "c", 1
        )
        return ClientInvite(self.layer, hop, b"INVITE", outline, self.tell)

    def request(self, hop: Hop = UDP) -> ClientRequest:
        return ClientRequest(self.layer, ("z9hG4bK1", "BYE"), hop, b"BYE", self.tell)

    def run(self, until: float) -> None:
        timers = self.layer.timers
        while (when := timers.next()) is not None and when <= until:
            self.layer.now = when
            timers.run(when)
        self.layer.now = until

    def times(self, data: bytes) -> list[float]:
        return [when for when, what in self.sent if what == data]


def response(status: int, method: str = "INVITE") -> Response:
    text = (
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n"
        f"To: <sip:b@x>;tag=2\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    message = parse(text.encode())
    assert isinstance(message, Response)
    return message


@pytest.mark.parametrize(
    ("table", "states", "inputs"),
    [
        (CLIENT_INVITE, {S.CALLING, S.PROCEEDING, S.COMPLETED, S.ACCEPTED}, RESPONSES),
        (CLIENT_REQUEST, {S.TRYING, S.PROCEEDING, S.COMPLETED}, RESPONSES),
        (SERVER_INVITE, {S.PROCEEDING, S.COMPLETED, S.CONFIRMED, S.ACCEPTED}, {I.REQUEST, I.ACK, I.UNREACHABLE}),
        (SERVER_REQUEST, {S.TRYING, S.PROCEEDING, S.COMPLETED}, {I.REQUEST, I.UNREACHABLE}),
    ],
)  # fmt: skip
def test_whatever_the_wire_brings_has_a_row_in_every_state(
    table: Table, states: set[State], inputs: set[Input]
) -> None:
    missing = {(state, given) for state in states for given in inputs if (state, given) not in table}
    assert missing == set()
    assert {state for state, _ in table} == states
    ends = {state for state, _ in table.values()} - states
    assert ends == {State.TERMINATED}
    reachable = {next(iter(table))[0]}
    for _ in states:
        reachable |= {to for (state, _), (to, _) in table.items() if state in reachable}
    assert reachable == states | ends


def test_timer_a_and_b() -> None:
    bench = Bench()
    bench.invite()
    bench.run(100)
    assert bench.times(b"INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.heard == [None]
    assert len(bench.layer) == len(bench.layer.timers) == 0


def test_timer_e_and_f() -> None:
    bench = Bench()
    bench.request()
    bench.run(31.9)
    assert bench.times(b"BYE") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.heard == []
    bench.run(32)
    assert bench.heard == [None]
    assert len(bench.layer) == 0


def test_timer_e_slows_down_after_a_provisional() -> None:
    bench = Bench()
    client = bench.request()
    bench.run(0.6)
    client.receive(response(100, "BYE"))
    bench.run(10)
    assert bench.times(b"BYE") == [0, 0.5, 1.5, 5.5, 9.5]


def test_over_a_connection_nothing_is_sent_twice() -> None:
    bench = Bench()
    bench.invite(TCP)
    bench.request(TCP)
    bench.run(100)
    assert bench.times(b"INVITE") == bench.times(b"BYE") == [0]
    assert bench.heard == [None, None]


def test_a_provisional_stops_timers_a_and_b() -> None:
    bench = Bench()
    client = bench.invite()
    client.receive(response(180))
    bench.run(1000)
    assert (client.state, bench.times(b"INVITE"), bench.heard) == (S.PROCEEDING, [0], [180])


def test_timer_d_acks_each_refusal_again() -> None:
    bench = Bench()
    client = bench.invite()
    client.receive(response(486))
    client.receive(response(486))
    client.receive(response(180))
    ((_, _), (_, first), (_, second)) = bench.sent
    assert first == second
    assert first.startswith(b"ACK sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n")
    assert b"To: <sip:b@x>;tag=2\r\n" in first
    assert bench.heard == [486]
    bench.run(31.9)
    assert client.state is S.COMPLETED
    bench.run(32)
    assert (client.state, len(bench.layer)) == (S.TERMINATED, 0)


def test_timer_m_passes_every_2xx_and_no_refusal() -> None:
    bench = Bench()
    client = bench.invite()
    for status in (200, 200, 486, 180, 202):
        client.receive(response(status))
    assert bench.heard == [200, 200, 202]
    bench.run(32)
    assert (client.state, len(bench.layer), len(bench.layer.timers)) == (S.TERMINATED, 0, 0)


def test_timer_k() -> None:
    bench = Bench()
    client = bench.request()
    client.receive(response(200, "BYE"))
    client.receive(response(200, "BYE"))
    assert bench.heard == [200]
    bench.run(4.9)
    assert len(bench.layer) == 1
    bench.run(5)
    assert len(bench.layer) == 0


def test_timers_g_and_h_without_an_ack() -> None:
    bench = Bench()
    server = ServerInvite(bench.layer, ("k",), UDP)
    server.respond(486, b"486")
    bench.run(100)
    assert bench.times(b"486") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert (server.state, len(bench.layer)) == (S.TERMINATED, 0)


def test_timer_i_after_the_ack() -> None:
    bench = Bench()
    server = ServerInvite(bench.layer, ("k",), UDP)
    server.respond(486, b"486")
    server.again()
    server.ack()
    server.ack()
    server.again()
    assert bench.times(b"486") == [0, 0]
    bench.run(4.9)
    assert len(bench.layer) == 1
    bench.run(5)
    assert len(bench.layer) == 0


def test_timer_l_absorbs_the_invite() -> None:
    bench = Bench()
    server = ServerInvite(bench.layer, ("k",), UDP)
    server.respond(180, b"180")
    server.again()
    server.respond(200, b"200")
    server.again()
    server.respond(200, b"200")  # the user repeats it
    server.respond(486, b"486")  # too late: nothing
    assert [data for _, data in bench.sent] == [b"180", b"180", b"200", b"200"]
    bench.run(32)
    assert len(bench.layer) == 0


def test_timer_j_repeats_the_answer() -> None:
    bench = Bench()
    server = ServerRequest(bench.layer, ("k",), UDP)
    server.again()
    assert bench.sent == []
    server.respond(200, b"200")
    server.again()
    server.respond(500, b"500")
    assert [data for _, data in bench.sent] == [b"200", b"200"]
    bench.run(32)
    assert len(bench.layer) == 0


def test_a_request_nobody_answers_is_forgotten() -> None:
    bench = Bench()
    ServerRequest(bench.layer, ("k",), UDP).wait()
    bench.run(32)
    assert (bench.sent, len(bench.layer)) == ([], 0)


def test_unreachable_ends_what_waits_and_nothing_else() -> None:
    bench = Bench()
    client = bench.request()
    bench.layer.unreachable({Hop("l", "192.0.2.10", 5060)})
    assert bench.heard == []
    bench.layer.unreachable({UDP})
    assert (bench.heard, client.unreached, len(bench.layer)) == ([None], True, 0)
    invite = bench.invite()
    invite.receive(response(180))
    bench.layer.unreachable({UDP})
    assert invite.state is S.PROCEEDING


def test_unsettled_counts_those_that_still_wait() -> None:
    bench = Bench()
    client, server = bench.request(), ServerRequest(bench.layer, ("k",), UDP)
    assert bench.layer.unsettled() == 2
    client.receive(response(200, "BYE"))
    server.respond(200, b"200")
    assert (bench.layer.unsettled(), len(bench.layer)) == (0, 2)
    bench.run(32)
    assert (bench.layer.unsettled(), bench.layer.settled) == (0, 0)


def test_those_that_only_absorb_end_together_a_little_late() -> None:
    bench = Bench()
    ends = [ServerRequest(bench.layer, (f"k{n}",), UDP) for n in range(4)]
    for n, server in enumerate(ends):
        bench.run(0.9 + 0.03 * n)
        server.respond(200, b"200")
    assert len(bench.layer.timers) == 1, "one waking for all of them"
    bench.layer.unreachable({UDP})
    late = ServerRequest(bench.layer, ("late",), UDP)
    late.respond(200, b"200")
    bench.run(32.99)
    assert list(bench.layer.servers) == [("late",)]
    bench.run(33)
    assert (len(bench.layer), bench.layer.settled, len(bench.layer.timers)) == (0, 0, 0)


def test_every_row_does_what_it_says() -> None:
    """A row that sends, resends or fails leads where that can be done."""
    for table in (CLIENT_INVITE, CLIENT_REQUEST, SERVER_INVITE, SERVER_REQUEST):
        for (_, given), (to, do) in table.items():
            assert (do is Do.FAIL) <= (to is S.TERMINATED)
            assert (given is I.RETRANSMIT) <= (do is Do.RESEND)
            assert (do is Do.SEND) <= (given in (I.PROVISIONAL, I.SUCCESS, I.FAILURE))
