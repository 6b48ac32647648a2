"""A checked configuration as the shell uses it: networks, who may call, where a target is rung."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from acd.config import addresses
from acd.config.shell import DeviceShell, Hotline, Listen, Transport, TrunkShell
from acd.core.commands import Target
from acd.secret import Secret
from sip import sdp
from sip.aio import Tls
from sip.endpoint import Account, Credentials, Endpoint, EndpointSettings, Hop, Listener, Peer

CODECS: Final = {"PCMU": sdp.PCMU, "PCMA": sdp.PCMA, "G722": sdp.G722}
VERSION: Final = "0.1.0"
BACKSTOP_S: Final = 60.0
"""How much longer than the core SIP waits before it gives up a call that nobody answers."""


@dataclass(slots=True, frozen=True)
class Network:
    """One network that we serve: what we say of ourselves there."""

    name: str
    advertise: str
    media_advertise: str


class Setup:
    """Everything the legs need of a configuration, looked up by name."""

    def __init__(self, hotline: Hotline) -> None:
        self.hotline = hotline
        self.trunks = hotline.trunks
        self.devices = hotline.devices
        self.networks = {
            name: Network(name, _host_port(listen), listen.media_advertise) for name, listen in hotline.listen.items()
        }
        self._static: dict[str, Hop] = {}  # of devices with a contact of their own
        self._codecs: dict[tuple[str, ...], tuple[sdp.Codec, ...]] = {}

    def network_of(self, listener: str) -> Network:
        """The network a listener (``agents:0``) belongs to."""
        return self.networks[listener.partition(":")[0]]

    def codecs(self, party: TrunkShell | DeviceShell) -> tuple[sdp.Codec, ...]:
        """What we accept from and offer to this party, best first, telephone-event last."""
        known = self._codecs.get(party.codecs)
        if known is None:
            known = (*(CODECS[name] for name in party.codecs), sdp.TELEPHONE_EVENT)
            self._codecs[party.codecs] = known
        return known

    def latch(self, party: TrunkShell | DeviceShell, hop: Hop) -> tuple[str, ...]:
        """From where the party's media may be learnt: nowhere, unless it is marked nat."""
        if not party.nat:
            return ()
        return (party.media_from if isinstance(party, TrunkShell) else ()) or (hop.host,)

    def route(
        self, to: Target, endpoint: Endpoint, now: float
    ) -> tuple[TrunkShell | DeviceShell, str, Hop, Credentials | None]:
        """Where to ring this target: the party, the request URI, the next hop, and who we are there. Raises
        `LookupError` with the reason when it cannot be reached."""
        if to.number is not None:  # of a device that is a telephone number, or of nobody's
            return self._trunk(to.number, to.trunk or "")
        return self._device(to.device or "", endpoint, now)

    @staticmethod
    def caller(party: TrunkShell | DeviceShell, number: str, name: str) -> tuple[str, str]:
        """Who is said to call, number and name: to a trunk that has a number for us it is that one, never the
        customer's."""
        out = party.dial_out if isinstance(party, TrunkShell) else None
        return (number, name) if out is None or out.caller is None else (out.caller, "")

    def _device(
        self, name: str, endpoint: Endpoint, now: float
    ) -> tuple[TrunkShell | DeviceShell, str, Hop, Credentials | None]:
        device = self.devices.get(name)
        if device is None:
            raise LookupError(f"there is no device {name}")
        if device.contact is not None:
            known = self._static.get(name)
            if known is None:
                known = self._static[name] = self._hop(device.network, *addresses.sip_uri(device.contact))
            return device, device.contact, known, None
        bound = endpoint.contacts(name, now)
        if not bound:
            raise LookupError(f"device {name} is not registered")
        contact, hop = bound[0]
        return device, contact, hop, None

    def _trunk(self, number: str, name: str) -> tuple[TrunkShell | DeviceShell, str, Hop, Credentials | None]:
        trunk = self.trunks.get(name)
        if trunk is None:
            raise LookupError(f"there is no trunk {name}")
        out = trunk.dial_out
        if out is None:
            raise LookupError(f"trunk {name} does not dial out")
        credentials = Credentials(out.user, out.password.reveal()) if out.user and out.password else None
        uri = f"sip:{rewritten(number, trunk.rewrite.dialled)}@{_written(out.host, out.port, out.transport)}"
        return trunk, uri, self.trunk_hop(name), credentials

    def trunk_hop(self, name: str) -> Hop:
        """Where a trunk's calls go. It has a `dial_out`, or this raises `LookupError`."""
        trunk = self.trunks[name]
        out = trunk.dial_out
        if out is None:
            raise LookupError(f"trunk {name} does not dial out")
        return self._hop(trunk.network, out.host, out.port, out.transport)

    def trunk_uri(self, name: str) -> str:
        """What OPTIONS ask for there."""
        hop = self.trunk_hop(name)
        return f"sip:{_written(hop.host, hop.port, hop.transport)}"

    def _hop(self, network: str, host: str, port: int, transport: Transport) -> Hop:
        """From the network's first listener of that transport."""
        sip = self.hotline.listen[network].sip
        index = next((n for n, address in enumerate(sip) if address.transport == transport), 0)
        return Hop(f"{network}:{index}", host, port, transport)


def rewritten(number: str, rules: tuple[tuple[str, str], ...]) -> str:
    """The number as the first rule whose pattern matches all of it makes it; as it is if none does."""
    for pattern, to in rules:
        found = re.fullmatch(pattern, number)
        if found is not None:
            return found.expand(to)
    return number


def _written(host: str, port: int, transport: Transport) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return where if transport == "udp" else f"{where};transport={transport}"


def tls_files(hotline: Hotline) -> dict[str, Tls]:
    """The certificates of each listener of TLS."""
    return {
        f"{listen.name}:{index}": Tls(files.certificate, files.key, files.ca, files.verify_client)
        for listen in hotline.listen.values()
        if (files := listen.tls) is not None
        for index, address in enumerate(listen.sip)
        if address.transport == "tls"
    }


def static_devices(hotline: Hotline) -> list[str]:
    """Devices that are reachable without registering: a contact of their own, or a number through a trunk."""
    return [name for name, device in hotline.devices.items() if device.password is None]


def _account(name: str, secret: Secret) -> Account:
    return Account(name, secret.reveal())


def _host_port(listen: Listen) -> str:
    host = f"[{listen.advertise}]" if ":" in listen.advertise else listen.advertise
    return f"{host}:{listen.sip[0].port}"


def endpoint_settings(hotline: Hotline) -> EndpointSettings:
    """What the SIP endpoint is told. Raises `acd.secret.SecretMissing`."""
    return EndpointSettings(
        listeners=tuple(
            Listener(f"{listen.name}:{index}", listen.advertise, address.port, address.transport, listen.digest)
            for listen in hotline.listen.values()
            for index, address in enumerate(listen.sip)
        ),
        realm=hotline.name,
        accounts={
            name: _account(name, device.password)
            for name, device in hotline.devices.items()
            if device.password is not None
        },
        peers=tuple(Peer(trunk.id, trunk.sources) for trunk in hotline.trunks.values()),
        user_agent=f"Hotline/{VERSION}",
        unanswered_max_s=hotline.settings.unanswered_max_s + BACKSTOP_S,
    )
