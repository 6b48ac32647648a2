"""Our own registration with somebody's registrar, kept fresh (RFC 3261 §10.2): as a phone, or as a trunk's customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sip.attempt import NEXT_S
from sip.building import ALLOW, Outline, request_of
from sip.events import RegistrationResult
from sip.headers import delta_seconds
from sip.message import Response, SipError
from sip.settings import Credentials, Hop
from sip.timers import Alarm
from sip.transaction import Client, ClientRequest

if TYPE_CHECKING:
    from sip.endpoint import Endpoint

RETRY_S = (5.0, 300.0)  # the pause after a failure, doubling from the first to the last
AT_ONCE = 4  # REGISTERs sent without a pause for one result: challenge, stale nonce, 423


class Registration:
    """One account at one registrar. Every REGISTER has the same Call-ID and a higher CSeq."""

    __slots__ = (
        "_aor",
        "_call_id",
        "_challenged",
        "_contact",
        "_cseq",
        "_endpoint",
        "_from",
        "_has_others",
        "_pause",
        "_registrar",
        "_tries",
        "_waiting",
        "credentials",
        "expires_s",
        "hop",
        "timer",
        "user",
    )

    def __init__(self, endpoint: Endpoint, user: str, registrar: str, hop: Hop) -> None:
        self._endpoint = endpoint
        self.user = user
        self._registrar = registrar
        scheme, _, host = registrar.partition(":")
        self._aor = f"<{scheme}:{user}@{host.partition('@')[2] or host}>"
        self._from = f"{self._aor};tag={endpoint.new_tag()}"
        self.at(hop)
        self._call_id = endpoint.new_call_id()
        self._cseq = 0
        self._tries = self._challenged = 0
        self._pause = RETRY_S[0]
        self._waiting: Client | None = None
        self._has_others = False
        self.credentials: Credentials | None = None
        self.expires_s = 3600
        self.timer = Alarm(self._refresh)

    def at(self, hop: Hop) -> None:
        """Where the next REGISTER goes."""
        self.hop = hop
        self._contact = self._endpoint.addresses.contact_line(hop, self.user)

    def start(self, credentials: Credentials | None, expires_s: int, hop: Hop, has_others: bool) -> None:
        """`has_others`: of a registrar that is silent for `NEXT_S` it is taken that it will not answer."""
        self.at(hop)
        self._has_others = has_others
        self.credentials, self.expires_s = credentials, expires_s
        self._endpoint.layer.timers.cancel(self.timer)
        self._refresh(self._endpoint.layer.now)

    def _refresh(self, _: float) -> None:
        self._tries = self._challenged = 0
        self._send("")

    def _send(self, authorization: str) -> None:
        endpoint = self._endpoint
        self._cseq += 1
        self._tries += 1
        via, branch = endpoint.new_via(self.hop)
        outline = Outline(self._registrar, via, branch, "", self._from, self._aor, self._call_id, self._cseq)
        lines = f"{self._contact}Expires: {self.expires_s}\r\n{ALLOW}{endpoint.agent_line}{authorization}"
        data = request_of(outline, "REGISTER", lines)
        self._waiting = ClientRequest(endpoint.layer, (branch, "REGISTER"), self.hop, data, self._heard)
        if self._has_others:
            self._waiting.within(NEXT_S)

    def _heard(self, transaction: Client, response: Response | None) -> None:
        if transaction is not self._waiting:
            return  # asked again meanwhile
        self._waiting = None
        status = 408 if response is None else response.status
        if response is not None and self._tries < AT_ONCE:
            if status in (401, 407) and self.credentials is not None:
                line = self._endpoint.authorization(
                    response, self.credentials, "REGISTER", self._registrar, self._challenged
                )
                if line is not None:
                    self._challenged += 1
                    self._send(line)
                    return
            if status == 423 and (least := _seconds(response.get("Min-Expires"))) > self.expires_s > 0:
                self.expires_s = min(least, 86_400)
                self._challenged = 0
                self._send("")
                return
        granted = self._granted(response) if response is not None and status == 200 else 0
        self._endpoint.events.append(RegistrationResult(self.user, status, granted, self._registrar))
        self._schedule(status, granted)

    def _granted(self, response: Response) -> int:
        """What the registrar gave our contact: its own parameter, else Expires."""
        if not self.expires_s:
            return 0
        ours = self._contact.partition("<")[2].partition(">")[0]
        for value in response.all("Contact"):
            if ours in value and ";expires=" in value:
                return _seconds(value.partition(";expires=")[2].partition(";")[0])
        return _seconds(response.get("Expires")) or self.expires_s

    def _schedule(self, status: int, granted: int) -> None:
        """Refresh well before it runs out; after a failure try again, later each time, never in step with others."""
        if not self.expires_s:
            self._endpoint.forget_registration(self)
            return
        rng = self._endpoint.rng
        if status == 200:
            self._pause = RETRY_S[0]
            pause = max(1.0, granted * (0.5 + 0.3 * rng.random()))
        else:
            pause = self._pause * (0.5 + rng.random())
            self._pause = min(2 * self._pause, RETRY_S[1])
        self._endpoint.layer.timers.set(self.timer, self._endpoint.layer.now + pause)


def _seconds(value: str | None) -> int:
    """0 for what cannot be read."""
    try:
        return delta_seconds(value) if value else 0
    except SipError:
        return 0
