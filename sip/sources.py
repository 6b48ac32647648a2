"""Addresses: which trunk a source is, and where it is safe to send (DESIGN: check every address a peer names)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from sip.settings import Peer


class Trunks:
    """The peers by source address. An exact address and port wins over an address, which wins over a network."""

    def __init__(self, peers: tuple[Peer, ...]) -> None:
        """Raises `ValueError` for something that is neither an address nor a network."""
        self._exact: dict[tuple[str, int], str] = {}
        self._networks: list[tuple[IPv4Network | IPv6Network, int, str]] = []
        for peer in peers:
            for source, port in peer.sources:
                if "/" in source:
                    self._networks.append((ip_network(source, strict=False), port, peer.name))
                else:
                    self._exact.setdefault((str(ip_address(source)), port), peer.name)
        # The narrower network first, and one with a port before one without.
        self._networks.sort(key=lambda entry: (-entry[0].prefixlen, entry[1] == 0))

    def find(self, host: str, port: int) -> str | None:
        """The trunk's name, or None."""
        exact = self._exact.get((host, port)) or self._exact.get((host, 0))
        if exact is not None or not self._networks:
            return exact
        try:
            address = ip_address(host)
        except ValueError:
            return None
        for network, wanted, name in self._networks:
            if wanted in (0, port) and address in network:
                return name
        return None


@lru_cache(maxsize=4096)
def may_send_to(host: str) -> bool:
    """True for an address literal of one host: no name, no multicast, no broadcast, not "this host"."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or host == "255.255.255.255")
