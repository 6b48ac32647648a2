"""The topmost Via of a request, read once for all that a server needs of it: the transaction's key, the stamp, the way
back (RFC 3261 §17.2.3, §18.2; RFC 3581 §4)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from sip.headers import PLAIN_VIA
from sip.message import Request, Response
from sip.settings import Hop


class TopVia(NamedTuple):
    branch: str  # "" if there is none (RFC 2543)
    sent_by: str  # as it identifies a transaction: a retransmission writes it the same way
    stamped: str  # the value with `received` and `rport`
    back: Hop  # where the answers go


def top_via(request: Request, hop: Hop) -> TopVia:
    """Raises `SipError` (400)."""
    value = request.first.get("via", "")
    match = PLAIN_VIA(value)
    if match is not None:
        sent_by, host, port, before, branch, after = match.groups()
        if before or after:
            return TopVia(branch, sent_by, value.replace(";rport", f";rport={hop.port};received={hop.host}", 1), hop)
        stamped = value if host == hop.host else f"{value};received={hop.host}"
        return TopVia(branch, sent_by, stamped, _back(hop, int(port) if port else 5060))
    via = request.via
    branch, sent_by = via.branch, via.sent_by
    asked_rport = via.param("rport") is not None
    stamped = str(via.seen_from(hop.host, hop.port))
    return TopVia(branch, sent_by, stamped, hop if asked_rport else _back(hop, via.port or 5060))


def branch_of(response: Response) -> str:
    """The branch of our own request that this answers, or something that is none of ours."""
    value = response.first.get("via", "")
    _, found, rest = value.partition(";branch=")
    # Otherwise there are blanks around the semicolon.
    return rest.partition(";")[0].rstrip() if found else response.via.branch


def _back(hop: Hop, port: int) -> Hop:
    """To the source address; over UDP to the port that the Via names."""
    if hop.transport != "udp" or port == hop.port or not 0 < port < 65536:
        return hop
    return replace(hop, port=port)
