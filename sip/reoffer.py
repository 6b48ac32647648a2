"""New offers within a session, theirs and ours: re-INVITE (RFC 3261 §14) and UPDATE (RFC 3311), as a table.

At any instant at most one offer is open. A wish of ours that comes at a bad moment waits; only the last one counts.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from sip.building import ALLOW, SDP, Reply, request_of
from sip.events import Confirmed, Offered, Reanswered
from sip.message import Request, Response
from sip.timers import LONG, Alarm
from sip.transaction import Client, ClientInvite, Server, ServerInvite

if TYPE_CHECKING:
    from sip.session import Session
    from sip.unacknowledged import Unacknowledged


class State(IntEnum):
    IDLE = 1
    ASKED = 2  # our re-INVITE is out
    BACKING_OFF = 3  # it met theirs (491): we try again in a moment
    OFFERED = 4  # theirs waits for `accept` or `refuse`
    UNACKED = 5  # our 2xx to it waits for the ACK
    STOPPED = 6  # the session is ending


class Input(IntEnum):
    ASK = 1
    THEIRS = 2
    ACCEPT = 3
    ACCEPT_UPDATE = 4  # a 2xx without ACK
    REFUSE = 5
    ACK = 6
    GLARE = 7
    DONE = 8
    BACKED_OFF = 9
    STOP = 10
    EARLY = 11  # theirs is dealt with, and our 2xx to their INVITE still waits for its ACK


class Reoffer:
    __slots__ = (
        "_alarm",
        "_asked",
        "_challenged",
        "_cseq",
        "_invite",
        "_reply",
        "_request",
        "_session",
        "_transaction",
        "_unacked",
        "_wish",
        "state",
    )

    def __init__(self, session: Session) -> None:
        self._session = session
        # Before the ACK of our 2xx there is an open exchange already.
        self.state = State.IDLE if session.confirmed else State.UNACKED
        self._wish: bytes | None = None
        self._asked = b""
        self._challenged = 0
        self._invite: ClientInvite | None = None  # ours
        self._cseq = 0  # of ours, or of theirs while it is open
        self._request: Request | None = None  # theirs
        self._transaction: Server | None = None
        self._reply: Reply | None = None
        self._unacked: Unacknowledged | None = None
        self._alarm: Alarm | None = None

    def ask(self, sdp: bytes) -> None:
        self._wish = sdp
        self._take(Input.ASK)

    def theirs(self, request: Request, cseq: int, transaction: Server, reply: Reply) -> None:
        """Their offer; without a body they ask for ours."""
        status = self._session.refuses_offer(request, of_update=not isinstance(transaction, ServerInvite))
        if self.state in (State.ASKED, State.OFFERED, State.STOPPED):
            # §14.2: 491 while ours is open, 500 while theirs is.
            status = 500 if self.state is State.OFFERED else 491
        if status:
            retry = f"Retry-After: {self._session.endpoint.rng.randrange(11)}\r\n" if status == 500 else ""
            transaction.respond(status, reply.to_bytes(status, retry))
            return
        self._request, self._transaction, self._reply, self._cseq = request, transaction, reply, cseq
        if isinstance(transaction, ServerInvite):
            transaction.on_cancel = self._cancelled
        self._take(Input.THEIRS)
        session = self._session
        if request.method != "PRACK":
            session.refresh_target(request)
        session.endpoint.events.append(Offered(session, request.body))

    def accept(self, sdp: bytes) -> None:
        if self.state is not State.OFFERED:
            return
        request, transaction, reply, session = self._request, self._transaction, self._reply, self._session
        assert request is not None
        assert transaction is not None
        assert reply is not None
        session.answers_offer(request, sdp)
        lines = SDP if sdp else ""
        if request.method != "PRACK":
            lines = f"{session.contact_line()}{ALLOW}{session.refreshed(as_server=True)}{lines}"
        data = reply.to_bytes(200, lines, sdp)
        self._request = self._transaction = self._reply = None
        if isinstance(transaction, ServerInvite):
            self._unacked = session.repeat_until_acked(transaction, self._cseq, data)
            self._take(Input.ACCEPT)
        else:
            transaction.respond(200, data)
            self._take(Input.ACCEPT_UPDATE if session.confirmed else Input.EARLY)

    def refuse(self, status: int) -> None:
        if self.state is State.OFFERED:
            self._refuse(status)
            self._take(Input.REFUSE if self._session.confirmed else Input.EARLY)

    def acked(self, request: Request, cseq: int) -> None:
        if self._unacked is not None and self._unacked.cseq == cseq:
            self._forget_unacked(None)
            self._take(Input.ACK)
            if request.body:
                self._session.remote_sdp = request.body
                self._session.endpoint.events.append(Confirmed(self._session, request.body))

    def confirmed(self) -> None:
        """The ACK of the session's own 2xx came."""
        if self.state is State.UNACKED and self._unacked is None:
            self._take(Input.ACK)

    def stop(self) -> None:
        """The session is ending: what they asked is refused, what we asked is of no interest any more."""
        if self.state is not State.STOPPED:
            if self.state is State.OFFERED:
                self._refuse(487)
            self._take(Input.STOP)

    def _refuse(self, status: int) -> None:
        transaction, reply = self._transaction, self._reply
        self._request = self._transaction = self._reply = None
        if transaction is not None and reply is not None:
            transaction.respond(status, reply.to_bytes(status))

    def _cancelled(self, _: str) -> None:
        self.refuse(487)

    def _heard(self, transaction: Client, response: Response | None) -> None:
        """An answer to our re-INVITE, or None."""
        session = self._session
        if transaction is not self._invite:
            if response is not None and 200 <= response.status < 300:
                session.resend_ack()
            return
        if response is not None and response.status < 200:
            assert isinstance(transaction, ClientInvite)
            transaction.give_up_after(LONG)
            return
        self._invite = None
        if response is None:
            session.gone(408)
        elif response.status < 300:
            self._succeeded(response)
        elif response.status in (408, 481):
            session.gone(response.status)
        elif response.status in (401, 407) and self.state is State.ASKED and self._answer_challenge(response):
            return
        elif response.status == 491 and self.state is State.ASKED:
            self._take(Input.GLARE)
        elif self.state is State.ASKED:
            session.endpoint.events.append(Reanswered(session, response.status))
            self._take(Input.DONE)

    def _answer_challenge(self, response: Response) -> bool:
        session = self._session
        assert session.dialog is not None
        line = session.authorization(response, "INVITE", session.dialog.target, self._challenged)
        if line is None:
            return False
        self._challenged += 1
        self._send_offer(self._asked, line)
        return True

    def _succeeded(self, response: Response) -> None:
        session = self._session
        session.refresh_target(response)
        session.send_ack(self._cseq)
        if self.state is State.ASKED:
            session.remote_sdp = response.body
            session.endpoint.events.append(Reanswered(session, response.status, response.body))
            self._take(Input.DONE)

    # -------------------------------------------------------------------------------------------- table actions

    def _take(self, given: Input) -> None:
        self.state, act = TABLE[self.state, given]
        act(self, None)

    def _nothing(self, _: object) -> None:
        pass

    def _send(self, _: object) -> None:
        assert self._wish is not None
        self._asked, self._wish = self._wish, None
        self._challenged = 0
        self._send_offer(self._asked, "")

    def _send_offer(self, sdp: bytes, authorization: str) -> None:
        session = self._session
        endpoint = session.endpoint
        assert session.dialog is not None
        outline = session.outline()
        self._cseq = outline.cseq
        session.offered(sdp)
        lines = f"{session.contact_line()}{ALLOW}{session.refreshed(as_server=False)}{authorization}{SDP}"
        data = request_of(outline, "INVITE", lines, sdp)
        self._invite = ClientInvite(endpoint.layer, session.dialog.hop, data, outline, self._heard)

    def _next(self, _: object) -> None:
        """Nothing is open: what we wished meanwhile can go."""
        if self._wish is not None:
            self.state = State.ASKED
            self._send(None)

    def _back_off(self, _: object) -> None:
        """§14.1: 2.1 to 4 s if the call is ours, else 0 to 2 s, in steps of 10 ms."""
        if self._wish is None:
            self._wish = self._asked
        session = self._session
        rng = session.endpoint.rng
        steps = rng.randint(210, 400) if session.outgoing else rng.randint(0, 200)
        layer = session.endpoint.layer
        if self._alarm is None:
            self._alarm = Alarm(self._backed_off)
        layer.timers.set(self._alarm, layer.now + steps / 100)

    def _backed_off(self, _: float) -> None:
        self._alarm = None
        self._take(Input.BACKED_OFF)

    def _forget_alarm(self, _: object) -> None:
        if self._alarm is not None:
            self._session.endpoint.layer.timers.cancel(self._alarm)
            self._alarm = None

    def _forget_unacked(self, _: object) -> None:
        """Their ACK came, or a new offer shows that they have our 2xx."""
        if self._unacked is not None:
            self._unacked.cancel()
            self._unacked = None

    def _forget(self, _: object) -> None:
        self._forget_alarm(None)
        self._forget_unacked(None)
        self._wish = None


S, I = State, Input  # noqa: E741 - the tables read as in the RFC
Act: TypeAlias = Callable[[Reoffer, object], None]
TABLE: dict[tuple[State, Input], tuple[State, Act]] = {
    (S.IDLE, I.ASK): (S.ASKED, Reoffer._send),
    (S.IDLE, I.THEIRS): (S.OFFERED, Reoffer._nothing),
    (S.IDLE, I.STOP): (S.STOPPED, Reoffer._forget),
    (S.ASKED, I.ASK): (S.ASKED, Reoffer._nothing),
    (S.ASKED, I.GLARE): (S.BACKING_OFF, Reoffer._back_off),
    (S.ASKED, I.DONE): (S.IDLE, Reoffer._next),
    (S.ASKED, I.STOP): (S.STOPPED, Reoffer._forget),
    (S.BACKING_OFF, I.ASK): (S.BACKING_OFF, Reoffer._nothing),
    (S.BACKING_OFF, I.THEIRS): (S.OFFERED, Reoffer._forget_alarm),
    (S.BACKING_OFF, I.BACKED_OFF): (S.ASKED, Reoffer._send),
    (S.BACKING_OFF, I.STOP): (S.STOPPED, Reoffer._forget),
    (S.OFFERED, I.ASK): (S.OFFERED, Reoffer._nothing),
    (S.OFFERED, I.ACCEPT): (S.UNACKED, Reoffer._nothing),
    (S.OFFERED, I.ACCEPT_UPDATE): (S.IDLE, Reoffer._next),
    (S.OFFERED, I.REFUSE): (S.IDLE, Reoffer._next),
    (S.OFFERED, I.EARLY): (S.UNACKED, Reoffer._nothing),
    (S.OFFERED, I.STOP): (S.STOPPED, Reoffer._forget),
    (S.UNACKED, I.ASK): (S.UNACKED, Reoffer._nothing),
    (S.UNACKED, I.THEIRS): (S.OFFERED, Reoffer._forget_unacked),
    (S.UNACKED, I.ACK): (S.IDLE, Reoffer._next),
    (S.UNACKED, I.STOP): (S.STOPPED, Reoffer._forget),
    (S.STOPPED, I.ASK): (S.STOPPED, Reoffer._nothing),
}
