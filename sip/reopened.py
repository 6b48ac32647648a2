"""A trunk's connection may end and another begin: what it asked is answered over a new one (RFC 3261 §18.2.2), and its
calls go on at its Contact. Of anybody else we could open as many as he names ports."""

from __future__ import annotations

from collections.abc import Iterable, Set

from sip.addresses import Addresses
from sip.headers import NameAddr
from sip.session import Session
from sip.settings import Hop
from sip.sources import may_send_to
from sip.transaction import Layer


def move_trunks(lost: Set[Hop], layer: Layer, sessions: Iterable[Session], addresses: Addresses) -> None:
    """These connections are gone; of trunks only."""
    for server in [one for one in layer.servers.values() if one.hop in lost and len(one.key) == 3]:
        server.move(reopened(server.key[1], server.hop))
    for session in sessions:
        dialog = session.dialog
        if dialog is not None and dialog.hop in lost:
            text = dialog.routes[0] if dialog.routes else f"<{dialog.target}>"
            beside = addresses.hop_beside(dialog.hop, NameAddr.parse(text).uri)
            if beside is not None:
                session.move(beside)


def reopened(sent_by: str, hop: Hop) -> Hop:
    """Where to answer a request whose connection is gone: over a new one to the address it came from, at the port that
    its Via names (§18.2.2). A name there is what the certificate must be for."""
    host, port = sent_by, ""
    if not sent_by.endswith("]"):
        name, colon, after = sent_by.rpartition(":")
        host, port = (name, after) if colon else (sent_by, "")
    usual = 5061 if hop.transport == "tls" else 5060
    named = hop.transport == "tls" and not may_send_to(host.strip("[]"))
    number = int(port) if port.isdecimal() and 0 < int(port) < 65536 else usual
    return Hop(hop.listener, hop.host, number, hop.transport, domain=host.lower() if named else "")
