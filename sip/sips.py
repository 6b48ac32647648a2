"""The scheme sips: every hop by TLS, or not at all (RFC 3261 §26.2.2, RFC 5630)."""

from __future__ import annotations

from typing import Final

from sip.message import Request

CIPHERED: Final = ("tls", "wss")


def is_sips(uri: str) -> bool:
    return uri[:5].lower() == "sips:"


def is_secure(request: Request) -> bool:
    """Whether a request that makes a dialog, or a binding, wants our Contact to be sips (§12.1.1): its URI is, or the
    next hop of what we shall send. Raises `SipError` (400)."""
    if is_sips(request.uri):
        return True
    if "sips:" not in (request.first.get("record-route") or request.first.get("contact", "")).lower():
        return False  # nearly always
    following = request.record_routes or request.contacts
    return bool(following) and following[0].uri.scheme == "sips"
