"""SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966); any other scheme is kept as opaque text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote as unescape

from sip.grammar import HOST, Params, SipError, badly_escaped, find_param, port_number

_USER = r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%#]"  # "#" is not in the RFC's set, but phones dial it
_PASSWORD = r"[A-Za-z0-9\-_.!~*'()&=+$,%]"
_PARAM = r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]"
_SIP = re.compile(
    rf"([Ss][Ii][Pp][Ss]?):(?:({_USER}++)(?::({_PASSWORD}*+))?@)?({HOST})(?::([0-9]++))?"
    rf"((?:;{_PARAM}++(?:={_PARAM}*+)?)*)(?:\?([^\s<>\"]++))?"
).fullmatch
_TEL = re.compile(rf"([Tt][Ee][Ll]):(\+?[0-9A-Fa-f*#\-.()]++)((?:;{_PARAM}++(?:={_PARAM}*+)?)*)").fullmatch
_OTHER = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*+):([^\s<>\"]++)").fullmatch


class Uri(NamedTuple):
    """A URI in its parts, escapes kept as written. For ``tel`` the number is `user`; for an unknown scheme `user` is
    all that follows the colon; `host` is then empty."""

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    params: Params = ()
    headers: str = ""  # what follows "?", never acted upon
    password: str | None = None

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Raises `SipError` (400)."""
        return _known(text) if len(text) <= 128 else _parse(text)

    def __str__(self) -> str:
        params = "".join([f";{name}" if value is None else f";{name}={value}" for name, value in self.params])
        if not self.host:
            return f"{self.scheme}:{self.user}{params}"
        password = "" if self.password is None else f":{self.password}"
        user = "" if self.user is None else f"{self.user}{password}@"
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{params}{headers}"

    def param(self, name: str) -> str | None:
        """Its value; "" for a parameter without one; None if it is not there."""
        return find_param(self.params, name)

    @property
    def number(self) -> str:
        """The user part with its escapes decoded once, and without parameters of its own: what was dialled."""
        return unescape((self.user or "").partition(";")[0], errors="replace")

    @property
    def address(self) -> str:
        """The host without the brackets of an IPv6 reference."""
        return self.host[1:-1] if self.host.startswith("[") else self.host

    @property
    def aor(self) -> str:
        """The address of record as the registrar compares it (RFC 3261 §10.3): scheme, user and host, unescaped where
        an escape means nothing, no port, no parameters."""
        user = "" if self.user is None else f"{normal_escapes(self.user)}@"
        return f"{self.scheme}:{user}{self.host.lower()}"

    def same_as(self, other: Uri) -> bool:
        """Equal by RFC 3261 §19.1.4."""
        if (self.scheme, self.host.lower(), self.port) != (other.scheme, other.host.lower(), other.port):
            return False
        if (self.user is None) != (other.user is None) or self.password != other.password:
            return False
        if normal_escapes(self.user or "") != normal_escapes(other.user or ""):
            return False
        mine, theirs = _comparable(self.params), _comparable(other.params)
        if any(mine.get(name) != theirs.get(name) for name in ("transport", "user", "ttl", "method", "maddr")):
            return False
        if any(mine[name] != theirs[name] for name in mine.keys() & theirs.keys()):
            return False
        return sorted(self.headers.split("&")) == sorted(other.headers.split("&"))


def _parse(text: str) -> Uri:
    match = _SIP(text)
    if match is None:
        return _parse_other(text)
    scheme, user, password, host, port, params, headers = match.groups()
    if "%" in text and badly_escaped(text):
        raise SipError(400, "Bad escape in URI")
    number = None if port is None else port_number(port)
    return Uri(scheme.lower(), user, host, number, _params(params) if params else (), headers or "", password)


_known = lru_cache(maxsize=2048)(_parse)  # the hotline's number and the agents' contacts come in every call


def _parse_other(text: str) -> Uri:
    if match := _TEL(text):
        return Uri("tel", match[2], "", params=_params(match[3]))
    match = _OTHER(text)
    if match is None or match[1].lower() in ("sip", "sips", "tel"):
        raise SipError(400, "Bad URI")
    return Uri(match[1].lower(), match[2], "")


_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


def normal_escapes(text: str) -> str:
    """Escapes of unreserved characters decoded, the others in upper case; nothing is decoded twice."""
    if "%" not in text:
        return text

    def plain(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if char in _UNRESERVED else match[0].upper()

    return _ESCAPE.sub(plain, text)


def _params(text: str) -> Params:
    if not text:
        return ()
    params = []
    for part in text[1:].split(";"):
        name, equals, value = part.partition("=")
        params.append((normal_escapes(name).lower(), value if equals else None))
    return tuple(params)


def _comparable(params: Params) -> dict[str, str]:
    return {name: normal_escapes(value or "").lower() for name, value in params}
