"""Session timers (RFC 4028): a session whose peer has vanished does not last for ever.

One side refreshes at half the interval, by UPDATE where the peer takes it, else by a re-INVITE with the same body; the
other side ends the session shortly before the interval is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sip.building import ALLOW
from sip.headers import Parameterised, delta_seconds
from sip.message import Request, Response, SipError
from sip.timers import Timer
from sip.transaction import Client

if TYPE_CHECKING:
    from sip.session import Session

LEAST_S = 90  # the smallest Session-Expires that anybody may ask for (RFC 4028 §4)
SUPPORTED = "Supported: timer, replaces\r\n"


class TooSmall(SipError):
    def __init__(self) -> None:
        super().__init__(422, "Session Interval Too Small")


def wish(seconds: int) -> str:
    """What an INVITE of ours says. 0: we do not ask."""
    return f"{SUPPORTED}Session-Expires: {max(seconds, LEAST_S)}\r\nMin-SE: {LEAST_S}\r\n" if seconds else SUPPORTED


class Refresh(Timer):
    """The timer of one session, once both sides have agreed on it."""

    __slots__ = ("_by_update", "_session", "interval_s", "ours")

    def __init__(self, session: Session, interval_s: int, *, ours: bool, by_update: bool) -> None:
        super().__init__()
        self._session = session
        self.interval_s = interval_s
        self.ours = ours  # we refresh
        self._by_update = by_update

    @classmethod
    def of_request(cls, session: Session, request: Request, wanted_s: int) -> Refresh | None:
        """For their INVITE (§9): as they ask, or as we want if they can do it. None: no timer. Raises `SipError`: 422
        for less than `LEAST_S`, 400."""
        asked = request.first.get("session-expires")
        supported = "timer" in request.tokens("Supported")
        if asked is None:
            if not (supported and wanted_s):
                return None
            return cls(session, max(wanted_s, LEAST_S), ours=False, by_update=_takes_update(request))
        header = Parameterised.parse(asked)
        seconds = delta_seconds(header.value, "Session-Expires")
        if seconds < LEAST_S:
            raise TooSmall
        # Whoever cannot do timers cannot refresh either; the proxy between us that asked for it must be content.
        ours = header.param("refresher") == "uas" or not supported
        return cls(session, seconds, ours=ours, by_update=_takes_update(request))

    @classmethod
    def of_response(cls, session: Session, response: Response) -> Refresh | None:
        """For the 2xx to our INVITE (§7.2). None: no timer."""
        try:
            header = Parameterised.parse(response.first.get("session-expires", ""))
            seconds = max(LEAST_S, delta_seconds(header.value))
        except SipError:
            return None
        ours = header.param("refresher") != "uas"
        return cls(session, seconds, ours=ours, by_update=_takes_update(response))

    def lines(self, *, as_server: bool) -> str:
        """Session-Expires of a 2xx (`as_server`) or of a request of ours within the session."""
        refresher = "uas" if self.ours is as_server else "uac"
        require = "Require: timer\r\n" if as_server and not self.ours else ""
        return f"{require}{SUPPORTED}Session-Expires: {self.interval_s};refresher={refresher}\r\n"

    def restart(self) -> None:
        """The session was begun or refreshed."""
        layer = self._session.endpoint.layer
        wait = self.interval_s / 2 if self.ours else self.interval_s - min(32.0, self.interval_s / 3)
        layer.timers.set(self, layer.now + wait)

    def stop(self) -> None:
        self._session.endpoint.layer.timers.cancel(self)

    def fire(self, now: float) -> None:
        session = self._session
        if not self.ours:
            session.lapse()
            return
        self.restart()  # should this one be refused, the next is due in time
        if self._by_update:
            lines = f"{session.contact_line()}{ALLOW}{self.lines(as_server=False)}"
            session.send_within("UPDATE", self._heard, lines)
        else:
            session.offer_again()

    def _heard(self, _: Client, response: Response | None) -> None:
        session = self._session
        if not session.confirmed:
            return
        if response is None or response.status in (408, 481):
            session.gone(408 if response is None else response.status)
        elif response.status < 300:
            self.restart()


def _takes_update(message: Request | Response) -> bool:
    return "update" in message.tokens("Allow")
