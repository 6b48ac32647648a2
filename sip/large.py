"""A request too large for a datagram goes over TCP, or over UDP after all where that is refused (RFC 3261 §18.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sip.settings import Hop, Listener

LARGE: Final = 1300  # octets: what is longer may not fit into one packet of the way
UDP_ONLY_S: Final = 600.0  # who did not take TCP is not asked again for so long …
MOST: Final = 1024  # … and so many of them are remembered


class LargeRequests:
    """Which listener of TCP stands in for one of UDP, and whom that has not helped with."""

    def __init__(self) -> None:
        self._beside: dict[str, tuple[str, bytes, bytes]] = {}  # by UDP's: TCP's, and how the Via of each begins
        self._udp_only: dict[tuple[str, int], float] = {}

    def configure(self, listeners: Iterable[Listener], vias: Mapping[str, str]) -> None:
        tcp = {_network(one): one for one in listeners if one.transport == "tcp"}
        self._beside = {
            one.name: (beside.name, f"Via: {vias[one.name]}".encode(), f"Via: {vias[beside.name]}".encode())
            for one in listeners
            if one.transport == "udp" and (beside := tcp.get(_network(one))) is not None
        }

    def over_tcp(self, data: bytes, hop: Hop, now: float) -> tuple[bytes, Hop] | None:
        """The request as it goes over TCP, to the same address and port; None: it has to go as it is."""
        beside = self._beside.get(hop.listener)
        if beside is None or self._udp_only.get((hop.host, hop.port), 0.0) > now:
            return None
        listener, by_udp, by_tcp = beside
        return data.replace(by_udp, by_tcp, 1), Hop(listener, hop.host, hop.port, "tcp")

    def refused(self, hop: Hop, now: float) -> None:
        """Nobody takes TCP there."""
        if len(self._udp_only) >= MOST:
            self._udp_only.clear()
        self._udp_only[hop.host, hop.port] = now + UDP_ONLY_S


def via_of(request: bytes) -> str:
    """The topmost Via of a request of ours, which is its second line."""
    return request.split(b"\r\n", 2)[1][len("Via: ") :].decode()


def _network(listener: Listener) -> tuple[str, bool]:
    """Listeners of a network have its name before the colon; one of IPv4 does not stand in for one of IPv6."""
    return listener.name.partition(":")[0], ":" in listener.advertise
