"""Where the telephones of a configuration stand, so that we can play them: trunks' sources, devices' contacts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from acd.config import Hotline
from acd.secret import SecretMissing
from simulator.phones.engine import Unplayable
from sip.message import SipError
from sip.uri import Uri


@dataclass(slots=True, frozen=True)
class Account:
    """A device that registers."""

    registrar: tuple[str, int]
    password: str


@dataclass(slots=True)
class Places:
    """All at one `host`. `listeners` are ports by name; a device is found by the listener that is called and the user
    of the request URI."""

    host: str = ""
    listeners: dict[str, int] = field(default_factory=dict)
    devices: dict[tuple[str, str], str] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)  # by device
    targets: dict[str, tuple[str, int]] = field(default_factory=dict)  # by trunk: where the engine takes its calls

    def at(self, host: str, what: str) -> None:
        if host != self.host != "":
            raise Unplayable(f"{what} is at {host}, others are at {self.host}: one host plays them all")
        self.host = host


def trunk_listener(trunk: str) -> str:
    return f"trunk {trunk}"


REGISTERED = "registered"


def places(hotline: Hotline, trunks: Iterable[str], target: tuple[str, int] | None) -> Places:
    """Where to play these trunks and every device. `target` takes the calls in place of the configuration's own
    listeners. Raises `Unplayable`."""
    found = Places()
    for name in dict.fromkeys(trunks):
        trunk = hotline.trunks[name]
        source = next(((host, port) for host, port in trunk.sources if "/" not in host), None)
        if source is None:
            raise Unplayable(f"trunk {name}: name a single address under sources, which the callers can call from")
        found.at(source[0], f"trunk {name}")
        found.listeners[trunk_listener(name)] = source[1]
        found.targets[name] = target or _udp(hotline, trunk.network)
    for name, device in hotline.devices.items():
        if hotline.settings.devices[name].nailed_up_s:
            raise Unplayable(f"device {name}: a line that stays up between calls is not played: leave nailed_up_s out")
        if device.contact is not None:
            _contact(found, name, device.contact)
        elif device.registers:
            _account(found, hotline, name)
        else:
            _number(found, hotline, name)
    return found


def _contact(found: Places, name: str, contact: str) -> None:
    uri = Uri.parse(contact)
    found.at(uri.address, f"device {name}")
    port = uri.port or 5060
    listener = next((key for key, value in found.listeners.items() if value == port), f"contact {port}")
    found.listeners[listener] = port
    found.devices[listener, uri.number] = name


def _account(found: Places, hotline: Hotline, name: str) -> None:
    device = hotline.devices[name]
    if device.password is None:
        raise Unplayable(f"device {name}: who only has its ha1 cannot register as it: give it a password")
    try:
        password = device.password.reveal()
    except SecretMissing as error:
        raise Unplayable(f"device {name}: {error}") from None
    found.listeners[REGISTERED] = 0
    found.devices[REGISTERED, name] = name
    found.accounts[name] = Account(_udp(hotline, device.network), password)


def _number(found: Places, hotline: Hotline, name: str) -> None:
    """A telephone behind a trunk: if that trunk calls out to where we play it, it is ours too."""
    device = hotline.settings.devices[name]
    trunk = hotline.trunks[device.through or ""]
    listener = trunk_listener(trunk.id)
    to = [(target.host, target.port) for target in trunk.dial_out.targets] if trunk.dial_out is not None else []
    if device.number and (found.host, found.listeners.get(listener)) in to:
        found.devices[listener, device.number] = name


def _udp(hotline: Hotline, network: str) -> tuple[str, int]:
    for address in hotline.listen[network].sip:
        if address.transport == "udp":
            return address.host, address.port
    raise Unplayable(f"network {network}: our telephones speak UDP, and it has no such listener")


def target_of(text: str) -> tuple[str, int]:
    """``sip:HOST:PORT``. Raises `Unplayable`."""
    try:
        uri = Uri.parse(text)
    except SipError:
        raise Unplayable(f"{text!r} is no target: write it as sip:127.0.0.1:5060") from None
    return uri.address, uri.port or 5060
