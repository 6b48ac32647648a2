"""SRTP and SRTCP of one leg (RFC 3711), by libsrtp: the extra `[srtp]`. Keys come from SDES (RFC 4568)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from media.loop import Address

if TYPE_CHECKING:
    from media.plane import Crypto

TAG_BYTES: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4}  # of authentication, by suite

SIGNATURE: Final = "srtp_err_status_t(*)(struct srtp_ctx_t_ *, void *, int *)"  # what `_relay.c` calls


class SrtpMissing(RuntimeError):
    """The library is not installed: says what to install."""


class Unauthentic(ValueError):
    """Not made with the agreed key, a replay, or no SRTP at all."""


class Cipher:
    """Both directions of a leg. Raises `SrtpMissing` when made without the library."""

    __slots__ = ("_error", "_inward", "_outward", "crypto", "opener", "sealer")

    def __init__(self, crypto: Crypto) -> None:
        try:
            from pylibsrtp import Error, Policy, Session
        except ImportError:
            raise SrtpMissing("SRTP needs: pip install 'hotline-acd[srtp]'") from None
        profile = {
            "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
            "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
        }[crypto.suite]
        self.crypto = crypto
        self._error = Error
        self._outward = Session(Policy(crypto.ours, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        self._inward = Session(Policy(crypto.theirs, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        self.opener = _address("srtp_unprotect", self._inward)
        self.sealer = _address("srtp_protect", self._outward)

    def protect(self, packet: bytes) -> bytes:
        """Raises OSError for a sequence number already used (a key stream serves once) and for a packet too long."""
        try:
            return self._outward.protect(packet)
        except (self._error, ValueError) as error:
            raise OSError(str(error)) from None

    def unprotect(self, packet: bytes) -> bytes:
        """Raises `Unauthentic`."""
        try:
            return self._inward.unprotect(packet)
        except (self._error, ValueError) as error:
            raise Unauthentic(str(error)) from None

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Raises OSError."""
        try:
            return self._outward.protect_rtcp(packet)
        except self._error as error:
            raise OSError(str(error)) from None

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """Raises `Unauthentic`."""
        try:
            return self._inward.unprotect_rtcp(packet)
        except (self._error, ValueError) as error:
            raise Unauthentic(str(error)) from None


def _address(function: str, session: Any) -> Address | None:
    """Where libsrtp's function and the session lie, for C to call; None if this pylibsrtp is not as we know it."""
    try:
        from pylibsrtp._binding import ffi, lib

        called = ffi.addressof(lib, function)
        if ffi.typeof(called).cname != SIGNATURE:
            return None
        return int(ffi.cast("uintptr_t", called)), int(ffi.cast("uintptr_t", session._srtp[0]))
    except (ImportError, AttributeError):
        return None
