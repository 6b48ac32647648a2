"""The registrar's bindings (RFC 3261 §10.3): which contacts an account has, until when, and where to reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from sip.headers import NameAddr, delta_seconds
from sip.message import Request, SipError
from sip.settings import Hop
from sip.sips import CIPHERED
from sip.sources import may_send_to
from sip.uri import Uri

LONGEST_PATH = 8  # proxies


@dataclass(slots=True)
class Binding:
    contact: str  # the URI as it is to be called
    uri: Uri
    hop: Hop
    expires_at: float
    call_id: str
    cseq: int
    path: tuple[str, ...] = ()  # whole values, for the Route of what is sent there (RFC 3327)


@dataclass(slots=True, frozen=True)
class Bounds:
    """Of one REGISTER: seconds granted at least and at most, contacts kept at most (the oldest goes), and whether its
    Path is believed."""

    min_s: int
    max_s: int
    contacts: int
    path: bool = False


class TooBrief(SipError):
    def __init__(self) -> None:
        super().__init__(423, "Interval Too Brief")


class Registrar:
    def __init__(self) -> None:
        self._bindings: dict[str, list[Binding]] = {}  # by account, oldest first
        self._registered_on: dict[Hop, set[str]] = {}  # connections, with the accounts that registered there

    def __len__(self) -> int:
        return sum(map(len, self._bindings.values()))

    def register(self, user: str, request: Request, hop: Hop, now: float, bounds: Bounds) -> bool:
        """Do what an authenticated REGISTER for `user` asks, wholly or not at all. True if it did more than ask.
        Raises `SipError`: 400, 423 (`TooBrief`)."""
        order = (request.call_id, request.cseq.number)
        if request.get("Contact") == "*":
            self._remove_all(user, request, order, now)
            return True
        wanted = [(contact, _seconds(contact, request, bounds)) for contact in request.contacts]
        if not wanted:
            return False
        kept = list(self.current(user, now))
        path = path_of(request) if bounds.path else ()
        first = NameAddr.parse(path[0]).uri if path else None
        for contact, seconds in wanted:
            uri = contact.uri._replace(headers="")
            if uri.scheme not in ("sip", "sips"):
                raise SipError(400, "Bad Contact scheme")
            if uri.scheme == "sips" and hop.transport not in CIPHERED:
                raise SipError(480, "SIPS Not Allowed")  # we could never call it there (RFC 5630 §6.2)
            old = next((binding for binding in kept if binding.uri.same_as(uri)), None)
            if old is not None:
                _in_order(old, order)
                kept.remove(old)
            if seconds:
                kept.append(Binding(str(uri), uri, reach(first or uri, hop), now + seconds, *order, path))
        self._keep(user, kept[-bounds.contacts :])
        if hop.connection:
            self._registered_on.setdefault(hop, set()).add(user)
        return True

    def current(self, user: str, now: float) -> tuple[Binding, ...]:
        """Those that have not expired, oldest first."""
        return tuple([binding for binding in self._bindings.get(user, ()) if binding.expires_at > now])

    def expire(self, user: str, now: float) -> bool:
        """Forget what has run out. True if there was something."""
        kept = self.current(user, now)
        if len(kept) == len(self._bindings.get(user, ())):
            return False
        self._keep(user, list(kept))
        return True

    def next_expiry(self, user: str) -> float | None:
        return min((binding.expires_at for binding in self._bindings.get(user, ())), default=None)

    def users(self) -> tuple[str, ...]:
        return tuple(self._bindings)

    def forget(self, user: str) -> None:
        self._bindings.pop(user, None)

    def save(self, now: float) -> dict[str, list[list[object]]]:
        """All bindings as plain values; of the time only what is left of it, for the next clock starts elsewhere."""
        return {
            user: [
                [b.contact, *b.hop.to_values(), b.expires_at - now, b.call_id, b.cseq, list(b.path)]
                for b in self.current(user, now)
            ]
            for user in self._bindings
        }

    def restore(self, saved: Mapping[str, Sequence[Sequence[Any]]], now: float) -> None:
        """What `save` gave. Raises `ValueError` for something else."""
        for user, rows in saved.items():
            bindings = []
            for row in rows:
                try:
                    *row, path = row if isinstance(row[-1], list) else (*row, [])  # none, from before there were any
                    contact, *hop, left, call_id, cseq = row
                    expires_at, routes = now + float(left), tuple(map(str, path))
                    bindings.append(
                        Binding(contact, Uri.parse(contact), Hop(*hop), expires_at, call_id, int(cseq), routes)
                    )
                except (TypeError, ValueError, IndexError) as error:
                    raise ValueError(f"a saved binding of {user} is broken") from error
            self._keep(user, bindings)

    def drop_connections(self, user: str) -> None:
        """Those bound to a connection: it has gone."""
        self._keep(user, [binding for binding in self._bindings.get(user, ()) if binding.hop.transport == "udp"])

    def unbind(self, hops: Set[Hop]) -> dict[str, set[Hop]]:
        """Forget the bindings to connections that are gone: on which an account had registered, by account."""
        lost: dict[str, set[Hop]] = {}
        for hop in hops:
            for user in self._registered_on.pop(hop, ()):
                lost.setdefault(user, set()).add(hop)
        for user in lost:
            self._keep(user, [b for b in self._bindings.get(user, ()) if b.hop not in hops])
        return lost

    def _remove_all(self, user: str, request: Request, order: tuple[str, int], now: float) -> None:
        if len(request.all("Contact")) > 1 or delta_seconds(request.get("Expires") or "1") != 0:
            raise SipError(400, "Contact: * needs Expires: 0 and no other contact")
        for binding in self.current(user, now):
            _in_order(binding, order)
        self.forget(user)

    def _keep(self, user: str, bindings: list[Binding]) -> None:
        if bindings:
            self._bindings[user] = bindings
        else:
            self.forget(user)


def path_of(request: Request) -> tuple[str, ...]:
    """The proxies between the telephone and us, ours first. Raises `SipError` (400)."""
    path = tuple(request.all("Path"))
    for value in path:
        if NameAddr.parse(value).uri.param("lr") is None:
            raise SipError(400, "Path without lr")
    if len(path) > LONGEST_PATH:
        raise SipError(400, "Path too long")
    return path


def reach(uri: Uri, hop: Hop) -> Hop:
    """Where to send what is for that contact, or for the proxy before it. Over a connection: back on it. Over UDP: to
    the URI itself if it is at the address the REGISTER came from, else – a NAT, a host name – to where that came
    from."""
    if hop.transport == "udp" and uri.address == hop.host and may_send_to(hop.host):
        return replace(hop, port=uri.port or 5060)
    return hop


def _seconds(contact: NameAddr, request: Request, bounds: Bounds) -> int:
    text = contact.param("expires")
    if text is None:
        text = request.get("Expires")
    seconds = bounds.max_s if text is None else delta_seconds(text, "Expires")
    if 0 < seconds < bounds.min_s:
        raise TooBrief
    return min(seconds, bounds.max_s)


def _in_order(binding: Binding, order: tuple[str, int]) -> None:
    """Within one Call-ID only a higher CSeq may change a binding."""
    if binding.call_id == order[0] and order[1] <= binding.cseq:
        raise SipError(400, "REGISTER out of order")
