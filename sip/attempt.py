"""An INVITE of ours until its final answer: sent, and sent again where a challenge, a 422 or a 3xx asks for it, or to
the next of several places where one does not take it; its provisionals, where they are reliable, acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sip.building import SDP, Outline, request_of, route_lines
from sip.headers import delta_seconds
from sip.locate import is_address
from sip.message import Response, SipError
from sip.redirect import LOOK_UP_S, MAX_REDIRECTS, Redirect
from sip.refresh import wish
from sip.reliable import Early, Pracks, send_prack
from sip.session_id import SessionIds
from sip.settings import Credentials, Hop, Way
from sip.sips import CIPHERED, is_sips
from sip.timers import LONG, Alarm
from sip.transaction import ClientInvite, ClientRequest, Tell, unheard
from sip.uri import Uri

if TYPE_CHECKING:
    from sip.endpoint import Endpoint

RING_LIMIT = 200.0  # s without any provisional, when the callee owes one a minute (§13.3.1.1)
NEXT_S = 4.0  # s without any answer, after which the next of several places is asked (RFC 3263 §4.3)
MOST_PLACES = 5  # asked for one call
MAX_TRIES = 4  # at one target: a challenge, a stale nonce, a 422: nobody needs more


class Attempt:
    invite: ClientInvite
    __slots__ = (
        "_asked_since", "_challenged", "_endpoint", "_expires_s", "_from", "_ids", "_lines", "_may_redirect", "_others",
        "_patience", "_pracks", "_redirect", "_reliable", "_routes", "_targets", "_to", "_tries", "_unheard_of", "_uri",
        "asks", "call_id", "credentials", "cseq", "hop", "invite", "local_tag", "sdp",
    )  # fmt: skip

    def __init__(
        self, endpoint: Endpoint, hop: Hop, uri: str, call_id: str, local_tag: str, from_: str, to: str, lines: str,
        sdp: bytes, credentials: Credentials | None, ids: SessionIds, others: Sequence[Way] = (),
        routes: Sequence[str] = (), may_redirect: Callable[[Uri], bool] | None = None,
        reliable: bool = False,
    ) -> None:  # fmt: skip
        """`from_` and `to` are whole values; `lines` whole header lines beside the Contact; `others` the ways
        that are asked in turn where this one does not take the call; `routes` the proxies before this one;
        `may_redirect` says whether a 3xx may lead to a URI; `reliable` that provisionals may be (100rel)."""
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
        self._ids = ids
        self.cseq = 0
        self._targets = [uri]  # all that were asked
        self._tries = self._challenged = 0  # at this target
        self._expires_s = endpoint.settings.session_expires_s
        self._reliable = reliable
        self._pracks: Pracks | None = None
        self._unheard_of: Alarm | None = None  # for too long, once it rings
        self._routes = route_lines(routes)
        self._others = list(others[: MOST_PLACES - 1])
        self._patience: Alarm | None = None  # with one of several places that says nothing
        self._asked_since: float | None = None
        self._may_redirect = may_redirect
        self._redirect: Redirect | None = None  # that is being followed
        self.asks: Uri | None = None  # a Contact of it whose host is being looked up: nothing is under way meanwhile

    def send(self, tell: Tell, authorization: str = "") -> None:
        """The INVITE, as `invite` from now on."""
        endpoint = self._endpoint
        self.cseq += 1
        self._tries += 1
        via, branch = endpoint.new_via(self.hop)
        lines = self._routes + self._ids.line
        outline = Outline(self._uri, via, branch, lines, self._from, self._to, self.call_id, self.cseq)
        contact = endpoint.addresses.contact_line(self.hop, secure=is_sips(self._uri))
        reliable = "Supported: 100rel\r\n" if self._reliable else ""
        lines = f"{contact}{self._lines}{reliable}{wish(self._expires_s)}{authorization}"
        lines += SDP if self.sdp else ""
        self.invite = ClientInvite(
            endpoint.layer, self.hop, request_of(outline, "INVITE", lines, self.sdp), outline, tell
        )

    def impatient(self, silent: Callable[[float], None]) -> None:
        """Where there are several places: `silent` is called when this one has said nothing for a while, or when all of
        them have had as long as one alone would have."""
        layer = self._endpoint.layer
        if self._others or self._asked_since is not None:
            if self._asked_since is None:
                self._asked_since = layer.now
            ends = self._asked_since + LONG
            self._patience = Alarm(silent)
            layer.timers.set(self._patience, min(layer.now + NEXT_S, ends) if self._others else ends)

    def heard_of(self) -> None:
        """The place is there: it has said something."""
        if self._patience is not None:
            self._endpoint.layer.timers.cancel(self._patience)
            self._patience = None

    def elsewhere(self, tell: Tell) -> bool:
        """Ask the next place, for this one did not take the call (RFC 3263 §4.3); False if there is none."""
        if not self._others:
            return False
        self.stop()
        self.invite.abandon()
        self._uri, self.hop, routes = self._others.pop(0)
        self._routes = route_lines(routes)
        self._targets.append(self._uri)
        self._tries = self._challenged = 0
        self.send(tell)
        return True

    def again(self, response: Response, tell: Tell) -> bool:
        """Send the INVITE that this refusal asks for, or wait to be told where to (`asks`); False if it is to be taken
        as it is."""
        line = ""
        if 300 <= response.status < 400:
            self._redirect = Redirect(response)
            return len(self._targets) <= MAX_REDIRECTS and self._redirected(tell)
        if self._tries >= MAX_TRIES:
            return False
        if response.status in (401, 407) and self.credentials is not None:
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

    def _redirected(self, tell: Tell) -> bool:
        """Go to the next contact of the 3xx that may be called."""
        assert self._redirect is not None
        endpoint = self._endpoint
        while (uri := self._redirect.next(self._uri, self._targets)) is not None:
            if self._may_redirect is not None and not self._may_redirect(uri):
                continue
            if is_address(uri.address):
                hop = endpoint.addresses.hop_beside(self.hop, uri)
                if hop is not None:
                    self._go(uri, [hop], tell)
                    return True
            elif endpoint.settings.looks_up:
                self.stop()
                self.asks = uri
                return True
        return False

    def look_up(self, given_up: Callable[[float], None]) -> None:
        """`given_up` is called when nobody says in time where the host is."""
        layer = self._endpoint.layer
        self._patience = Alarm(given_up)
        layer.timers.set(self._patience, layer.now + LOOK_UP_S)

    def located(self, hops: Sequence[Hop], tell: Tell) -> Response | None:
        """The host that was asked for is there. What is beside the one who named it is called; else the next contact of
        the 3xx; the 3xx itself, to be taken as it is, if there is none."""
        assert self.asks is not None
        assert self._redirect is not None
        uri, self.asks = self.asks, None
        fit = [hop for hop in hops if uri.scheme != "sips" or hop.transport in CIPHERED]
        beside = [hop for hop in fit if self._endpoint.addresses.is_beside(self.hop, hop.host, hop.port)]
        if beside:
            self._go(uri, beside, tell)
        elif not self._redirected(tell):
            return self._redirect.response
        return None

    def _go(self, uri: Uri, hops: Sequence[Hop], tell: Tell) -> None:
        self.stop()
        self._uri, self.hop = str(uri), hops[0]
        self._others = [*[Way(self._uri, hop) for hop in hops[1:]], *self._others][: MOST_PLACES - 1]
        self._routes = ""
        self._targets.append(self._uri)
        self._tries = self._challenged = 0
        self.send(tell)

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
        dialog.hop, dialog.ids = endpoint.addresses.next_hop(dialog, seen), self._ids
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
        send_cancel(self.invite, reason)

    def done(self) -> Outline:
        """It was answered with 2xx: what the ACK repeats."""
        self.stop()
        outline, self.invite.outline = self.invite.outline, None
        assert outline is not None
        return outline

    def stop(self) -> None:
        """No timer runs any longer but the transaction's."""
        self.heard_of()
        if self._unheard_of is not None:
            self._endpoint.layer.timers.cancel(self._unheard_of)
            self._unheard_of = None

    def early(self, tag: str) -> Early | None:
        """The early dialog with the callee of that tag, if its provisionals are reliable."""
        return self._pracks.early(tag) if self._pracks is not None else None


def send_cancel(invite: ClientInvite, reason: str = "") -> None:
    """For the session's INVITE, or for an abandoned one that is heard of yet."""
    outline = invite.outline
    assert outline is not None
    data = request_of(outline, "CANCEL", reason)
    ClientRequest(invite.layer, (outline.branch, "CANCEL"), invite.hop, data, unheard)
    invite.give_up_after(LONG)
