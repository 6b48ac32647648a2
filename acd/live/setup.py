"""A checked configuration as the shell uses it: networks, who may call, where a target is rung."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from acd.config import addresses
from acd.config.shell import DeviceShell, DialOut, DialTarget, Hotline, Listen, Transport, TrunkShell
from sip import sdp
from sip.aio import Tls
from sip.endpoint import Account, Endpoint, EndpointSettings, Hop, Listener, Peer, Way
from sip.locate import Family, Place

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

    def latch(self, party: TrunkShell | DeviceShell, *hops: Hop) -> tuple[str, ...]:
        """From where the party's media may be learnt: nowhere, unless it is marked nat."""
        if not party.nat:
            return ()
        return (party.media_from if isinstance(party, TrunkShell) else ()) or tuple([hop.host for hop in hops])

    @staticmethod
    def caller(party: TrunkShell | DeviceShell, number: str, name: str) -> tuple[str, str]:
        """Who is said to call, number and name: to a trunk that has a number for us it is that one, never the
        customer's."""
        out = party.dial_out if isinstance(party, TrunkShell) else None
        return (number, name) if out is None or out.caller is None else (out.caller, "")

    def device(self, name: str, endpoint: Endpoint, now: float) -> tuple[DeviceShell, Sequence[Way]]:
        """Where a device is rung, the contact it registered last first. Raises `LookupError` with the reason when it
        cannot be reached."""
        device = self.devices.get(name)
        if device is None:
            raise LookupError(f"there is no device {name}")
        if device.contact is not None:
            known = self._static.get(name)
            if known is None:
                host, port, transport = addresses.sip_uri(device.contact)
                known = self._static[name] = self.hop(device.network, Place(transport, host, port))
            return device, [Way(device.contact, known)]
        bound = endpoint.contacts(name, now)
        if not bound:
            raise LookupError(f"device {name} is not registered")
        return device, bound

    def trunk(self, name: str) -> tuple[TrunkShell, DialOut]:
        """A trunk that dials out. Raises `LookupError`."""
        trunk = self.trunks.get(name)
        if trunk is None:
            raise LookupError(f"there is no trunk {name}")
        if trunk.dial_out is None:
            raise LookupError(f"trunk {name} does not dial out")
        return trunk, trunk.dial_out

    def hop(self, network: str, place: Place, domain: str = "") -> Hop:
        """From the network's first listener of that transport, and of that kind of address if there is one."""
        sip = list(enumerate(self.hotline.listen[network].sip))
        fit = [(n, address) for n, address in sip if address.transport == place.transport]
        same = [n for n, address in fit if (":" in address.host) == (":" in place.host)]
        index = same[0] if same else fit[0][0] if fit else 0
        return Hop(f"{network}:{index}", *place[1:], place.transport, domain=domain if place.transport == "tls" else "")

    def transports(self, network: str) -> list[Transport]:
        """What is spoken on the network, in the order of its listeners."""
        return list(dict.fromkeys([address.transport for address in self.hotline.listen[network].sip]))

    def families(self, network: str) -> dict[Transport, list[Family]]:
        """The kinds of addresses that each transport of the network can reach."""
        found: dict[Transport, list[Family]] = {}
        for address in self.hotline.listen[network].sip:
            family: Family = "AAAA" if ":" in address.host else "A"
            if family not in found.setdefault(address.transport, []):
                found[address.transport].append(family)
        return found


def rewritten(number: str, rules: tuple[tuple[str, str], ...]) -> str:
    """The number as the first rule whose pattern matches all of it makes it; as it is if none does."""
    for pattern, to in rules:
        found = re.fullmatch(pattern, number)
        if found is not None:
            return found.expand(to)
    return number


def uri_of(target: DialTarget, user: str = "") -> str:
    """The request URI of a target, and of a number there."""
    where = f"[{target.host}]" if ":" in target.host else target.host
    port = "" if target.port is None else f":{target.port}"
    transport = "" if target.transport in (None, "udp") else f";transport={target.transport}"
    return f"sip:{user}{'@' if user else ''}{where}{port}{transport}"


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
    return [name for name, device in hotline.devices.items() if not device.registers]


def _account(device: DeviceShell) -> Account:
    password = None if device.password is None else device.password.reveal()
    ha1: dict[str, str] = {algorithm: secret.reveal().lower() for algorithm, secret in device.ha1}
    return Account(device.id, password, ha1, path=device.path)


def _host_port(listen: Listen) -> str:
    host = f"[{listen.advertise}]" if ":" in listen.advertise else listen.advertise
    return f"{host}:{listen.sip[0].port}"


def peers(hotline: Hotline) -> tuple[Peer, ...]:
    """The trunks by where their calls come from, as configured."""
    return tuple([Peer(trunk.id, trunk.sources) for trunk in hotline.trunks.values()])


def endpoint_settings(hotline: Hotline) -> EndpointSettings:
    """What the SIP endpoint is told. Raises `acd.secret.SecretMissing`."""
    return EndpointSettings(
        listeners=tuple(
            Listener(f"{listen.name}:{index}", listen.advertise, address.port, address.transport, listen.digest)
            for listen in hotline.listen.values()
            for index, address in enumerate(listen.sip)
        ),
        realm=hotline.name,
        accounts={name: _account(device) for name, device in hotline.devices.items() if device.registers},
        peers=peers(hotline),
        user_agent=f"Hotline/{VERSION}",
        looks_up=True,
        unanswered_max_s=hotline.settings.unanswered_max_s + BACKSTOP_S,
    )
