"""An INVITE of ours until its final answer: sent, and sent again where a challenge, a 422 or a 3xx asks for it; its
provisionals, where they are reliable, acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sip.building import SDP, Outline, request_of
from sip.headers import delta_seconds
from sip.message import Response, SipError
from sip.redirect import MAX_REDIRECTS, next_target
from sip.refresh import wish
from sip.reliable import Pracks, send_prack
from sip.settings import Credentials, Hop
from sip.timers import LONG, Alarm
from sip.transaction import Client, ClientInvite, ClientRequest, Tell

if TYPE_CHECKING:
    from sip.endpoint import Endpoint

RING_LIMIT = 200.0  # s without any provisional, when the callee owes one a minute (§13.3.1.1)
MAX_TRIES = 4  # at one target: a challenge, a stale nonce, a 422: nobody needs more


class Attempt:
    invite: ClientInvite
    __slots__ = (
        "_challenged", "_endpoint", "_expires_s", "_from", "_lines", "_pracks", "_reliable", "_targets", "_to",
        "_tries", "_unheard_of", "_uri", "call_id", "credentials", "cseq", "hop", "invite", "local_tag", "sdp",
    )  # fmt: skip

    def __init__(
        self, endpoint: Endpoint, hop: Hop, uri: str, call_id: str, local_tag: str, from_: str, to: str, lines: str,
        sdp: bytes, credentials: Credentials | None,
    ) -> None:  # fmt: skip
        """`from_` and `to` are whole values; `lines` whole header lines."""
        self._endpoint = endpoint
        self.hop = hop
        self._uri = uri
        self.call_id = call_id
        self.local_tag = local_tag
        self._from = from_
        self._to = to
        self._lines = lines
        self.sdp = sdp
        self.credentials = credentials
        self.cseq = 0
        self._targets = [uri]  # all that were asked
        self._tries = self._challenged = 0  # at this target
        self._expires_s = endpoint.settings.session_expires_s
        self._reliable = endpoint.settings.reliable_provisionals
        self._pracks: Pracks | None = None
        self._unheard_of: Alarm | None = None  # for too long, once it rings

    def send(self, tell: Tell, authorization: str = "") -> None:
        """The INVITE, as `invite` from now on."""
        endpoint = self._endpoint
        self.cseq += 1
        self._tries += 1
        via, branch = endpoint.new_via(self.hop)
        outline = Outline(self._uri, via, branch, "", self._from, self._to, self.call_id, self.cseq)
        reliable = "Supported: 100rel\r\n" if self._reliable else ""
        lines = f"{self._lines}{reliable}{wish(self._expires_s)}{authorization}{SDP if self.sdp else ''}"
        self.invite = ClientInvite(
            endpoint.layer, self.hop, request_of(outline, "INVITE", lines, self.sdp), outline, tell
        )

    def again(self, response: Response, tell: Tell) -> bool:
        """Send the INVITE that this refusal asks for; False if it is to be taken as it is."""
        line = ""
        if 300 <= response.status < 400:
            if not self._redirected(response):
                return False
        elif self._tries >= MAX_TRIES:
            return False
        elif response.status in (401, 407) and self.credentials is not None:
            line = self._endpoint.authorization(response, self.credentials, "INVITE", self._uri, self._challenged) or ""
            if not line:
                return False
            self._challenged += 1
        elif response.status != 422 or not self._lengthened(response):
            return False
        self.stop()
        self.send(tell, line)
        return True

    def _lengthened(self, response: Response) -> bool:
        """The session timer is too short for somebody (RFC 4028 §7.3)."""
        try:
            least = delta_seconds(response.get("Min-SE") or "")
        except SipError:
            return False
        if not self._expires_s < least <= 86_400:
            return False
        self._expires_s = least
        return True

    def _redirected(self, response: Response) -> bool:
        if len(self._targets) > MAX_REDIRECTS:
            return False
        target = next_target(response, self._targets, lambda contact: self._endpoint.hop_beside(self.hop, contact.uri))
        if target is None:
            return False
        self._uri, self.hop = target
        self._targets.append(self._uri)
        self._tries = self._challenged = 0
        return True

    def is_new(self, response: Response) -> bool:
        """False for a reliable provisional that was repeated or came too early; for a new one the PRACK goes out."""
        outline = self.invite.outline
        if not self._reliable or outline is None or "100rel" not in response.tokens("Require"):
            return True
        endpoint = self._endpoint
        seen = endpoint.heard_from or self.hop
        if self._pracks is None:
            self._pracks = Pracks()
        try:
            dialog = self._pracks.owed(response, outline, self.local_tag, seen)
        except SipError:
            return True
        if dialog is None:
            return False
        dialog.hop = endpoint.next_hop(dialog, seen)
        send_prack(endpoint.layer, dialog, *endpoint.new_via(dialog.hop), response)
        return True

    def rings(self, rang_out: Callable[[float], None]) -> None:
        """A provisional came; without another `rang_out` is called in a while."""
        if self._unheard_of is None:
            self._unheard_of = Alarm(rang_out)
        layer = self._endpoint.layer
        layer.timers.set(self._unheard_of, layer.now + RING_LIMIT)

    def cancel(self, reason: str) -> None:
        """CANCEL: same branch, same CSeq number (§9.1). The INVITE's final answer has 64·T1 to come."""
        outline = self.invite.outline
        assert outline is not None
        data = request_of(outline, "CANCEL", reason)
        ClientRequest(self._endpoint.layer, (outline.branch, "CANCEL"), self.hop, data, _unheard)
        self.invite.give_up_after(LONG)

    def done(self) -> Outline:
        """It was answered with 2xx: what the ACK repeats."""
        self.stop()
        outline, self.invite.outline = self.invite.outline, None
        assert outline is not None
        return outline

    def stop(self) -> None:
        """No timer runs any longer but the transaction's."""
        if self._unheard_of is not None:
            self._endpoint.layer.timers.cancel(self._unheard_of)
            self._unheard_of = None

    def last_cseq(self, tag: str) -> int:
        """The highest CSeq used with the callee of that tag."""
        return self.cseq if self._pracks is None else max(self.cseq, self._pracks.last_cseq(tag))


def _unheard(transaction: Client, response: Response | None) -> None:
    """What a CANCEL is answered changes nothing."""
