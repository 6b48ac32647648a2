"""Endpoints joined by a network of our own, in virtual time: what is lost, doubled or late is the seed's choice."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from sip.endpoint import Ended, Endpoint, EndpointSettings, Hop, Listener, Session, SipEvent
from sip.message import Request, Response
from sip.parsing import parse

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
ANSWER = b"v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\ns=-\r\n"

Hear = Callable[[Endpoint, SipEvent], None]


def nothing(endpoint: Endpoint, event: SipEvent) -> None:
    """An owner that does not react."""


class World:
    """`transcript` has a line per message that was sent, `heard` the events of each endpoint by its address."""

    def __init__(self, seed: int = 0, *, loss: float = 0.0, double: float = 0.0, jitter_s: float = 0.0) -> None:
        self.now = 0.0
        self.random = Random(seed)
        self.loss, self.double, self.jitter_s = loss, double, jitter_s
        self.endpoints: dict[str, Endpoint] = {}
        self.heard: dict[str, list[SipEvent]] = {}
        self.transcript: list[str] = []
        self._hear: dict[str, Hear] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    def add(self, host: str, hear: Hear = nothing, **settings: object) -> Endpoint:
        listener = Listener("l", host, 5060, algorithms=())
        settings.setdefault("listeners", (listener,))
        endpoint = Endpoint(
            EndpointSettings(**settings),  # type: ignore[arg-type]  # the test's own keywords
            Random(self.random.random()),
            lambda: self.now,
        )
        self.endpoints[host], self.heard[host], self._hear[host] = endpoint, [], hear
        return endpoint

    def call(self, caller: str, callee: str, name: str = "call", **how: object) -> Session:
        session = self.endpoints[caller].invite(
            name,
            f"sip:95588@{callee}",
            Hop("l", callee, 5060),
            OFFER,
            self.now,
            from_=f"<sip:{caller}@{caller}>",
            **how,  # type: ignore[arg-type]  # the test's own keywords
        )
        self.settle()
        return session

    def at(self, when: float, do: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._queue, (when, self._serial, do))

    def settle(self) -> None:
        """Send and hand over what there is; no time passes."""
        busy = True
        while busy:
            busy = False
            for host, endpoint in self.endpoints.items():
                outgoing, endpoint.outgoing = endpoint.outgoing, []
                for data, hop in outgoing:
                    busy = True
                    self._carry(host, data, hop)
                events, endpoint.events = endpoint.events, []
                for event in events:
                    busy = True
                    self.heard[host].append(event)
                    self._hear[host](endpoint, event)

    def run(self, until: float = 1e9) -> None:
        """Until then, or until nothing will ever happen again."""
        self.settle()
        while True:
            times = [self._queue[0][0]] if self._queue else []
            times += [when for endpoint in self.endpoints.values() if (when := endpoint.deadline()) is not None]
            if not times or min(times) > until:
                break
            self.now = max(self.now, min(times))
            while self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
                self.settle()
            for endpoint in self.endpoints.values():
                endpoint.wake(self.now)
            self.settle()
        if until < 1e9:
            self.now = until

    def ends(self, host: str) -> list[Ended]:
        return [event for event in self.heard[host] if isinstance(event, Ended)]

    def left(self) -> list[tuple[int, int, int]]:
        """Sessions, transactions, timers of each endpoint."""
        stats = [endpoint.stats() for endpoint in self.endpoints.values()]
        return [(stat["sessions"], stat["transactions"], stat["timers"]) for stat in stats]

    def _carry(self, source: str, data: bytes, hop: Hop) -> None:
        self.transcript.append(f"{source} {first_line(data)}")
        if hop.host not in self.endpoints or self.random.random() < self.loss:
            return
        for _ in range(2 if self.random.random() < self.double else 1):
            delay = 0.005 + self.jitter_s * self.random.random()
            self.at(self.now + delay, lambda: self._deliver(source, data, hop.host))

    def _deliver(self, source: str, data: bytes, host: str) -> None:
        self.endpoints[host].receive(data, Hop("l", source, 5060), self.now)


class Wire:
    """One endpoint (192.0.2.1), and a peer (192.0.2.9) whose every message the test writes itself."""

    ours = "192.0.2.1"
    peer = Hop("l", "192.0.2.9", 5060)

    def __init__(self, **settings: object) -> None:
        listener = Listener("l", self.ours, 5060, algorithms=())
        settings.setdefault("listeners", (listener,))
        self.now = 0.0
        self.endpoint = Endpoint(
            EndpointSettings(**settings),  # type: ignore[arg-type]  # the test's own keywords
            Random(7),
            lambda: self.now,
        )
        self.events: list[SipEvent] = []
        self._branch = 0

    def sent(self) -> list[Request | Response]:
        """What the endpoint has sent since the last question."""
        outgoing, self.endpoint.outgoing = self.endpoint.outgoing, []
        return [parse(data) for data, _ in outgoing]

    def lines(self) -> list[str]:
        """The same as short words: ``BYE``, ``200 INVITE``."""
        return [word_of(message) for message in self.sent()]

    def happened(self) -> list[SipEvent]:
        events, self.endpoint.events = self.endpoint.events, []
        self.events += events
        return events

    def give(self, data: bytes) -> None:
        self.endpoint.receive(data, self.peer, self.now)
        self.happened()

    def pass_time(self, seconds: float) -> None:
        """Wake the endpoint whenever it wants until then."""
        until = self.now + seconds
        while (when := self.endpoint.deadline()) is not None and when <= until:
            self.now = max(self.now, when)
            self.endpoint.wake(self.now)
            self.happened()
        self.now = until

    # ------------------------------------------------------------------------------------- the peer's messages

    def call(self, **how: object) -> tuple[Session, Request]:
        """Our call to the peer, and the INVITE it got."""
        session = self.endpoint.invite(
            "ours",
            "sip:agent@192.0.2.9",
            self.peer,
            OFFER,
            self.now,
            from_="<sip:95588@192.0.2.1>",
            **how,  # type: ignore[arg-type]  # the test's own keywords
        )
        (invite,) = self.sent()
        assert isinstance(invite, Request)
        return session, invite

    def answer(self, request: Request, status: int, *, tag: str = "peer", lines: str = "", body: bytes = b"") -> None:
        to = request.get("To") or ""
        if status > 100 and ";tag=" not in to:
            to = f"{to};tag={tag}"
        head = f"SIP/2.0 {status} Whatever\r\nVia: {request.get('Via')}\r\nFrom: {request.get('From')}\r\nTo: {to}\r\n"
        head += f"Call-ID: {request.get('Call-ID')}\r\nCSeq: {request.get('CSeq')}\r\n"
        if status < 300 and request.method == "INVITE":
            head += "Contact: <sip:agent@192.0.2.9:5060>\r\n"
        if body:
            head += "Content-Type: application/sdp\r\n"
        self.give(f"{head}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def request(
        self,
        method: str,
        *,
        to: str = "<sip:95588@192.0.2.1>",
        cseq: int = 1,
        from_: str = "<sip:c@192.0.2.9>;tag=peer",
        call_id: str = "theirs",
        branch: str = "",
        lines: str = "",
        body: bytes = b"",
        uri: str = "sip:95588@192.0.2.1",
    ) -> bytes:
        self._branch += 1
        branch = branch or f"z9hG4bK-{self._branch}"
        head = f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch={branch}\r\n"
        head += f"From: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
        if method in ("INVITE", "UPDATE", "REGISTER"):
            head += "Contact: <sip:c@192.0.2.9:5060>\r\n"
        if body:
            head += "Content-Type: application/sdp\r\n"
        return f"{head}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def within(self, session: Session, method: str, cseq: int, *, branch: str = "", body: bytes = b"") -> bytes:
        """A request of the peer in the session's dialog."""
        assert session.dialog is not None
        dialog = session.dialog
        return self.request(
            method, to=dialog.local, cseq=cseq, from_=dialog.remote, call_id=dialog.call_id, branch=branch, body=body
        )


def first_line(data: bytes) -> str:
    """As `word_of`, of what may not be readable."""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    if not head.startswith("SIP/2.0 "):
        return head.partition(" ")[0]
    return f"{head[8:11]} {head.partition('CSeq: ')[2].partition(chr(13))[0].rpartition(' ')[2]}"


def word_of(message: Request | Response) -> str:
    if isinstance(message, Request):
        return message.method
    return f"{message.status} {message.cseq.method}"
