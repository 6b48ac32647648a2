"""One SIP user agent over its listeners: bytes in, events and bytes out; no socket, no clock (RFC 3261).

Everything a shell or a softphone needs is here: feed it with `receive` and `wake`, drain `events` and `outgoing` after
each call, and act on a `Session` by its verbs. Times are seconds on the caller's monotonic clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from random import Random
from typing import Any

from sip.addresses import Addresses
from sip.attempt import Attempt
from sip.auth import HEADERS, answer
from sip.building import ALLOW, Outline, one_line, request_of, route_lines
from sip.dialog import Dialog
from sip.events import (
    Answered,
    Confirmed,
    Ended,
    FailedOver,
    Incoming,
    InfoDigit,
    LockedOut,
    Offered,
    Probed,
    Progress,
    Reanswered,
    Redirected,
    Referred,
    Registered,
    RegistrationResult,
    SipEvent,
)
from sip.headers import MAGIC_COOKIE, tag_of
from sip.identifiers import Identifiers
from sip.message import Request, Response, SipError
from sip.parsing import MalformedRequest, parse
from sip.registrar import Registrar
from sip.registration import Registration
from sip.reopened import move_trunks
from sip.session import Session
from sip.session_id import SessionIds
from sip.settings import Account, Credentials, EndpointSettings, Hop, Listener, Peer, Way
from sip.sips import CIPHERED
from sip.states import CALLING, CONFIRMED
from sip.timers import Alarm
from sip.transaction import Client, ClientRequest, Layer
from sip.uas import Uas
from sip.uri import Uri
from sip.vias import branch_of

__all__ = [
    "Account",
    "Answered",
    "Confirmed",
    "Credentials",
    "Ended",
    "Endpoint",
    "EndpointSettings",
    "FailedOver",
    "Hop",
    "Incoming",
    "InfoDigit",
    "Listener",
    "LockedOut",
    "Offered",
    "Peer",
    "Probed",
    "Progress",
    "Reanswered",
    "Redirected",
    "Referred",
    "Registered",
    "RegistrationResult",
    "Session",
    "SipEvent",
    "Way",
]


TRACED = 4096  # octets of a message that a trace keeps


class Endpoint:
    """Sans-IO user agent. Not thread-safe; one owner.

    Verbs of a `Session` happen at the instant of the last `receive` or `wake`, unless there is a `clock`.
    """

    events: list[SipEvent]
    outgoing: list[tuple[bytes, Hop]]

    def __init__(self, settings: EndpointSettings, rng: Random, clock: Callable[[], float] | None = None) -> None:
        """`rng` makes tags and branches: a `random.SystemRandom` where strangers can reach us."""
        self.events = []
        self.outgoing = []
        self.rng = rng
        self.identifiers = Identifiers(rng)
        self.clock = clock
        self.layer = Layer(self._send, self._withdraw)
        self.sessions: dict[tuple[str, str], Session] = {}  # by Call-ID and our tag
        self.registrar = Registrar()
        self.trace: deque[tuple[float, bool, bytes, Hop]] | None = None  # (when, sent, message, far end) goes in here
        self.heard_from: Hop | None = None  # of the message being worked on
        self.addresses = Addresses()
        self.listeners = self.addresses.listeners
        self._expiries: dict[str, Alarm] = {}
        self._registrations: dict[tuple[str, str], Registration] = {}
        self.callers: dict[tuple[str, str], Session] = {}  # theirs, by Call-ID and their tag
        self._stranded: dict[str, list[Session]] = {}  # by account: calls whose connection is gone
        self._received = self._sent = 0
        self._uas = Uas(self, settings.realm)
        self.configure(settings)

    # ------------------------------------------------------------------------------------------------- the owner

    def configure(self, settings: EndpointSettings) -> None:
        """New accounts and peers; live sessions and bindings of accounts that stay are not touched. Raises
        `ValueError` for a peer's source that is neither an address nor a network."""
        self.addresses.configure(settings)
        self.settings = replace(settings, listeners=self.addresses.current)
        self._uas.configure(settings.realm)
        self.layer.large.configure(self.addresses.current, self.addresses.vias)
        agent = one_line(settings.user_agent)
        self.server_line = f"Server: {agent}\r\n" if agent else ""
        self.agent_line = f"User-Agent: {agent}\r\n" if agent else ""
        for user in self.registrar.users():
            if user not in settings.accounts:
                self.registrar.forget(user)
                self.bindings_changed(user)

    def trust(self, peers: tuple[Peer, ...]) -> None:
        """The trunks by where their calls come from, in place of those of the settings. Raises `ValueError` as
        `configure` does."""
        self.addresses.trust(peers)

    def receive(self, data: bytes, hop: Hop, now: float) -> None:
        """A datagram, or one framed message of a connection. Never raises for what a peer sent."""
        self.layer.now = now
        self._received += 1
        self.heard_from = hop
        if self.trace is not None:
            self.trace.append((now, False, data[:TRACED], hop))
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._response(message)
            else:
                self._uas.request(message, hop)
        except MalformedRequest as error:
            self._uas.malformed += 1
            self._uas.refuse_malformed(error, error.request, hop)
        except SipError:
            if data.strip(b"\r\n\0 "):  # else somebody keeps his NAT open
                self._uas.malformed += 1
        self.heard_from = None

    def lost(self, hop: Hop, now: float) -> None:
        """The transport says that `hop` cannot be reached (ICMP)."""
        self.layer.now = now
        self.layer.unreachable({hop})

    def connections_lost(self, hops: Set[Hop], now: float) -> None:
        """These connections are gone or could not be had: with what was asked over them, the calls that wait for an
        answer there, the registrations that were to be called back on them."""
        self.layer.now = now
        of_trunks = {hop for hop in hops if hop.connection and self.addresses.trunks.find(hop.host, hop.port)}
        if of_trunks:
            move_trunks(of_trunks, self.layer, self.sessions.values(), self.addresses)
        self.layer.unreachable(hops)
        for session in [one for one in self.sessions.values() if one.hop in hops]:
            session.caller_lost()
        for user, gone in self.registrar.unbind(hops).items():
            stranded = [one for one in self.sessions.values() if one.dialog is not None and one.dialog.hop in gone]
            self._stranded[user] = [one for one in self._stranded.get(user, ()) if one.confirmed] + stranded
            self.bindings_changed(user)

    def connections(self) -> Set[Hop]:
        """The hops that a call or a registration, theirs or ours, lives on."""
        used = {binding.hop for user in self.registrar.users() for binding in self.registrar.current(user, 0.0)}
        used.update([session.hop for session in self.sessions.values()])
        used.update([session.dialog.hop for session in self.sessions.values() if session.dialog is not None])
        used.update([registration.hop for registration in self._registrations.values()])
        return used

    def refuse_frame(self, data: bytes, hop: Hop, error: SipError, now: float) -> None:
        """The stream of a connection broke off in this message (RFC 3261 §18.3): answer it, if it can be read."""
        self.layer.now = now
        self._uas.malformed += 1
        try:
            message = parse(data)
        except MalformedRequest as worse:
            message = worse.request
        except SipError:
            return
        if isinstance(message, Request):
            self._uas.refuse_malformed(error, message, hop)

    def wake(self, now: float) -> None:
        """Do all that is due at `now`."""
        self.layer.now = now
        self.layer.timers.run(now)

    def deadline(self) -> float | None:
        """When to call `wake` next at the latest, or None."""
        return self.layer.timers.next()

    def invite(
        self,
        name: str,
        uri: str,
        hop: Hop,
        sdp: bytes,
        now: float,
        *,
        from_: str,
        to: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        credentials: Credentials | None = None,
        others: Sequence[Way] = (),
        routes: Sequence[str] = (),
        session_id: str = "",
        may_redirect: Callable[[Uri], bool] | None = None,
        reliable: bool = False,
    ) -> Session:
        """Start a session. `from_` and `to` are name-addrs without tags. Answers one challenge if `credentials` fit.
        `others`: further ways, asked in turn where the one before cannot be reached, is silent or says 503; each time a
        `FailedOver` tells. `routes`: the proxies on the way to the first, as whole Route values.
        `session_id` is what we are called (RFC 7989) where that has been settled before. A 3xx leads to another address
        of the same peer only, and only to a URI of which `may_redirect` says so. `reliable`: we offer to acknowledge
        provisionals (RFC 3262). Raises `ValueError` for a URI that is none, and for sips without TLS."""
        self.layer.now = now
        for asked, at, _ in (Way(uri, hop), *others):
            if Uri.parse(asked).scheme == "sips" and at.transport not in CIPHERED:
                raise ValueError(f"{asked} in clear")
        tag = self.new_tag()
        lines = "".join([f"{key}: {one_line(value)}\r\n" for key, value in headers])
        lines = f"{ALLOW}{self.agent_line}{lines}"
        session = Session(self, name, self.new_call_id(), tag, hop, True, CALLING)
        from_, to = f"{one_line(from_)};tag={tag}", one_line(to or f"<{uri}>")
        session.ids = ids = SessionIds(session_id or self.identifiers.uuid())
        session.begin(
            Attempt(
                self, hop, uri, session.call_id, tag, from_, to, lines, sdp, credentials, ids, others, routes,
                may_redirect, reliable,
            )
        )  # fmt: skip
        return session

    def register(
        self,
        user: str,
        registrar_uri: str,
        hop: Hop,
        now: float,
        *,
        credentials: Credentials | None,
        expires_s: int = 3600,
        has_others: bool = False,
    ) -> None:
        """Register, and keep registered until `expires_s` = 0 is asked. Ends in `RegistrationResult`, each time; where
        the registrar is silent after 32 s, or after 4 if it `has_others`: then ask those, by `register_at`."""
        self.layer.now = now
        key = (user, registrar_uri)
        registration = self._registrations.get(key)
        if registration is None:
            registration = self._registrations[key] = Registration(self, user, registrar_uri, hop)
        registration.start(credentials, expires_s, hop, has_others)

    def register_at(self, user: str, registrar_uri: str, hop: Hop) -> None:
        """The next REGISTER of this registration goes there."""
        registration = self._registrations.get((user, registrar_uri))
        if registration is not None:
            registration.at(hop)

    def probe(
        self, name: str, uri: str, hop: Hop, now: float, *, after_s: float = 0.0, routes: Sequence[str] = ()
    ) -> None:
        """Ask by OPTIONS, in `after_s`, whether somebody is there (§11). Ends in `Probed` with this name, at the latest
        32 s later."""
        self.layer.now = now
        self.layer.timers.set(Alarm(lambda now: self._probe(name, uri, hop, route_lines(routes))), now + after_s)

    def _probe(self, name: str, uri: str, hop: Hop, routes: str) -> None:
        via, branch = self.new_via(hop)
        from_ = f"<{self.addresses.own_uri(hop)}>;tag={self.new_tag()}"
        data = request_of(Outline(uri, via, branch, routes, from_, f"<{uri}>", self.new_call_id(), 1), "OPTIONS", ALLOW)

        def heard(_: Client, response: Response | None) -> None:
            self.events.append(Probed(name, response is not None, response.status if response is not None else 0))

        ClientRequest(self.layer, (branch, "OPTIONS"), hop, data, heard)

    def contacts(self, user: str, now: float) -> tuple[Way, ...]:
        """Where the account is bound, newest first; the proxies before each as its Path says (RFC 3327)."""
        return tuple([Way(b.contact, b.hop, b.path) for b in reversed(self.registrar.current(user, now))])

    def save_bindings(self, now: float) -> dict[str, list[list[object]]]:
        """All registrations as plain values, for the next start."""
        return self.registrar.save(now)

    def restore_bindings(self, saved: Mapping[str, Sequence[Sequence[Any]]], now: float) -> None:
        """After a restart: the registrations as they were; those of accounts that are no more, and those over a
        connection, are left out. Each account that has any gives a `Registered`. Raises `ValueError` for something
        that `save_bindings` did not give."""
        self.layer.now = now
        known = {user: rows for user, rows in saved.items() if user in self.settings.accounts}
        self.registrar.restore(known, now)
        for user in known:
            self.registrar.drop_connections(user)
            self.bindings_changed(user)

    def bye_saved(self, name: str, saved: Mapping[str, object], now: float) -> None:
        """After a restart: send BYE in a saved dialog. Ends in an `Ended` whose session has that name. Raises
        `ValueError` for something that `save` did not give."""
        self.layer.now = now
        dialog = Dialog.restore(saved)
        session = Session(self, name, dialog.call_id, dialog.local_tag, dialog.hop, True, CONFIRMED)
        session.dialog = dialog
        session.end()

    def stats(self) -> dict[str, int]:
        """``sessions, transactions, bindings, received, sent, malformed, timers``."""
        return {
            "sessions": len(self.sessions),
            "transactions": len(self.layer),
            "bindings": len(self.registrar),
            "received": self._received,
            "sent": self._sent,
            "malformed": self._uas.malformed,
            "timers": len(self.layer.timers),
        }

    # -------------------------------------------------------------------------------------------- for the sessions

    def refresh_clock(self) -> None:
        if self.clock is not None:
            self.layer.now = self.clock()

    def new_tag(self) -> str:
        return self.identifiers.digits(16)

    def new_call_id(self) -> str:
        return self.identifiers.digits(24)

    def new_via(self, hop: Hop) -> tuple[str, str]:
        """The Via value of a request to `hop`, and its branch."""
        branch = MAGIC_COOKIE + self.identifiers.digits(20)
        return f"{self.addresses.vias[hop.listener]}{branch}", branch

    def name_of(self, call_id: str, local_tag: str, remote_tag: str) -> str:
        """The name of the confirmed session with that dialog (RFC 3891 §3); "" if there is none."""
        session = self.sessions.get((call_id, local_tag))
        dialog = session.dialog if session is not None and session.confirmed else None
        return session.name if session is not None and dialog is not None and dialog.remote_tag == remote_tag else ""

    def forget(self, session: Session) -> None:
        """It has ended."""
        self.sessions.pop((session.call_id, session.local_tag), None)
        if session.dialog is not None:
            self.callers.pop((session.call_id, session.dialog.remote_tag), None)

    def forget_registration(self, registration: Registration) -> None:
        self._registrations = {key: value for key, value in self._registrations.items() if value is not registration}

    def authorization(
        self, response: Response, credentials: Credentials, method: str, uri: str, challenged: int
    ) -> str | None:
        """The header line that answers a challenge, or None if we do not answer this one."""
        if challenged > 1 or response.status not in HEADERS:
            return None
        asks, answers = HEADERS[response.status]
        challenges = response.all(asks)
        if challenged and not any("stale=true" in value.lower() for value in challenges):
            return None  # it did not like what we said
        cnonce = self.identifiers.digits(16)
        value = answer(
            challenges, credentials.user, credentials.password, method, uri, cnonce=cnonce, realm=credentials.realm
        )
        return None if value is None else f"{answers}: {value}\r\n"

    # ----------------------------------------------------------------------------------------------- from the wire

    def _send(self, data: bytes, hop: Hop) -> None:
        self._sent += 1
        self.outgoing.append((data, hop))
        if self.trace is not None:
            self.trace.append((self.layer.now, True, data[:TRACED], hop))

    def _withdraw(self, data: bytes) -> None:
        if self.outgoing and self.outgoing[-1][0] is data:
            self.outgoing.pop()
            self._sent -= 1
            if self.trace is not None:
                self.trace.pop()

    def _response(self, response: Response) -> None:
        method = (response.first.get("cseq", "")).rpartition(" ")[2]
        transaction = self.layer.clients.get((branch_of(response), method))
        if transaction is not None:
            tag_of(response.first.get("to", ""))  # unreadable: as if it had not come
            transaction.receive(response)

    def bindings_changed(self, user: str) -> None:
        """Tell the owner, and be woken when the next binding runs out."""
        alarm = self._expiries.get(user)
        if alarm is None:
            alarm = self._expiries[user] = Alarm(lambda now: self._expire(user, now))
        when = self.registrar.next_expiry(user)
        if when is None:
            self.layer.timers.cancel(alarm)
            del self._expiries[user]
        else:
            self.layer.timers.set(alarm, when)
        contacts = self.contacts(user, self.layer.now)
        if contacts and user in self._stranded:  # the telephone is back: its calls go on where it is now
            for session in self._stranded.pop(user):
                if session.dialog is not None:
                    session.dialog.hop = contacts[0].hop
        self.events.append(Registered(user, tuple([way.uri for way in contacts])))

    def _expire(self, user: str, now: float) -> None:
        self.registrar.expire(user, now)
        self.bindings_changed(user)
