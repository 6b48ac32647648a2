"""Transactions (RFC 3261 §17), by the tables of `sip.machines`.

A transaction is told of messages and timers, and sends bytes that are already built: it keeps no parsed message. The
endpoint owns one `Layer`, which finds the transaction of a message and knows the instant of the input being worked on.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from math import ceil
from typing import TypeAlias

from sip.building import Outline, ack_of
from sip.large import LARGE, LargeRequests, via_of
from sip.machines import (
    ACCEPTED,
    ACK_AND_PASS,
    CALLING,
    CLIENT_INVITE,
    CLIENT_REQUEST,
    COMPLETED,
    CONFIRMED,
    EXPIRED,
    FAIL,
    PASS,
    PROCEEDING,
    RESEND,
    RETRANSMIT,
    SERVER_INVITE,
    SERVER_REQUEST,
    TERMINATED,
    TIMEOUT,
    TRYING,
    Do,
    Input,
    State,
    Table,
    given_by,
)
from sip.message import Response
from sip.settings import Hop
from sip.timers import LONG, T1, T2, T4, Alarm, Timer, Timers

REST_S = 0.125  # longer would hold up calls: a busy endpoint leaves four transactions behind with each
ClientKey: TypeAlias = tuple[str, str]  # branch, method
ServerKey: TypeAlias = tuple[str, ...]  # branch, sent-by, method (§17.2.3)
Tell: TypeAlias = "Callable[[Client, Response | None], None]"


class Layer:
    """All transactions of an endpoint, and what they share."""

    __slots__ = ("_resting", "clients", "large", "now", "send", "servers", "settled", "timers", "withdraw")

    def __init__(
        self, send: Callable[[bytes, Hop], None], withdraw: Callable[[bytes], None] = lambda data: None
    ) -> None:
        """`withdraw` takes back what was sent last, if it has not left yet."""
        self.large = LargeRequests()
        self.now = 0.0
        self.send = send
        self.withdraw = withdraw
        self.timers = Timers()
        self.clients: dict[ClientKey, Client] = {}
        self.servers: dict[ServerKey, Server] = {}
        self.settled = 0  # those that only absorb retransmissions now …
        self._resting: dict[int, list[Transaction]] = {}  # … by the multiple of REST_S at which they end

    def __len__(self) -> int:
        return len(self.clients) + len(self.servers)

    def unsettled(self) -> int:
        return len(self.clients) + len(self.servers) - self.settled

    def rest(self, transaction: Transaction, lasts: float) -> None:
        """Let it expire in `lasts` s or a little later: nobody waits for that, so what ends within `REST_S` ends
        together."""
        end = ceil((self.now + lasts) / REST_S)
        resting = self._resting.get(end)
        if resting is None:
            resting = self._resting[end] = []
            self.timers.set(Alarm(lambda now: self._expire(end)), end * REST_S)
        resting.append(transaction)

    def _expire(self, end: int) -> None:
        for transaction in self._resting.pop(end):
            if transaction.state is not TERMINATED:
                transaction.take(EXPIRED)

    def unreachable(self, hops: Set[Hop]) -> None:
        """Tell every transaction that is talking to one of `hops`."""
        for transaction in [t for t in (*self.clients.values(), *self.servers.values()) if t.hop in hops]:
            if transaction.state != TERMINATED:
                transaction.unreachable()


class Transaction(Timer):
    __slots__ = ("_at_end", "_ends", "_interval", "hop", "last", "layer", "state")

    table: Table

    def __init__(self, layer: Layer, hop: Hop, state: State) -> None:
        self.due = None
        self.layer = layer
        self.hop = hop
        self.state = state
        self.last = b""
        self._interval = 0.0
        self._ends = 0.0
        self._at_end = TIMEOUT

    @property
    def reliable(self) -> bool:
        return self.hop.transport != "udp"

    def fire(self, now: float) -> None:
        self.take(RETRANSMIT if now < self._ends else self._at_end)

    def take(self, given: Input) -> Do:
        """One step of the table, with the timers of the state it leads to."""
        before = self.state
        state, do = self.table[before, given]
        if state is not before:
            self.state = state
            self._enter(state)
        if do is RESEND:
            if self.last:
                self.layer.send(self.last, self.hop)
            if given is RETRANSMIT:
                self._interval = self._next_interval()
                layer = self.layer
                layer.timers.set(self, min(layer.now + self._interval, self._ends))
        elif do is FAIL:
            self._failed(given)
        return do

    def unreachable(self) -> None:
        self.take(Input.UNREACHABLE)

    def _next_interval(self) -> float:
        return min(2 * self._interval, T2)

    def _run(self, lasts: float, at_end: Input, interval: float = 0.0) -> None:
        """Be woken every `interval` s (doubling; 0: never), and for good after `lasts` s."""
        layer = self.layer
        self._ends = layer.now + lasts
        self._at_end = at_end
        self._interval = interval
        layer.timers.set(self, layer.now + interval if interval else self._ends)

    def _settle(self, lasts: float) -> None:
        """From now on it only absorbs what comes again."""
        layer = self.layer
        layer.settled += 1
        self._at_end = EXPIRED
        if lasts:
            layer.timers.cancel(self)
            layer.rest(self, lasts)
        else:
            self.take(EXPIRED)

    def _enter(self, state: State) -> None:
        raise NotImplementedError

    def _leave(self) -> None:
        self.layer.timers.cancel(self)
        if self._at_end is EXPIRED:
            self.layer.settled -= 1

    def _failed(self, given: Input) -> None:
        raise NotImplementedError


class Client(Transaction):
    """`tell` hears each response that is not a retransmission, or None once if none will come."""

    __slots__ = ("by_udp", "key", "outline", "tell", "unreached")

    def __init__(self, layer: Layer, key: ClientKey, hop: Hop, data: bytes, tell: Tell, state: State) -> None:
        self.by_udp: tuple[bytes, Hop] | None = None  # how it is sent if TCP, for which it is large enough, is refused
        if len(data) > LARGE and hop.transport == "udp" and (larger := layer.large.over_tcp(data, hop, layer.now)):
            self.by_udp = data, hop
            data, hop = larger
        super().__init__(layer, hop, state)
        self.key = key
        self.last = data
        self.tell = tell
        self.unreached = False  # the transport said so
        layer.clients[key] = self
        layer.send(data, hop)
        self._run(LONG, TIMEOUT, 0.0 if hop.transport != "udp" else T1)

    def receive(self, response: Response) -> None:
        do = self.take(given_by(response.status))
        if do is PASS:
            self.tell(self, response)

    def within(self, seconds: float) -> None:
        """Wait no longer than this for an answer; until then it is sent again as ever."""
        layer = self.layer
        self._ends = min(self._ends, layer.now + seconds)
        if self.due is not None and self.due > self._ends:
            layer.timers.set(self, self._ends)

    def unreachable(self) -> None:
        if self.by_udp is None or self.state not in (CALLING, TRYING):
            super().unreachable()
            return
        layer = self.layer
        layer.large.refused(self.hop, layer.now)
        (self.last, self.hop), self.by_udp = self.by_udp, None
        layer.send(self.last, self.hop)
        self._run(LONG, TIMEOUT, T1)

    def _leave(self) -> None:
        super()._leave()
        self.layer.clients.pop(self.key, None)

    def _failed(self, given: Input) -> None:
        self.unreached = given is Input.UNREACHABLE
        self.tell(self, None)


class ClientRequest(Client):
    """Figure 6."""

    __slots__ = ()
    table = CLIENT_REQUEST

    def __init__(self, layer: Layer, key: ClientKey, hop: Hop, data: bytes, tell: Tell) -> None:
        super().__init__(layer, key, hop, data, tell, TRYING)

    def _next_interval(self) -> float:
        return T2 if self.state is PROCEEDING else min(2 * self._interval, T2)

    def _enter(self, state: State) -> None:
        if state is COMPLETED:
            self.last = b""
            self._settle(0.0 if self.reliable else T4)  # K
        elif state is TERMINATED:
            self._leave()


class ClientInvite(Client):
    """Figure 5 of RFC 3261 as corrected by RFC 6026. ACKs refusals itself; a 2xx is the user's to ACK."""

    __slots__ = ("abandoned",)
    table = CLIENT_INVITE
    outline: Outline | None

    def __init__(self, layer: Layer, hop: Hop, data: bytes, outline: Outline, tell: Tell) -> None:
        self.outline = outline
        self.abandoned = False  # nobody wants its answer; a CANCEL is owed as soon as it may be sent
        super().__init__(layer, (outline.branch, "INVITE"), hop, data, tell, CALLING)
        if self.by_udp is not None:
            outline.via = via_of(self.last)  # of its ACK and CANCEL, too

    def receive(self, response: Response) -> None:
        do = self.take(given_by(response.status))
        if do is PASS:
            self.tell(self, response)
        elif do is ACK_AND_PASS:
            assert self.outline is not None
            self.last = ack_of(self.outline, response.first.get("to") or self.outline.to)
            self.layer.send(self.last, self.hop)
            self.outline = None
            self.tell(self, response)

    def unreachable(self) -> None:
        by_tcp = self.by_udp is not None
        super().unreachable()
        if by_tcp and self.by_udp is None and self.outline is not None:
            self.outline.via = via_of(self.last)

    def give_up_after(self, seconds: float) -> None:
        """Wait no longer than this for a final answer: after a CANCEL (§9.1), or for one that only rings."""
        if self.state in (CALLING, PROCEEDING):
            self._run(seconds, TIMEOUT)

    def abandon(self) -> None:
        """Nothing was heard of it, and another place is asked: send it no more, but wait for what may come yet."""
        if self.state is CALLING:
            self.abandoned = True
            self._run(LONG, TIMEOUT)

    def _next_interval(self) -> float:
        return 2 * self._interval  # timer A has no ceiling

    def _enter(self, state: State) -> None:
        if state is PROCEEDING:
            self.last = b""
            self.layer.timers.cancel(self)
        elif state is COMPLETED:
            self._settle(0.0 if self.reliable else LONG)  # D
        elif state is ACCEPTED:
            self.last = b""
            self._settle(LONG)  # M
        elif state is TERMINATED:
            self._leave()


class Server(Transaction):
    __slots__ = ("key",)

    def __init__(self, layer: Layer, key: ServerKey, hop: Hop, state: State) -> None:
        super().__init__(layer, hop, state)
        self.key = key
        layer.servers[key] = self

    def respond(self, status: int, data: bytes) -> None:
        """Send `data`, a whole response of that status. Nothing happens if a final one went out before."""
        given = given_by(status)
        if (self.state, given) in self.table:
            self.last = data
            self.layer.send(data, self.hop)
            self.take(given)

    def move(self, hop: Hop) -> None:
        """The connection it came over is gone: it is answered there from now on."""
        self.hop = hop
        if self.state is COMPLETED and self.last:
            self.layer.send(self.last, hop)  # who knows whether it arrived

    def again(self) -> None:
        """The request came again."""
        self.take(Input.REQUEST)

    def _leave(self) -> None:
        super()._leave()
        self.layer.servers.pop(self.key, None)

    def _failed(self, given: Input) -> None:
        raise AssertionError("no server transaction fails")


class ServerRequest(Server):
    """Figure 8."""

    __slots__ = ()
    table = SERVER_REQUEST

    def __init__(self, layer: Layer, key: ServerKey, hop: Hop) -> None:
        super().__init__(layer, key, hop, TRYING)

    def wait(self) -> None:
        """Nobody has answered it at once: who is to has so long (RFC 4320)."""
        self._run(LONG, TIMEOUT)

    def _enter(self, state: State) -> None:
        if state is COMPLETED:
            self._settle(0.0 if self.reliable else LONG)  # J
        elif state is TERMINATED:
            self._leave()


class ServerInvite(Server):
    """Figure 7 of RFC 3261 as corrected by RFC 6026. `on_cancel` is called by a CANCEL before the final answer; `tag`
    is the one that our answers put into To."""

    __slots__ = ("_trying", "on_cancel", "tag")
    table = SERVER_INVITE

    def __init__(self, layer: Layer, key: ServerKey, hop: Hop) -> None:
        super().__init__(layer, key, hop, PROCEEDING)
        self.on_cancel: Callable[[str], None] | None = None  # given the CANCEL's Reason
        self.tag = ""
        self._trying = False  # it has a 100 and no more

    def trying(self, data: bytes) -> None:
        """Send a 100: owed only where nothing else comes at once (§17.2.1), and taken back then."""
        self._trying = True
        self.last = data
        self.layer.send(data, self.hop)

    def respond(self, status: int, data: bytes) -> None:
        """See `Server`."""
        if self._trying:
            self._trying = False
            self.layer.withdraw(self.last)
        Server.respond(self, status, data)

    def ack(self) -> None:
        """An ACK with the INVITE's branch came: of a refusal (one of a 2xx has a branch of its own)."""
        self.take(Input.ACK)

    def _enter(self, state: State) -> None:
        if state is not CONFIRMED:
            self.on_cancel = None
        if state is COMPLETED:
            self._run(LONG, TIMEOUT, 0.0 if self.reliable else T1)  # G, H
        elif state is CONFIRMED:
            self.last = b""
            self._settle(0.0 if self.reliable else T4)  # I
        elif state is ACCEPTED:
            self.last = b""
            self._settle(LONG)  # L
        elif state is TERMINATED:
            self._leave()


def unheard(transaction: Client, response: Response | None) -> None:
    """Of a request whose answer changes nothing."""
