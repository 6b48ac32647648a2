"""Telephones that come and go: what is bound, and asking after one that did not answer (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from acd.core import commands as do
from acd.core import events as ev
from acd.live.log import get
from acd.live.setup import Setup
from acd.live.trunks import Trunks
from sip.endpoint import Endpoint, Probed, Registered

PROBE_S: Final = 2.0
"""Between two attempts to hear of a telephone that did not answer."""


class Devices:
    """`now` is the SIP endpoint's clock; `post` takes an event for the core."""

    def __init__(
        self,
        setup: Setup,
        endpoint: Endpoint,
        trunks: Trunks,
        post: Callable[[ev.Event], None],
        now: Callable[[], float],
    ) -> None:
        self.setup = setup
        self.endpoint = endpoint
        self.trunks = trunks
        self.post = post
        self.log = get("devices")  # not at import: the log is configured after that
        self._now = now
        self.up: set[str] = set()  # that the core believes to be up
        self.probed_for: dict[str, int] = {}  # that are being asked whether they are there: how often they were
        self.bindings_changed = False  # since they were last saved

    def registered(self, event: Registered) -> None:
        self.bindings_changed = True
        self.tell(event.user, bool(event.contacts))

    def tell(self, device: str, up: bool) -> None:
        """Tell the core of a device's binding, once per change."""
        if up == (device in self.up):
            return
        (self.up.add if up else self.up.discard)(device)
        self.log.info("device", device=device, up=up)
        self.post(ev.DeviceUp(device) if up else ev.DeviceDown(device))

    def probe(self, command: do.ProbeDevice) -> None:
        self.up.discard(command.device)
        if command.device not in self.probed_for:
            self.probed_for[command.device] = 0
            self._ask_again(command.device)

    def _ask_again(self, device: str, after_s: float = 0.0) -> None:
        """Ask a telephone whether it is there, at one of its contacts after the other; until it is, or has none any
        more, or has been heard of."""
        try:
            _, ways = self.setup.device(device, self.endpoint, self._now())
        except LookupError:  # its next REGISTER will tell
            self.probed_for.pop(device, None)
            return
        if device in self.up:
            self.probed_for.pop(device, None)
        else:
            asked = self.probed_for.get(device, 0)
            self.probed_for[device] = asked + 1
            uri, hop, routes = ways[asked % len(ways)]
            self.endpoint.probe(device, uri, hop, self._now(), after_s=after_s, routes=routes)

    def probed(self, event: Probed) -> None:
        if self.trunks.on_probe(event):
            return
        if event.answered:
            self.probed_for.pop(event.name, None)
            self.tell(event.name, True)
        else:
            self._ask_again(event.name, PROBE_S)
