"""Where a 3xx to an INVITE of ours sends us (RFC 3261 §8.1.3.4), if we go there: whoever redirects a call decides who
is called and who pays, so it may only name another address of its own or of the same trunk, and whom our owner lets it
name."""

from __future__ import annotations

from collections.abc import Collection

from sip.grammar import SipError
from sip.headers import NameAddr
from sip.message import Response
from sip.sips import is_sips
from sip.uri import Uri

MAX_REDIRECTS = 5
MOST_CONTACTS = 8  # of one 3xx that are looked at
LOOK_UP_S = 6.0  # for a Contact that is a name: as long as nobody says where that is


class Redirect:
    """A 3xx, and its contacts that have not been looked at."""

    __slots__ = ("_contacts", "response")

    def __init__(self, response: Response) -> None:
        self.response = response
        try:
            self._contacts = sorted(response.contacts, key=_q, reverse=True)[:MOST_CONTACTS]
        except SipError:
            self._contacts = []

    def next(self, asked: str, seen: Collection[str]) -> Uri | None:
        """The best that is left and was not tried; instead of sips only sips will do (RFC 5630 §5.1.4)."""
        while self._contacts:
            uri = self._contacts.pop(0).uri._replace(headers="")
            if uri.scheme in (("sips",) if is_sips(asked) else ("sip", "sips")) and str(uri) not in seen:
                return uri
        return None


def _q(contact: NameAddr) -> float:
    try:
        return float(contact.param("q") or "1")
    except ValueError:
        return 0.0
