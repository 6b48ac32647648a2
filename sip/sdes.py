"""SRTP keys in session descriptions (SDES, RFC 4568): a=crypto lines, and what an exchange of them comes to."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")  # of SRTP, in our offers in this order
KEY_BYTES = 30  # master key and salt of both (RFC 4568 §6.2)


@dataclass(slots=True, frozen=True)
class Crypto:
    """A key of its writer for what he sends: one a=crypto line (RFC 4568 §4). The key is never shown."""

    tag: int
    suite: str
    key: bytes = field(repr=False)


@dataclass(slots=True, frozen=True)
class Keys:
    """What an exchange of a=crypto came to."""

    suite: str
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)


def read(text: str) -> list[Crypto]:
    """The line if we can do what it says: a known suite, one key without MKI, no session parameter but WSH, which is
    only a hint, and those marked with - (RFC 4568 §6.3.7). Any other line is as if it were not there (§7.1.2)."""
    tag, suite, key, *rest = (*text.split(), "", "", "")
    method, _, info = key.partition(":")
    salted, *more = info.split("|")  # a lifetime may follow: no call of ours reaches it
    if suite not in SUITES or method != "inline" or any(":" in one for one in more):
        return []
    if not (len(tag) <= 9 and tag.isascii() and tag.isdigit()):
        return []
    if any(one and not one.startswith(("-", "WSH=")) for one in rest):
        return []
    try:
        secret = b64decode(salted, validate=True)
    except (Base64Error, ValueError):
        return []
    return [Crypto(int(tag), suite, secret)] if len(secret) == KEY_BYTES else []


def write(crypto: Crypto) -> str:
    """Its line."""
    return f"a=crypto:{crypto.tag} {crypto.suite} inline:{b64encode(crypto.key).decode()}"


def agreed(ours: tuple[Crypto, ...], theirs: tuple[Crypto, ...]) -> Keys | None:
    """They take one of our lines, under its tag and suite, with a key of their own (RFC 4568 §7.1.3); None if not."""
    for line in ours:
        if len(theirs) == 1 and (line.tag, line.suite) == (theirs[0].tag, theirs[0].suite):
            return Keys(line.suite, line.key, theirs[0].key)
    return None
