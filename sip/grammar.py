"""The few rules of RFC 3261 §25 that everything else is made of: tokens, quoted strings, parameters, lists, numbers.

Every pattern uses possessive quantifiers, so that a failed match never goes back over what it has read: the time is
linear in the text, whatever the text. But a group is never possessive itself: before 3.11.5
(Debian 12 has 3.11.2) Python goes on where one failed half-way as if what was read belonged to it (its issue 106052).
"""

from __future__ import annotations

import re
from typing import TypeAlias

Params: TypeAlias = tuple[tuple[str, str | None], ...]
"""Parameters in order: (name in lower case, value as it was written, quotes included, or None without "=")."""


class SipError(ValueError):
    """The peer's mistake. `status` is the answer it deserves (400, 413, 416, 420, 505 …)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]"
QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*"'
# Beyond the RFC's gen-value, what is met in practice: IPv6 with and without brackets, URIs, base64, "@".
_VALUE = r"[A-Za-z0-9\-.!%*_+`'~:\[\]/@$&=?#|^{}()\x80-\U0010ffff]"

IS_TOKEN = re.compile(rf"{_TOKEN}++").fullmatch
IS_QUOTED = re.compile(QUOTED, re.DOTALL).fullmatch
HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._\-]*+)|\[[0-9A-Fa-f:.]++\])"
"""A host name, an IPv4 address or an IPv6 reference. Whether the address exists is asked where one sends to it: RFC
5118 §4.10 wants one colon too many tolerated."""

_PARAM = re.compile(rf"[ \t]*+;[ \t]*+({_TOKEN}++)[ \t]*+(?:=[ \t]*+({_VALUE}++|{QUOTED})[ \t]*+)?", re.DOTALL)
_STOP = re.compile(r'[",<]')
_QUOTED_PART = re.compile(QUOTED, re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def integer(text: str, low: int, high: int, what: str) -> int:
    """ASCII digits only, within [low, high]; `int` alone would take "1_0", "+5" and other scripts' digits. Raises
    `SipError` (400)."""
    if text.isascii() and text.isdigit():
        if len(text) > 10:
            text = text.lstrip("0")[:11] or "0"  # leading zeros are legal: "CSeq: 0009"; eleven digits are too many
        if low <= (number := int(text)) <= high:
            return number
    raise SipError(400, f"Bad {what}")


def port_number(text: str) -> int:
    """1..65535. Raises `SipError` (400)."""
    return integer(text, 1, 65535, "port")


def quote(text: str) -> str:
    """A quoted-string. CR, LF and NUL cannot be written and become spaces."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\r", " ").replace("\n", " ").replace("\0", " ") + '"'


def unquote(text: str) -> str:
    """The text of a quoted-string; anything else as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _ESCAPED.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]


def badly_escaped(text: str) -> bool:
    """True if some "%" is not followed by two hexadecimal digits."""
    return "%" in text and _BAD_ESCAPE.search(text) is not None


def parse_params(text: str) -> Params:
    """Read ``;a=1;b;c="x"``. Raises `SipError` (400) for anything else, an empty parameter too."""
    if not text:
        return ()
    if text.startswith(";tag=") and text[5:].isalnum():  # every From and To, and the pattern takes three times as long
        return (("tag", text[5:]),)
    params = []
    position, end = 0, len(text)
    while position < end:
        match = _PARAM.match(text, position)
        if match is None:
            if text[position:].strip(" \t"):
                raise SipError(400, "Bad parameter")
            break
        name, value = match.groups()
        params.append((name.lower(), value))
        position = match.end()
    return tuple(params)


def format_params(params: Params) -> str:
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def find_param(params: Params, name: str) -> str | None:
    """The value without quotes; "" for a parameter that has none; None if it is not there."""
    for key, value in params:
        if key == name:
            return "" if value is None else unquote(value)
    return None


def with_param(params: Params, name: str, value: str | None) -> Params:
    """The same with that parameter set, in its place or at the end."""
    if any(key == name for key, _ in params):
        return tuple([(key, value if key == name else old) for key, old in params])
    return (*params, (name, value))


def split_list(value: str) -> list[str]:
    """Split at the commas outside quotes and angle brackets. A quote or bracket that never closes takes the rest."""
    if "," not in value:
        return [value.strip(" \t")]
    if '"' not in value and "<" not in value:
        return [part.strip(" \t") for part in value.split(",")]
    parts = []
    start = position = 0
    while (stop := _STOP.search(value, position)) is not None:
        position = stop.end()
        match stop[0]:
            case ",":
                parts.append(value[start : position - 1].strip(" \t"))
                start = position
            case "<":
                position = value.find(">", position) + 1
            case _:
                quoted = _QUOTED_PART.match(value, position - 1)
                position = quoted.end() if quoted else 0
        if position == 0:
            break
    parts.append(value[start:].strip(" \t"))
    return parts
