"""Where a 3xx to an INVITE of ours sends us (RFC 3261 §8.1.3.4), if we go there: whoever redirects a call decides who
is called and who pays, so it may only name another address of its own or of the same trunk."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sip.grammar import SipError
from sip.headers import NameAddr
from sip.message import Response
from sip.settings import Hop

MAX_REDIRECTS = 5


def next_target(
    response: Response, seen: Collection[str], hop_to: Callable[[NameAddr], Hop | None]
) -> tuple[str, Hop] | None:
    """The URI and hop of the Contact with the highest q that was not tried and may be called; None if there is none."""
    try:
        contacts = response.contacts
    except SipError:
        return None
    for contact in sorted(contacts, key=_q, reverse=True):
        uri = str(contact.uri._replace(headers=""))
        if uri not in seen and contact.uri.scheme == "sip" and (hop := hop_to(contact)) is not None:
            return uri, hop
    return None


def _q(contact: NameAddr) -> float:
    try:
        return float(contact.param("q") or "1")
    except ValueError:
        return 0.0
