"""An INVITE that is to take the place of a call of ours (RFC 3891 §3): of which, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sip.grammar import SipError
from sip.headers import Replaces
from sip.message import Request
from sip.states import State

if TYPE_CHECKING:
    from sip.session import Session

OVER = (State.HANGING, State.LEAVING, State.ENDED)


def replaced(request: Request, sessions: Mapping[tuple[str, str], Session]) -> Session | None:
    """The session that is up and to be replaced; None if none is to be. Raises `SipError`: 400, 481 for none of ours or
    one that is not answered yet (nobody picks up what rings at another), 486 for one that is, where only one that rings
    was meant, 603 for one that is ending."""
    value = request.first.get("replaces")
    if value is None:
        return None
    if request.method != "INVITE" or request.first.get("join") is not None:
        raise SipError(400, "Replaces does not belong here")
    wanted = Replaces.parse(value)
    session = sessions.get((wanted.call_id, wanted.to_tag))
    dialog = session.dialog if session is not None else None
    if session is None or dialog is None or dialog.remote_tag != wanted.from_tag:
        raise SipError(481, "No such call")
    if session.state in OVER:
        raise SipError(603, "Decline")
    if not session.confirmed:
        raise SipError(481, "Not answered yet")
    if wanted.early_only:
        raise SipError(486, "Busy Here")
    return session
