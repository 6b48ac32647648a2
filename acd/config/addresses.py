"""Addresses as a person writes them. Each reader raises `ValueError` whose two arguments are what is wrong and what
would be right."""

import ipaddress
import re
from typing import cast, get_args

from acd.config.shell import Address, Transport

_TRANSPORTS = get_args(Transport)
_SIP_URI = re.compile(r"(?P<scheme>sips?):(?:(?P<user>[^@\s]+)@)?(?P<rest>[^\s;?]+)(?P<parameters>;[^\s?]*)?")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*(?=[A-Za-z]){_LABEL}")  # a name's last label is no number
PORTS = range(1, 65536)
SERVED = ("udp", "tcp", "tls")
USUAL_PORT = {"udp": 5060, "tcp": 5060, "tls": 5061}
LOCAL: tuple[str, int, Transport] = ("127.0.0.1", 5060, "udp")


def host_port(text: str, default: int) -> tuple[str, int]:
    """``address``, ``address:port`` or ``[v6]:port``; the address without brackets. No name is looked up."""
    host, port = text, default
    if text.startswith("["):
        host, closed, tail = text[1:].partition("]")
        if not closed or (tail and not tail.startswith(":")):
            raise ValueError(f"{text!r} is not an address", "write [2001:db8::1]:5060")
        port = _port(tail[1:], text) if tail else default
    elif text.count(":") == 1:
        host, _, tail = text.partition(":")
        port = _port(tail, text)
    _address(host, text)
    return host, port


def _port(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) not in PORTS:
        raise ValueError(f"{whole!r} has no valid port", "a port is 1 to 65535")
    return int(text)


def _address(host: str, whole: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{whole!r} is not an IP address", "write the address; names are not looked up") from None


def bare_address(text: str) -> str:
    """An address alone."""
    _address(text, text)
    return text


def listener(text: str) -> Address:
    """``udp:10.0.0.1:5060``."""
    transport, colon, rest = text.partition(":")
    if not colon or transport not in _TRANSPORTS:
        raise ValueError(f"{text!r} names no transport", 'write "udp:10.0.0.1:5060"')
    if transport not in SERVED:
        raise ValueError(f"{transport} is not served yet", f"listen on {', '.join(SERVED)}")
    host, port = host_port(rest, USUAL_PORT[transport])
    return Address(cast(Transport, transport), host, port)


def source(text: str) -> tuple[str, int]:
    """Where a trunk's requests come from: an address or a CIDR network, perhaps with a port; 0 is any."""
    if "/" in text:
        return network(text), 0
    return host_port(text, 0)


def network(text: str) -> str:
    """An address or network in CIDR form."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        fix = "no bit may be set behind the prefix" if "host bits" in str(error) else 'write "192.0.2.0/24"'
        raise ValueError(f"{text!r} is not a network", fix) from None


def sip_uri(text: str) -> tuple[str, int, Transport]:
    """Host, port and transport of a SIP URI whose host is an address."""
    rest, transport = _uri(text)
    host, port = host_port(rest, USUAL_PORT[transport or "udp"])
    return host, port, transport or "udp"


def sip_place(text: str) -> tuple[str, int | None, Transport | None]:
    """The same of a URI whose host may be a name; then what it does not say is None, for DNS to say."""
    rest, transport = _uri(text)
    host, colon, port = rest.partition(":")
    if _NAME.fullmatch(host) is None or len(host) > 253:
        return sip_uri(text)
    return host.lower(), _port(port, text) if colon else None, transport


def _uri(text: str) -> tuple[str, Transport | None]:
    """Host and port as written, and the transport if it is said."""
    found = _SIP_URI.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a SIP URI", 'write "sip:user@10.0.0.7:5060"')
    if found["scheme"] == "sips":
        raise ValueError(
            "sips: asks for TLS all the way to whoever is called, which a hotline cannot promise",
            "write sip: and ;transport=tls for TLS to this place",
        )
    transport = None
    for parameter in (found["parameters"] or "").split(";"):
        name, _, value = parameter.partition("=")
        if name.lower() == "transport":
            transport = value.lower()
    if transport is not None and transport not in SERVED:
        raise ValueError(f"transport {transport!r} is not served yet", f"one of {', '.join(SERVED)}; left out: udp")
    return found["rest"], cast(Transport | None, transport)


def port_range(text: str) -> tuple[int, int]:
    """``30000-39999``: room for at least one RTP and RTCP pair."""
    first, dash, last = text.partition("-")
    if not dash or not (first.strip().isdecimal() and last.strip().isdecimal()):
        raise ValueError(f"{text!r} is not a range of ports", 'write "30000-39999"')
    low, high = int(first), int(last)
    if not 1024 <= low < high <= 65535:
        raise ValueError(f"{text!r} is not a range of ports", "from 1024 up to 65535, the first below the last")
    return low, high
