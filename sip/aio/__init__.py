"""The shell of `sip`: sockets and clock. UDP, TCP and TLS; WebSocket will stand beside them."""

from sip.aio.tcp import StreamLimits
from sip.aio.tls import Tls
from sip.aio.udp import SipShell

__all__ = ["SipShell", "StreamLimits", "Tls"]
