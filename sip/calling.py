"""A call of ours until its final answer: what becomes of each answer to its INVITE, and of none (RFC 3261 §13.2,
RFC 3263 §4.3). How the INVITE is sent, and sent again, is `sip.attempt`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sip.attempt import Attempt, send_cancel
from sip.building import Outline, request_of
from sip.dialog import Dialog
from sip.events import FailedOver, Redirected
from sip.headers import retry_after, tag_of
from sip.message import Request, Response, SipError
from sip.reliable import Early
from sip.settings import Hop
from sip.sips import is_sips
from sip.states import CALLING, PROCEEDING, Input, cause_of
from sip.transaction import Client, ClientInvite, ClientRequest, unheard

if TYPE_CHECKING:
    from sip.session import Session


class Calling:
    __slots__ = ("_attempt", "_session")

    def __init__(self, session: Session, attempt: Attempt) -> None:
        self._session = session
        self._attempt: Attempt | None = attempt  # None: it has had its answer
        attempt.send(self._heard)
        attempt.impatient(self._silent)

    def rings(self) -> None:
        """A provisional came: another has to, in a while."""
        assert self._attempt is not None
        self._attempt.rings(self._rang_out)

    @property
    def secure(self) -> bool:
        """What we call now is a sips URI."""
        outline = self._attempt.invite.outline if self._attempt is not None else None
        return outline is not None and is_sips(outline.uri)

    def early(self, request: Request) -> Early | None:
        """The early dialog that a request of the callee is in, if we know it."""
        assert self._attempt is not None
        return self._attempt.early(tag_of(request.first.get("from", "")) or "")

    def cancel(self, reason: str) -> None:
        assert self._attempt is not None
        self._attempt.cancel(reason)

    def stop(self) -> None:
        """No timer runs any longer."""
        if self._attempt is not None:
            self._attempt.stop()

    def over(self) -> Attempt:
        """What comes now is no answer to it any more; and nothing points in a circle."""
        attempt, self._attempt = self._attempt, None
        assert attempt is not None
        return attempt

    def _rang_out(self, _: float) -> None:
        self._session.why = ("network", "no_answer", 408)
        self._session.take(Input.RANG_OUT)

    def _heard(self, transaction: Client, response: Response | None) -> None:
        """An answer to an INVITE of ours, or None: there will be none."""
        session, attempt = self._session, self._attempt
        current = attempt is not None and transaction is attempt.invite
        if response is None:
            if current and not self._elsewhere(503 if transaction.unreached else 408):
                self._timed_out(transaction.unreached)
            return
        status = response.status
        if session.ids is not None and status > 100:
            session.ids.heard(response)
        if status < 200:
            if current:
                self._provisional(response)
            elif isinstance(transaction, ClientInvite) and transaction.abandoned:
                transaction.abandoned = False
                send_cancel(transaction)
        elif status < 300:
            self._succeeded(current, transaction, response)
        elif attempt is not None and current:
            if status == 503 and self._elsewhere(status, _retry_after(response)):
                return
            if session.why is None and attempt.again(response, self._heard):
                self._goes_on(attempt)
            else:
                self._refused(status, response)

    def _goes_on(self, attempt: Attempt) -> None:
        session = self._session
        session.state, session.hop = CALLING, attempt.hop
        if attempt.asks is not None:
            attempt.look_up(lambda now: self.located(()))
            session.endpoint.events.append(Redirected(session, attempt.asks))

    def located(self, hops: Sequence[Hop]) -> None:
        """Where the host is that a 3xx has named."""
        attempt = self._attempt
        if attempt is None or attempt.asks is None:
            return
        attempt.stop()
        response = attempt.located(hops, self._heard)
        if response is not None:
            self._refused(response.status, response)
            return
        self._goes_on(attempt)
        if not self.waits:
            attempt.impatient(self._silent)

    @property
    def waits(self) -> bool:
        """No INVITE is under way: it is being looked up where the next one goes."""
        return self._attempt is not None and self._attempt.asks is not None

    def _silent(self, _: float) -> None:
        attempt = self._attempt
        if attempt is not None and self._session.why is None and not self._elsewhere(408):
            attempt.invite.abandon()
            self._timed_out(False)

    def _elsewhere(self, status: int, retry_after_s: float | None = None) -> bool:
        """The place that was asked did not take our call: ask the next, if there is one and somebody still wants it."""
        session, attempt = self._session, self._attempt
        if attempt is None or session.why is not None:
            return False
        failed = attempt.hop
        if not attempt.elsewhere(self._heard):
            return False
        session.state, session.hop = CALLING, attempt.hop
        attempt.impatient(self._silent)
        session.endpoint.events.append(FailedOver(session, failed, status, retry_after_s))
        return True

    def _provisional(self, response: Response) -> None:
        session, attempt = self._session, self._attempt
        assert attempt is not None
        attempt.heard_of()
        if response.status == 100 or attempt.is_new(response) or session.state is not PROCEEDING:
            if response.body:
                session.remote_sdp = response.body
            session.take(Input.PROVISIONAL, response)

    def _timed_out(self, unreached: bool) -> None:
        if self._session.why is None:
            self._session.why = ("network", "unreachable", 503 if unreached else 408)
        self._session.take(Input.TIMEOUT)

    def _refused(self, status: int, response: Response) -> None:
        session = self._session
        if session.why is None:
            session.why = ("peer", cause_of(status), status)
        elif not session.why[2]:
            session.why = (*session.why[:2], status)
        if session.retry_after_s is None:
            session.retry_after_s = _retry_after(response)
        session.reason_given = response.first.get("reason", "")
        session.take(Input.FAILURE)

    def _succeeded(self, current: bool, transaction: Client, response: Response) -> None:
        session = self._session
        if current:
            session.take(Input.SUCCESS, response)
        elif session.dialog is not None and tag_of(response.first.get("to", "")) == session.dialog.remote_tag:
            session.resend_ack()
        else:
            _end_fork(session, response, transaction.hop)


def _end_fork(session: Session, response: Response, hop: Hop) -> None:
    """A second callee answered a forked INVITE of ours: ACK and BYE (§13.2.2.4)."""
    endpoint = session.endpoint
    via, branch = endpoint.new_via(hop)
    from_, cseq = response.first.get("from", ""), response.cseq.number
    origin = Outline("", via, branch, "", from_, "", session.call_id, cseq)
    dialog = Dialog.of_response(origin, session.local_tag, response, hop)
    if not dialog.target or dialog.remote_tag == "":
        return
    dialog.hop = endpoint.addresses.next_hop(dialog, endpoint.heard_from or hop)
    endpoint.layer.send(request_of(dialog.request(via, branch, cseq), "ACK"), dialog.hop)
    via, branch = endpoint.new_via(dialog.hop)
    data = request_of(dialog.request(via, branch, cseq + 1), "BYE")
    ClientRequest(endpoint.layer, (branch, "BYE"), dialog.hop, data, unheard)


def _retry_after(response: Response) -> float | None:
    value = response.first.get("retry-after")
    try:
        return float(retry_after(value)) if value else None
    except SipError:
        return None
