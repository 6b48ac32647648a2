"""Telephones that fall silent because their power, their switch or their line is gone."""

from random import Random

from sip.endpoint import Endpoint, EndpointSettings, Hop
from sip.message import Request, SipError
from sip.parsing import parse
from sip.uri import Uri


class Quiet(Endpoint):
    """An endpoint that hears nothing of what is sent to some of its telephones, and so does not answer it."""

    def __init__(self, settings: EndpointSettings, rng: Random) -> None:
        super().__init__(settings, rng)
        self.listeners_off: set[str] = set()
        self.users_off: set[tuple[str, str]] = set()  # (listener, user of the request URI)
        self.calls_off: set[str] = set()  # by Call-ID

    def receive(self, data: bytes, hop: Hop, now: float) -> None:
        if hop.listener in self.listeners_off:
            return
        if (self.users_off or self.calls_off) and self._is_lost(data, hop):
            return
        super().receive(data, hop, now)

    def _is_lost(self, data: bytes, hop: Hop) -> bool:
        try:
            message = parse(data)
            if message.get("Call-ID") in self.calls_off:
                return True
            return isinstance(message, Request) and (hop.listener, Uri.parse(message.uri).number) in self.users_off
        except SipError:
            return False
