"""The shell of `sip`: sockets and clock. UDP now; TCP, TLS and WebSocket will stand beside it."""

from sip.aio.udp import SipShell

__all__ = ["SipShell"]
