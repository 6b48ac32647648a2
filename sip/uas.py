"""What an endpoint does with the requests that reach it (RFC 3261 §8.2): who sent it, is it understood, whose is it."""

from __future__ import annotations

from collections.abc import Set
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal, TypeAlias

from sip.arrival import Arrival
from sip.auth import Authenticator
from sip.building import ALLOW, Reply, one_line
from sip.dialog import Dialog
from sip.events import Incoming, InfoDigit, LockedOut
from sip.headers import MAGIC_COOKIE, tag_of
from sip.info import digit_of
from sip.lockout import Lockout
from sip.machines import TRYING
from sip.message import METHODS, Request, SipError
from sip.refresh import LEAST_S
from sip.registrar import Bounds
from sip.replaces import replaced
from sip.session import Session
from sip.session_id import SessionIds, sender_of
from sip.settings import Hop
from sip.sips import CIPHERED, is_secure
from sip.states import ARRIVED, CONFIRMED, PROCEEDING
from sip.transaction import ServerInvite, ServerKey, ServerRequest
from sip.vias import TopVia, top_via

if TYPE_CHECKING:
    from sip.endpoint import Endpoint

Source: TypeAlias = tuple[Literal["trunk", "account", "unknown"], str]
UNDERSTOOD = frozenset({"timer", "100rel", "replaces"})  # option tags that may stand in Require
TAKES_UPDATE = (ARRIVED, PROCEEDING, CONFIRMED)  # one that only refreshes
RETRY_AFTER_S = 9.0  # s, told to who meets our bounds


class Uas:
    __slots__ = ("_endpoint", "_layer", "_secret", "authenticator", "lockout", "malformed")

    def __init__(self, endpoint: Endpoint, realm: str) -> None:
        self._endpoint = endpoint
        self._layer = endpoint.layer
        self._secret = endpoint.rng.getrandbits(256).to_bytes(32, "big")
        self.authenticator = Authenticator(realm, self._secret)
        self.lockout = Lockout()
        self.malformed = 0  # messages so far

    def configure(self, realm: str) -> None:
        if realm != self.authenticator.realm:
            self.authenticator = Authenticator(realm, self._secret)

    def request(self, request: Request, hop: Hop) -> None:
        method = request.method
        via = top_via(request, hop)
        key: ServerKey = (via.branch, via.sent_by, "INVITE" if method in ("ACK", "CANCEL") else method)
        if not via.branch.startswith(MAGIC_COOKIE):  # RFC 2543: the whole request tells (§17.2.3)
            origin = tag_of(request.first.get("from", "")) or ""
            key = (request.first.get("via", ""), request.call_id, str(request.cseq.number), origin, key[2])
        known = self._layer.servers.get(key)
        if method == "ACK":
            self._ack(request, known)
            return
        if known is not None and method != "CANCEL":
            known.again()
            return
        tag = tag_of(request.first.get("to", ""))
        session = self._endpoint.sessions.get((request.call_id, tag)) if tag else None
        if session is not None and method != "CANCEL":
            self._within(request, session, key, hop, via)
            return
        try:
            request.validate()
        except SipError as error:
            self.malformed += 1
            self.refuse_malformed(error, request, hop)
            return
        if method == "CANCEL":
            self._cancel(request, known, via)
        elif hop.transport not in CIPHERED and is_secure(request):
            self._answer(request, via, 480, 'Warning: 380 hotline "SIPS Not Allowed"\r\n')
        elif method not in METHODS:
            self._answer(request, via, 501)
        elif method != "INVITE" and request.first.get("replaces") is not None:
            self._answer(request, via, 400)
        elif tag and method not in ("REGISTER", "INVITE"):
            self._answer(request, via, 481)
        elif method == "INVITE":
            self._invited(request, key, hop, via, tag)
        elif method == "REGISTER":
            self._registered(request, key, hop, via)
        elif method == "OPTIONS" and self._acceptable(request, via):
            self._answer(request, via, 200, f"{ALLOW}Accept: application/sdp\r\n{self._endpoint.server_line}")
        elif method in ("BYE", "UPDATE", "INFO", "PRACK", "NOTIFY"):
            self._answer(request, via, 481)
        elif method != "OPTIONS":
            self._answer(request, via, 405, ALLOW)

    def _ack(self, request: Request, known: object) -> None:
        if isinstance(known, ServerInvite):
            known.ack()
        session = self._endpoint.sessions.get((request.call_id, tag_of(request.first.get("to", "")) or ""))
        if session is not None:
            session.ack(request, request.cseq.number)

    def _cancel(self, request: Request, known: object, via: TopVia) -> None:
        """§9.2: 200, with the To tag of the INVITE's own answers, if there is such an INVITE, whatever has become of
        it."""
        if not isinstance(known, ServerInvite):
            self._answer(request, via, 481)
            return
        tag = "" if _has_tag(request.first.get("to", "")) else known.tag
        self._layer.send(self._reply(request, via, tag).to_bytes(200), via.back)
        if known.on_cancel is not None:
            known.on_cancel(request.first.get("reason", ""))

    def _within(self, request: Request, session: Session, key: ServerKey, hop: Hop, via: TopVia) -> None:
        """A request within a dialog. What is not needed of it is not read."""
        dialog, method, cseq = session.dialog_of(request), request.method, request.cseq
        stranger = dialog is not None and tag_of(request.first.get("from", "")) != dialog.remote_tag
        if stranger or not session.may_be_within:
            self._answer(request, via, 481)
            return
        if cseq.method != method:
            self._answer(request, via, 400)
            return
        if dialog is not None:
            if cseq.number <= dialog.remote_cseq:  # out of order (§12.2.2)
                self._answer(request, via, 500)
                return
            dialog.remote_cseq = cseq.number
            if hop.connection != dialog.hop.connection and hop.host == dialog.hop.host:
                dialog.hop = hop  # its connection is a new one
        if method in ("INVITE", "UPDATE") and not self._acceptable(request, via):
            return
        reply = self._reply(request, via, "")
        if session.ids is not None:
            session.ids.heard(request)
            reply.add(session.ids.line)
        if method == "INVITE" and dialog is not None:
            invite = ServerInvite(self._layer, key, via.back)
            invite.trying(reply.to_bytes(100))
            session.reoffer.theirs(request, cseq.number, invite, reply)
            return
        transaction = ServerRequest(self._layer, key, via.back)
        if method == "BYE":
            transaction.respond(200, reply.to_bytes(200))
            session.reason_given = request.first.get("reason", "")
            session.bye()
        elif method == "UPDATE" and dialog is not None and (request.body or session.state in TAKES_UPDATE):
            if request.body:
                session.reoffer.theirs(request, cseq.number, transaction, reply)
            else:
                session.refresh_target(request)
                transaction.respond(
                    200, reply.to_bytes(200, f"{session.contact_line()}{ALLOW}{session.refreshed(as_server=True)}")
                )
        elif method == "PRACK":
            if not session.pracks(request):
                transaction.respond(481, reply.to_bytes(481))
            else:
                if session.offers_again(request):
                    session.reoffer.theirs(request, cseq.number, transaction, reply)
                else:
                    transaction.respond(200, reply.to_bytes(200))
                session.pracked(request)
        elif method == "INFO":
            self._informed(request, session, transaction, reply)
        elif method == "REFER" and session.confirmed:
            try:
                session.referred(request, transaction, reply)
            except SipError as error:
                transaction.respond(error.status, reply.to_bytes(error.status))
        elif method == "OPTIONS":
            transaction.respond(200, reply.to_bytes(200, ALLOW))
        elif method in ("INVITE", "UPDATE"):
            transaction.respond(491, reply.to_bytes(491))
        elif method in METHODS:
            transaction.respond(405, reply.to_bytes(405, ALLOW))
        else:
            transaction.respond(501, reply.to_bytes(501))
        if transaction.state is TRYING:
            transaction.wait()

    def _informed(self, request: Request, session: Session, transaction: ServerRequest, reply: Reply) -> None:
        try:
            key = digit_of(request)
        except SipError as error:
            accept = "Accept: application/dtmf-relay, application/dtmf\r\n" if error.status == 415 else ""
            transaction.respond(error.status, reply.to_bytes(error.status, accept or "Recv-Info:\r\n"))
            return
        transaction.respond(200, reply.to_bytes(200))
        if key is not None:
            self._endpoint.events.append(InfoDigit(session, *key))

    def _invited(self, request: Request, key: ServerKey, hop: Hop, via: TopVia, tag: str | None) -> None:
        source = self._source(request, hop, via)
        if source is None or not self._acceptable(request, via):
            return
        if tag:
            self._answer(request, via, 481)
            return
        if request.first.get("max-forwards") == "0":  # we would call on
            self._answer(request, via, 483)
            return
        caller = (request.call_id, tag_of(request.first.get("from", "")) or "")
        # The same request by another way (§8.2.2.2), or one of our own that came back.
        if caller in self._endpoint.callers or caller in self._endpoint.sessions:
            self._answer(request, via, 482)
            return
        try:
            place_of = replaced(request, self._endpoint.sessions)
        except SipError as error:
            self._answer(request, via, error.status)
            return
        if self._layer.unsettled() >= self._endpoint.settings.max_transactions:
            self._come_back(request, via, RETRY_AFTER_S)
            return
        tag = self._endpoint.new_tag()
        reply = self._reply(request, via, tag)
        dialog = Dialog.of_request(request, reply.to, tag, request.cseq.number, hop)
        dialog.hop = self._endpoint.addresses.next_hop(dialog, hop)
        invite = ServerInvite(self._layer, key, via.back)
        invite.tag = tag
        invite.trying(reply.to_bytes(100))
        reply.keep_route(request)
        session = Session(self._endpoint, "", request.call_id, tag, hop, False, ARRIVED)
        session.secure, new_id = is_secure(request), self._endpoint.identifiers.uuid
        session.ids = dialog.ids = SessionIds(new_id(), sender_of(request) or new_id())
        reply.add(session.ids.line)
        self._endpoint.callers[caller] = session
        try:
            arrival = Arrival(invite, reply, dialog.remote_cseq)
            session.arrive(arrival, dialog, request, self._endpoint.settings.session_expires_s)
        except SipError as error:
            self._endpoint.forget(session)
            least = f"Min-SE: {LEAST_S}\r\n" if error.status == 422 else ""
            invite.respond(error.status, reply.to_bytes(error.status, least))
            return
        self._endpoint.events.append(Incoming(session, request, source, place_of))

    def _acceptable(self, request: Request, via: TopVia, understood: Set[str] = UNDERSTOOD) -> bool:
        """Refuse what we do not understand: extensions (420), bodies (415), what they want in answers (406)."""
        required = request.tokens("Require")
        if required and (unknown := [tag for tag in required if tag not in understood]):
            self._answer(request, via, 420, f"Unsupported: {', '.join(unknown)}\r\n")
            return False
        kind = request.content_type if request.body else None
        if kind is not None and kind.type != "multipart" and (kind.type, kind.subtype) != ("application", "sdp"):
            self._answer(request, via, 415, "Accept: application/sdp\r\n")
            return False
        wanted = request.tokens("Accept") if request.method == "INVITE" else ()
        if wanted and not {"application/sdp", "application/*", "*/*"}.intersection(wanted):
            self._answer(request, via, 406)
            return False
        return True

    def _registered(self, request: Request, key: ServerKey, hop: Hop, via: TopVia) -> None:
        source = self._source(request, hop, via, of_trunk=False)
        user = request.to.uri.number
        account = self._endpoint.settings.accounts.get(user)
        paths = frozenset({"path"}) if account is not None and account.path else frozenset()
        if source is None or not self._acceptable(request, via, UNDERSTOOD | paths):
            return
        if account is None or source not in (("account", user), ("unknown", "")):
            self._answer(request, via, 403)
            return
        transaction = ServerRequest(self._layer, key, via.back)
        reply = self._reply(request, via, self._endpoint.new_tag())
        now, settings = self._layer.now, self._endpoint.settings
        bounds = Bounds(settings.registration_min_s, settings.registration_max_s, account.max_contacts, account.path)
        try:
            changed = self._endpoint.registrar.register(user, request, hop, now, bounds)
        except SipError as error:
            least = f"Min-Expires: {bounds.min_s}\r\n" if error.status == 423 else ""
            transaction.respond(error.status, reply.to_bytes(error.status, least, reason=error.reason))
            return
        lines = [
            f"Contact: <{binding.contact}>;expires={max(1, round(binding.expires_at - now))}\r\n"
            for binding in self._endpoint.registrar.current(user, now)
        ]
        if account.path and (path := request.all("Path")):
            lines += ["Supported: path\r\n", *[f"Path: {value}\r\n" for value in path]]
        transaction.respond(200, reply.to_bytes(200, "".join(lines)))
        if changed:
            self._endpoint.bindings_changed(user)

    def _source(self, request: Request, hop: Hop, via: TopVia, *, of_trunk: bool = True) -> Source | None:
        """Who sent it; None if that was a stranger, who has been answered."""
        if of_trunk and (trunk := self._endpoint.addresses.trunks.find(hop.host, hop.port)) is not None:
            return ("trunk", trunk)
        algorithms = self._endpoint.listeners[hop.listener].algorithms
        if not algorithms:
            return ("unknown", "")
        gate, now = self.authenticator, self._layer.now
        if locked_s := self.lockout.left_s(hop.host, "", now):
            self._come_back(request, via, locked_s)
            return None
        values, find = request.all("Authorization"), self._endpoint.settings.accounts.get
        verdict = gate.check(values, request.method, request.uri, hop.host, now, algorithms, find)
        if verdict.user and (locked_s := self.lockout.left_s(hop.host, verdict.user, now)):
            self._come_back(request, via, locked_s)
            return None
        if verdict.outcome == "ok":
            self.lockout.right(hop.host, verdict.user, now)
            return ("account", verdict.user)
        if verdict.outcome == "wrong" and (locked := self.lockout.wrong(hop.host, verdict.user, now)) is not None:
            self._endpoint.events.append(LockedOut(hop.host, *locked))
        challenges = gate.challenges(algorithms, hop.host, now, stale=verdict.outcome == "stale")
        self._answer(request, via, 401, "".join([f"WWW-Authenticate: {value}\r\n" for value in challenges]))
        return None

    def _come_back(self, request: Request, via: TopVia, seconds: float) -> None:
        self._answer(request, via, 503, f"Retry-After: {round(seconds) + 1}\r\n")

    def _reply(self, request: Request, via: TopVia, tag: str) -> Reply:
        to = request.first.get("to", "")
        return Reply(request, via.stamped, f"{to};tag={tag}" if tag else to)

    def _answer(self, request: Request, via: TopVia, status: int, lines: str = "", reason: str = "") -> None:
        """A final answer that is not remembered: the same comes of a retransmission (§8.2.7)."""
        tag = "" if _has_tag(request.first.get("to", "")) else self._stateless_tag(request)
        self._layer.send(self._reply(request, via, tag).to_bytes(status, lines, reason=reason), via.back)

    def _stateless_tag(self, request: Request) -> str:
        text = f"{request.first.get('via')} {request.first.get('call-id')} {request.first.get('from')}"
        return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8, key=self._secret).hexdigest()

    def refuse_malformed(self, error: SipError, request: Request, hop: Hop) -> None:
        """Answer what could not be read, with what there is of the headers that an answer repeats."""
        top = request.first.get("via")
        if request.method == "ACK" or top is None:
            return
        try:
            via = top_via(request, hop)
        except SipError:  # of another version, it may be
            if error.status != 505:
                return
            via = TopVia("", "", top, hop)
        names = ("From", "To", "Call-ID", "CSeq")
        if all(map(request.get, names)):
            self._answer(request, via, error.status, reason=one_line(error.reason))
            return
        repeated = [
            f"{name}: {value}\r\n" for name in ("From", "To", "Call-ID", "CSeq") if (value := request.get(name))
        ]
        head = f"SIP/2.0 {error.status} {one_line(error.reason)}\r\nVia: {via.stamped}\r\n{''.join(repeated)}"
        self._layer.send(f"{head}Content-Length: 0\r\n\r\n".encode("utf-8", "surrogateescape"), via.back)


def _has_tag(to: str) -> bool:
    try:
        return tag_of(to) is not None
    except SipError:
        return "tag" in to
