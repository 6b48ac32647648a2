"""One INVITE session from its first message to its end (RFC 3261 §9, §13, §15), by the table of `sip.states`.

Our INVITE until its final answer is a `Calling`, theirs an `Arrival`; offers within the session (re-INVITE, UPDATE) are
the business of `sip.reoffer`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from sip.arrival import Arrival
from sip.attempt import Attempt
from sip.building import ALLOW, SDP, Outline, Reply, one_line, request_of
from sip.calling import Calling
from sip.dialog import Dialog
from sip.events import Answered, Confirmed, Ended, Progress, Reanswered, Referred
from sip.message import Request, Response, SipError
from sip.refer import Refer, target_of
from sip.refresh import Refresh
from sip.session_id import SessionIds
from sip.settings import Credentials, Hop
from sip.sips import is_sips
from sip.states import (
    ANSWERED,
    ARRIVED,
    CALLING,
    CANCELLING,
    CONFIRMED,
    ENDED,
    HANGING,
    LEAVING,
    PROCEEDING,
    TABLE,
    Do,
    Input,
    State,
    cause_of,
)
from sip.transaction import Client, ClientRequest, ServerInvite, ServerRequest
from sip.unacknowledged import Unacknowledged

if TYPE_CHECKING:
    from sip.endpoint import Endpoint
    from sip.reoffer import Reoffer

Party: TypeAlias = Literal["peer", "us", "network"]


class Session:
    """One INVITE session, ours or theirs. `name` is free for the user (a leg id); verbs out of season do nothing
    that the wire would mind: `end` is always right."""

    __slots__ = (
        "_ack", "_arrival", "_asked_who", "_calling", "_credentials", "_endpoint", "_local_sdp", "_reason", "_refer",
        "_refresh", "_reoffer", "_told", "_unacked", "call_id", "dialog", "hop", "ids", "local_tag", "name", "outgoing",
        "reason_given", "remote_sdp", "retry_after_s", "secure", "state", "why",
    )  # fmt: skip

    def __init__(
        self, endpoint: Endpoint, name: str, call_id: str, local_tag: str, hop: Hop, outgoing: bool, state: State
    ) -> None:
        self._endpoint = endpoint
        self.name = name
        self.call_id = call_id
        self.local_tag = local_tag
        self.hop = hop
        self.outgoing = outgoing
        self.state = state
        self.remote_sdp = b""
        self.secure = False  # our Contact is sips
        self.dialog: Dialog | None = None
        self.ids: SessionIds | None = None  # None: of an earlier life
        self._calling: Calling | None = None  # ours, while unanswered
        self._arrival: Arrival | None = None  # theirs, while unanswered
        self._asked_who = False  # our BYE was challenged
        self._credentials: Credentials | None = None
        self._unacked: Unacknowledged | None = None
        self._ack = b""  # to a 2xx of theirs, should that be repeated
        self._reoffer: Reoffer | None = None
        self._refresh: Refresh | None = None
        self._refer: Refer | None = None
        self._local_sdp = b""
        self.reason_given = ""  # the Reason of their CANCEL, BYE or refusal
        self._reason = ""  # the Reason line of our CANCEL or BYE
        self.why: tuple[Party, str, int] | None = None  # it ends: by whom, cause, status
        self.retry_after_s: float | None = None
        self._told = False  # that it has ended
        endpoint.sessions[call_id, local_tag] = self

    # ---------------------------------------------------------------------------------------------------- verbs

    def ring(self, status: int = 180, sdp: bytes = b"") -> None:
        """A provisional answer; repeated every minute by itself (RFC 3261 §13.3.1.1)."""
        if self.state is ARRIVED:
            self._endpoint.refresh_clock()
            self.take(Input.RING, (status, sdp))

    def answer(self, sdp: bytes) -> None:
        """200, retransmitted until its ACK. An ACK that never comes ends the session (not_acknowledged)."""
        if self.state is ARRIVED:
            self._endpoint.refresh_clock()
            if self._arrival is not None and self._arrival.may_answer(sdp):
                self.take(Input.ANSWER, (200, sdp))

    def end(self, status: int = 0, *, reason: str = "", retry_after_s: float | None = None) -> None:
        """Whichever is right now: refuse with `status` (default 480), CANCEL, BYE – or CANCEL first and BYE when a
        200 crosses it. `reason` is a Reason header's value. Ends in `Ended`."""
        if self.state is ENDED or self.why is not None:
            return
        self._endpoint.refresh_clock()
        if self.state is ARRIVED:
            status = status if 300 <= status < 700 else 480
            self.why = ("us", cause_of(status), status)
        elif self.state in (CALLING, PROCEEDING):
            self.why = ("us", "cancelled", 0)
        else:
            self.why = ("us", "hangup", 0)
        self._reason = f"Reason: {one_line(reason)}\r\n" if reason else ""
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s
        self.take(Input.FAILURE if self._calling is not None and self._calling.waits else Input.END)

    def follow(self, hops: Sequence[Hop]) -> None:
        """Answer a `Redirected`: where its host is, the first place first; none if nobody knows. The call goes to those
        that are beside the one who redirected it."""
        if self._calling is not None:
            self._endpoint.refresh_clock()
            self._calling.located(hops)

    def reinvite(self, sdp: bytes) -> None:
        """A new offer of ours: hold, resume, new address. Ends in `Reanswered`."""
        if self.state in (CONFIRMED, ANSWERED):
            self._endpoint.refresh_clock()
            self.reoffer.ask(sdp)

    def accept(self, sdp: bytes) -> None:
        """Answer an `Offered`."""
        if self._reoffer is not None:
            self._endpoint.refresh_clock()
            self._reoffer.accept(sdp)

    def refuse(self, status: int = 488) -> None:
        """Refuse an `Offered`; the session goes on as it was."""
        if self._reoffer is not None:
            self._endpoint.refresh_clock()
            self._reoffer.refuse(status)

    def answer_refer(self, status: int) -> None:
        """Answer a `Referred`: with 202, and later with how the call went; or with a refusal."""
        if self._refer is not None and self.state is CONFIRMED:
            self._endpoint.refresh_clock()
            if self._refer.tell(status):
                self._refer = None

    def save(self) -> dict[str, object]:
        """The confirmed dialog as plain values (Call-ID, tags, CSeqs, route set, target, addresses; no keys).
        Raises `ValueError` if there is no dialog yet."""
        if self.dialog is None:
            raise ValueError("no dialog to save")
        return self.dialog.save()

    # --------------------------------------------------------------------------------------------- from the wire

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    @property
    def reoffer(self) -> Reoffer:
        if self._reoffer is None:
            from sip.reoffer import Reoffer

            self._reoffer = Reoffer(self)
        return self._reoffer

    @property
    def no_early_media(self) -> bool:
        """They made no offer, and ours has to wait for the 200."""
        return self._arrival is not None and not self.remote_sdp and not self._arrival.reliable

    @property
    def confirmed(self) -> bool:
        return self.state is CONFIRMED

    @property
    def may_be_within(self) -> bool:
        """The peer can know the dialog: it has sent or got a response that makes one."""
        return self.dialog is not None or self.state in (PROCEEDING, CANCELLING)

    def begin(self, attempt: Attempt) -> None:
        """Send our INVITE."""
        self._credentials, self._local_sdp = attempt.credentials, attempt.sdp
        self._calling = Calling(self, attempt)

    def arrive(self, arrival: Arrival, dialog: Dialog, request: Request, expires_s: int) -> None:
        """Their INVITE has come and been answered with 100. Raises `SipError`: 400, 422."""
        self._arrival, self.dialog, self.remote_sdp = arrival, dialog, request.body
        self._refresh = Refresh.of_request(self, request, expires_s)
        arrival.begin(request, self._endpoint.settings.unanswered_max_s, self._cancelled, self._unanswered)

    def _unanswered(self, status: int) -> None:
        """Their INVITE has to be refused: nobody has answered it (487, 480), or they did not acknowledge that it rings
        (500, RFC 3262 §3)."""
        if self.state is ARRIVED:
            self.why = ("network", "not_acknowledged" if status == 500 else cause_of(status), status)
            self.take(Input.NO_ACK if status == 500 else Input.END)

    def bye(self, why: tuple[Party, str, int] = ("peer", "hangup", 0)) -> None:
        """Their BYE (answered by the endpoint)."""
        if self.why is None:
            self.why = why
        if (self.state, Input.BYE) in TABLE:
            self.take(Input.BYE)

    def ack(self, request: Request, cseq: int) -> None:
        """An ACK: of our 2xx to the INVITE or to a re-INVITE."""
        unacked = self._unacked
        if unacked is not None and unacked.cseq == cseq:
            unacked.cancel()
            self._unacked = None
            self.take(Input.ACK, request)
            if self._reoffer is not None:
                self._reoffer.confirmed()
        elif self._reoffer is not None:
            self._reoffer.acked(request, cseq)

    def contact_line(self) -> str:
        return self._endpoint.addresses.contact_line(self.hop, secure=self.secure)

    def refreshed(self, *, as_server: bool) -> str:
        """An offer or an UPDATE is being answered: the session timer begins anew. The lines to send with it."""
        if self._refresh is None or self.state is ARRIVED:
            return ""
        self._refresh.restart()
        return self._refresh.lines(as_server=as_server)

    def offer_again(self) -> None:
        """A re-INVITE that changes nothing."""
        self.reoffer.ask(self._local_sdp)

    def offered(self, sdp: bytes) -> None:
        """What we said last, in an offer or an answer."""
        self._local_sdp = sdp

    def answers_offer(self, request: Request, sdp: bytes) -> None:
        """An offer of theirs is being answered so: it holds from now on."""
        self._local_sdp, self.remote_sdp = sdp, request.body or self.remote_sdp
        early = self._calling.early(request) if self._calling is not None else None
        if early is not None:
            early.offered = True

    def dialog_of(self, request: Request) -> Dialog | None:
        """The dialog that a request of theirs is in, or would be; a callee may have one before it answers."""
        early = self._calling.early(request) if self._calling is not None else None
        return self.dialog if early is None else early.dialog

    def refuses_offer(self, request: Request, *, of_update: bool) -> int:
        """The status that refuses an offer of theirs before the INVITE is dealt with (RFC 3261 §14.2, RFC 3311 §5.2);
        0: it may be answered. In an early dialog that is so once the first offer has its reliable answer."""
        if self._calling is not None:
            early = self._calling.early(request)
            return 0 if of_update and self.state is PROCEEDING and early is not None and early.answered else 491
        if self.state is not ARRIVED:  # between our 200 and its ACK nothing is open, unless the 200 brought our offer
            open_ = self.state is not CONFIRMED and not (self.state is ANSWERED and self.remote_sdp)
            return 491 if of_update and open_ else 0
        assert self._arrival is not None
        if not of_update or (self.remote_sdp and not self._arrival.settled):
            return 500
        return 0 if self.remote_sdp else 491

    def lapse(self) -> None:
        """Nobody has refreshed the session (RFC 4028 §10)."""
        if self.state is CONFIRMED:
            self.why = ("network", "unreachable", 408)
            self.take(Input.END)

    def referred(self, request: Request, transaction: ServerRequest, reply: Reply) -> None:
        """Their REFER. Raises `SipError`: 400, 416, 491 while another is being done."""
        if self._refer is not None:
            raise SipError(491, "Request Pending")
        target, replaces = target_of(request, self._endpoint.name_of)
        self._refer = Refer(self, request, transaction, reply)
        self._endpoint.events.append(Referred(self, target, replaces))

    def pracks(self, request: Request) -> bool:
        """A PRACK. True if it is for what we sent; `pracked` then goes on."""
        return self._arrival is not None and self._arrival.pracks(request)

    def offers_again(self, request: Request) -> bool:
        """Whether such a PRACK brings an offer: it does once the first has its answer (RFC 3262 §5)."""
        return bool(request.body and self.remote_sdp) and self._arrival is not None and self._arrival.settled

    def pracked(self, request: Request) -> None:
        assert self._arrival is not None
        answers = bool(request.body) and not self.remote_sdp  # our offer
        if answers:
            self.remote_sdp = request.body
            self._endpoint.events.append(Reanswered(self, 200, request.body))
        sdp = self._arrival.pracked()
        if sdp is not None:
            self.answer(b"" if request.body else sdp)  # what has been agreed since is not taken back

    def gone(self, status: int) -> None:
        """The peer does not know the dialog any more, or is not there (481 or 408, §12.2.1.2)."""
        self.bye(("network", "unreachable" if status == 408 else "failed", status))

    def move(self, hop: Hop) -> None:
        """The connection it lives on is gone: our requests go there from now on, answers where their request's do."""
        self.hop = self._arrival.invite.hop if self._arrival is not None else hop
        if self.dialog is not None:
            self.dialog.hop = hop

    def caller_lost(self) -> None:
        """The connection their INVITE came over is gone: nobody is left who could answer or cancel."""
        if self.state in (ARRIVED, ANSWERED, HANGING):
            self.bye(("network", "unreachable", 0))

    def no_ack(self) -> None:
        """A 2xx of ours was never acknowledged: the session is to be ended (§13.3.1.4)."""
        self._unacked = None
        if self.why is None:
            self.why = ("network", "not_acknowledged", 0)
        if (self.state, Input.NO_ACK) in TABLE:
            self.take(Input.NO_ACK)

    def repeat_until_acked(self, transaction: ServerInvite, cseq: int, data: bytes) -> Unacknowledged:
        return Unacknowledged(transaction, cseq, data, self.no_ack)

    def refresh_target(self, message: Request | Response) -> None:
        """The Contact of a re-INVITE, an UPDATE or their 2xx says where we send from now on."""
        endpoint = self._endpoint
        dialog = self.dialog_of(message) if isinstance(message, Request) else self.dialog
        if dialog is not None:
            dialog.refresh(message)
            dialog.hop = endpoint.addresses.next_hop(dialog, endpoint.heard_from or dialog.hop)

    def send_within(
        self, method: str, tell: Callable[[Client, Response | None], None], lines: str = "", body: bytes = b""
    ) -> None:
        """A request of ours other than INVITE within the dialog."""
        assert self.dialog is not None
        outline = self.outline()
        data = request_of(outline, method, lines, body)
        ClientRequest(self._endpoint.layer, (outline.branch, method), self.dialog.hop, data, tell)

    def outline(self) -> Outline:
        """The lines of our next request within the dialog."""
        assert self.dialog is not None
        self.dialog.local_cseq += 1
        via, branch = self._endpoint.new_via(self.dialog.hop)
        return self.dialog.request(via, branch, self.dialog.local_cseq)

    def authorization(self, response: Response, method: str, uri: str, challenged: int) -> str | None:
        """The line that answers a challenge to a request of this session, or None."""
        if self._credentials is None:
            return None
        return self._endpoint.authorization(response, self._credentials, method, uri, challenged)

    def _cancelled(self, reason: str) -> None:
        self.reason_given = reason
        elsewhere = "cause=200" in reason.replace(" ", "") and reason[:3].upper() == "SIP"
        self.why = ("peer", "answered_elsewhere" if elsewhere else "cancelled", 487)
        self.take(Input.CANCEL)

    # -------------------------------------------------------------------------------------------- table actions

    def take(self, given: Input, message: object = None) -> None:
        before = self.state
        self.state, do = TABLE[before, given]
        ACTS[do](self, message)
        if self.state is ENDED and before is not ENDED:
            self._finish()

    def _nothing(self, _: object) -> None:
        pass

    def _progress(self, message: object) -> None:
        assert isinstance(message, Response)
        assert self._calling is not None
        self._calling.rings()
        self.secure = self._calling.secure
        if message.status > 100:
            self._endpoint.events.append(Progress(self, message.status, message.body))

    def _cancel(self, _: object) -> None:
        assert self._calling is not None
        self._silence()
        self._calling.cancel(self._reason)

    def _establish(self, message: object) -> None:
        assert isinstance(message, Response)
        sdp = self._acknowledge(message)
        self._refresh = Refresh.of_response(self, message)
        if self._refresh is not None:
            self._refresh.restart()
        if self._reoffer is not None:
            self._reoffer.confirmed()
        self._endpoint.events.append(Answered(self, sdp))

    def _acknowledge(self, response: Response) -> bytes:
        """ACK their 2xx and keep the dialog it made (§13.2.2.4). Returns their answer to our offer; empty if an offer
        of theirs has held since (§13.2.1)."""
        assert self._calling is not None
        attempt, endpoint = self._calling.over(), self._endpoint
        outline = attempt.done()
        self.secure = is_sips(outline.uri)
        dialog = Dialog.of_response(outline, self.local_tag, response, self.hop)
        dialog.hop = endpoint.addresses.next_hop(dialog, endpoint.heard_from or self.hop)
        dialog.local_cseq = attempt.cseq
        dialog.ids = self.ids
        early = attempt.early(dialog.remote_tag)
        if early is not None:
            dialog.local_cseq = max(attempt.cseq, early.dialog.local_cseq)
            dialog.remote_cseq = early.dialog.remote_cseq
        offered = early is not None and early.offered
        if not offered:
            self.remote_sdp = response.body or self.remote_sdp
        self.dialog, self._calling = dialog, None
        self.send_ack(outline.cseq)
        return b"" if offered else self.remote_sdp

    def send_ack(self, cseq: int, body: bytes = b"") -> None:
        """The ACK of a 2xx: a request of its own, outside any transaction, kept in case the 2xx is repeated."""
        assert self.dialog is not None
        via, branch = self._endpoint.new_via(self.dialog.hop)
        outline = self.dialog.request(via, branch, cseq)
        self._ack = request_of(outline, "ACK", SDP if body else "", body)
        self._endpoint.layer.send(self._ack, self.dialog.hop)

    def resend_ack(self) -> None:
        """Their 2xx was repeated."""
        assert self.dialog is not None
        self._endpoint.layer.send(self._ack, self.dialog.hop)

    def _acknowledge_and_bye(self, message: object) -> None:
        assert isinstance(message, Response)
        self._acknowledge(message)
        assert self.why is not None
        if not self.why[2]:
            self.why = (*self.why[:2], message.status)
        self._bye(None)

    def _bye(self, _: object) -> None:
        self._silence()
        self._no_longer_referred()
        self.send_within("BYE", self._bye_answered, self._reason)
        if self.why is not None and self.why[0] == "network":
            self._tell_end()  # nobody has been heard for long enough: whether the BYE is answered is of no interest

    def _bye_answered(self, transaction: Client, response: Response | None) -> None:
        if self.state is not LEAVING:
            return
        if response is not None and response.status in (401, 407) and not self._asked_who:
            assert self.dialog is not None
            line = self.authorization(response, "BYE", self.dialog.target, 0)
            if line is not None:
                self._asked_who = True
                self.send_within("BYE", self._bye_answered, f"{self._reason}{line}")
                return
        self.take(Input.BYE_DONE)

    def _ring(self, message: object) -> None:
        assert isinstance(message, tuple)
        assert self._arrival is not None
        status, sdp = message
        if sdp and not self.remote_sdp and not self._arrival.may_offer():
            sdp = b""
        self._local_sdp = sdp or self._local_sdp
        self._arrival.ring(status, f"{self.contact_line()}{ALLOW}{SDP if sdp else ''}", sdp)

    def _accept_invite(self, message: object) -> None:
        assert isinstance(message, tuple)
        assert self._arrival is not None
        sdp, arrival = message[1], self._arrival
        arrival.stop()
        lines = f"{self.contact_line()}{ALLOW}{self._endpoint.server_line}{SDP if sdp else ''}"
        self._local_sdp = sdp or self._local_sdp
        if self._refresh is not None:
            lines += self._refresh.lines(as_server=True)
            self._refresh.restart()
        data = arrival.reply.to_bytes(200, lines, sdp)
        self._unacked = Unacknowledged(arrival.invite, arrival.cseq, data, self.no_ack)
        self._arrival = None

    def _refuse(self, _: object) -> None:
        """The final refusal of their INVITE; `_why` holds the status."""
        assert self.why is not None
        self._refuse_with(self.why[2])

    def _refuse_cancelled(self, _: object) -> None:
        self._refuse_with(487)

    def _refuse_with(self, status: int) -> None:
        assert self._arrival is not None
        lines = self._reason
        if self.retry_after_s is not None:
            lines += f"Retry-After: {max(0, round(self.retry_after_s))}\r\n"
        self._arrival.invite.respond(status, self._arrival.reply.to_bytes(status, lines))

    def _confirm(self, message: object) -> None:
        assert isinstance(message, Request)
        if message.body:
            self.remote_sdp = message.body
        self._endpoint.events.append(Confirmed(self, message.body))

    def _silence(self) -> None:
        """No timer of ours runs any longer but those the new state sets."""
        if self._calling is not None:
            self._calling.stop()
        if self._arrival is not None:
            self._arrival.stop()
        if self._unacked is not None:
            self._unacked.cancel()
            self._unacked = None
        if self._reoffer is not None:
            self._reoffer.stop()
        if self._refresh is not None:
            self._refresh.stop()

    def _no_longer_referred(self) -> None:
        refer, self._refer = self._refer, None
        if refer is not None:
            refer.lapse()

    def _finish(self) -> None:
        self._silence()
        self._no_longer_referred()
        self._endpoint.forget(self)
        self._tell_end()
        # Nothing may point in a circle: a collector of garbage that runs seldom would find it late.
        if self._calling is not None:
            self._calling.over()
        self._arrival = self._calling = self._reoffer = self._refresh = None

    def _tell_end(self) -> None:
        if not self._told:
            self._told = True
            by, cause, status = self.why or ("network", "failed", 0)
            self._endpoint.events.append(Ended(self, by, cause, status, self.retry_after_s, self.reason_given))


Act: TypeAlias = Callable[[Session, object], None]
ACTS: dict[Do, Act] = {
    Do.NOTHING: Session._nothing,
    Do.PROGRESS: Session._progress,
    Do.ESTABLISH: Session._establish,
    Do.CANCEL: Session._cancel,
    Do.ACK_AND_BYE: Session._acknowledge_and_bye,
    Do.RING: Session._ring,
    Do.ACCEPT: Session._accept_invite,
    Do.REFUSE: Session._refuse,
    Do.REFUSE_CANCELLED: Session._refuse_cancelled,
    Do.CONFIRM: Session._confirm,
    Do.BYE: Session._bye,
}
