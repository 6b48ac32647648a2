"""REFER within a dialog (RFC 3515): somebody asks us to call another; what becomes of it goes back by NOTIFY."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sip.building import Reply
from sip.headers import NameAddr
from sip.message import REASONS, Request, SipError
from sip.transaction import ServerRequest, unheard

if TYPE_CHECKING:
    from sip.session import Session

LASTS_S = 60  # the subscription that a REFER makes, as we say
LONGEST = 256  # characters of a target
SCHEMES = ("sip", "sips", "tel")
_TAG = re.compile(r";(to|from)-tag=([^;]+)", re.IGNORECASE)


class Refer:
    """One REFER of theirs, until its outcome has been told."""

    __slots__ = ("_accepted", "_event", "_reply", "_session", "_silent", "_transaction")

    def __init__(self, session: Session, request: Request, transaction: ServerRequest, reply: Reply) -> None:
        self._session = session
        self._transaction = transaction
        self._reply = reply
        self._event = f"Event: refer;id={request.cseq.number}\r\n"
        self._silent = (request.get("Refer-Sub") or "").strip().lower() == "false"  # RFC 4488
        self._accepted = False

    def tell(self, status: int) -> bool:
        """First the answer: 202, or a refusal, which is the end of it. Then how the call went. True if it is over."""
        if self._accepted:
            self._notify(status, over=status >= 200)
            return status >= 200
        if status >= 300:
            self._transaction.respond(status, self._reply.to_bytes(status))
            return True
        self._accepted = True
        sub = "Refer-Sub: false\r\n" if self._silent else ""
        self._transaction.respond(202, self._reply.to_bytes(202, f"{self._session.contact_line()}{sub}"))
        self._notify(100, over=False)
        return False

    def lapse(self) -> None:
        """The call it came in ends first. What it began goes on, but nothing more is told of that: whoever subscribed
        hears that it is over (RFC 6665 §4.2.2), after his BYE too (RFC 5057 §4.1)."""
        if self._accepted:
            self._notify(100, over=True)
        else:
            self._transaction.respond(481, self._reply.to_bytes(481))

    def _notify(self, status: int, *, over: bool) -> None:
        if self._silent:
            return
        state = "terminated;reason=noresource" if over else f"active;expires={LASTS_S}"
        lines = f"{self._event}Subscription-State: {state}\r\nContent-Type: message/sipfrag;version=2.0\r\n"
        body = f"SIP/2.0 {status} {REASONS.get(status, 'Unknown')}\r\n".encode()
        self._session.send_within("NOTIFY", unheard, f"{self._session.contact_line()}{lines}", body)


def target_of(request: Request, named: Callable[[str, str, str], str]) -> tuple[str, str | None]:
    """Whom a REFER asks us to call, and the name of the session that it is to replace, which `named` gives for Call-ID,
    to-tag and from-tag ("": none of ours). Raises `SipError`: 400, 416 for what is no telephone."""
    values = request.all("Refer-To")
    if len(values) != 1:
        raise SipError(400, "One Refer-To, please")
    if values[0].partition(":")[0].strip(" \t<").lower() not in SCHEMES:
        raise SipError(416, "Unsupported URI Scheme")
    uri = NameAddr.parse(values[0]).uri
    text, _, headers = str(uri).partition("?")
    if len(text) > LONGEST:
        raise SipError(400, "Refer-To too long")
    for header in headers.split("&"):
        name, _, value = header.partition("=")
        if name.lower() == "replaces":
            replaces = unquote(value)
            tags = {kind.lower(): tag for kind, tag in _TAG.findall(replaces)}
            return text, named(replaces.partition(";")[0], tags.get("to", ""), tags.get("from", ""))
    return text, None
