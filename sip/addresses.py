"""Which addresses are ours, what we write of them, and where our messages may go: nowhere that a peer only names."""

from __future__ import annotations

from dataclasses import replace

from sip.dialog import Dialog
from sip.message import SipError
from sip.settings import EndpointSettings, Hop, Listener, Peer
from sip.sources import Trunks, may_send_to
from sip.uri import Uri


class Addresses:
    """Ours and the trunks'."""

    __slots__ = ("_contacts", "_ours", "current", "listeners", "trunks", "vias")

    def __init__(self) -> None:
        self.listeners: dict[str, Listener] = {}  # one that is no longer named lives on in its sessions
        self.current: tuple[Listener, ...] = ()  # those that are
        self.trunks = Trunks(())
        self.vias: dict[str, str] = {}  # by listener: a Via's value up to its branch
        self._contacts: dict[str, str] = {}
        self._ours: set[tuple[str, int]] = set()

    def configure(self, settings: EndpointSettings) -> None:
        """Raises `ValueError` for a peer's source that is neither an address nor a network."""
        self.trust(settings.peers)
        bound = {listener.name: listener.port for listener in self.listeners.values()}
        # Port 0 stands for the one it was bound to.
        listeners = [replace(new, port=new.port or bound.get(new.name, 0)) for new in settings.listeners]
        self.current = tuple(listeners)
        self.listeners.update({listener.name: listener for listener in listeners})
        self._ours = {(listener.advertise, listener.port) for listener in listeners}
        self.vias = {name: _via_prefix(listener) for name, listener in self.listeners.items()}
        self._contacts = {name: _contact_line(listener) for name, listener in self.listeners.items()}

    def trust(self, peers: tuple[Peer, ...]) -> None:
        """The trunks by where their calls come from. Raises `ValueError` as `configure` does."""
        self.trunks = Trunks(peers)

    def own_uri(self, hop: Hop) -> str:
        return f"sip:{_host_port(self.listeners[hop.listener])}"

    def contact_line(self, hop: Hop, user: str = "", *, secure: bool = False) -> str:
        line = self._contacts[hop.listener]
        if secure:
            line = line.replace("<sip:", "<sips:", 1).replace(";transport=tls", "", 1)
        return line.replace("<sip:", f"<sip:{user}@", 1) if user else line

    def next_hop(self, dialog: Dialog, seen: Hop) -> Hop:
        """Where requests within a dialog go, for a peer whose messages come from `seen`: to its route or Contact, if
        that is an address we may send to; a phone that names another address than its own is behind a NAT and is
        answered where it was seen."""
        if seen.transport != "udp":
            return seen
        text = dialog.routes[0] if dialog.routes else dialog.target
        before, found, after = text.partition(f"{seen.host}:{seen.port}")
        if found and before[-1:] in ("@", ":") and not after[:1].isdigit():
            return seen  # nearly always
        try:
            uri = Uri.parse(text[text.find("<") + 1 :].partition(">")[0] if "<" in text else text)
        except SipError:
            return seen
        host, port = uri.address, uri.port or 5060
        trusted = dialog.routes or host == seen.host or self.trunks.find(seen.host, seen.port) is not None
        if not trusted or not may_send_to(host) or (host, port) in self._ours:
            return seen
        return replace(seen, host=host, port=port)

    def is_beside(self, hop: Hop, host: str, port: int) -> bool:
        """Whether an address is that of the peer at `hop`, or another of its trunk."""
        trunk = self.trunks.find(hop.host, hop.port)
        beside = host == hop.host or (trunk is not None and self.trunks.find(host, port) == trunk)
        return beside and may_send_to(host) and (host, port) not in self._ours

    def hop_beside(self, hop: Hop, uri: Uri) -> Hop | None:
        """Where a URI is that the peer at `hop` names in its stead: at its own address, or at another of its
        trunk. None if it is anywhere else."""
        transport = "tls" if uri.scheme == "sips" else (uri.param("transport") or "udp").lower()
        host, port = uri.address, uri.port or (5061 if transport == "tls" else 5060)
        if not self.is_beside(hop, host, port):
            return None
        if transport == hop.transport:
            return replace(hop, host=host, port=port, connection=0)
        network = hop.listener.partition(":")[0]
        for listener in self.current:
            if listener.transport == transport and listener.name.partition(":")[0] == network:
                return Hop(listener.name, host, port, listener.transport)
        return None


def _host_port(listener: Listener) -> str:
    host = f"[{listener.advertise}]" if ":" in listener.advertise else listener.advertise
    return f"{host}:{listener.port}"


def _via_prefix(listener: Listener) -> str:
    return f"SIP/2.0/{listener.transport.upper()} {_host_port(listener)};rport;branch="


def _contact_line(listener: Listener) -> str:
    transport = "" if listener.transport == "udp" else f";transport={listener.transport}"
    return f"Contact: <sip:{_host_port(listener)}{transport}>\r\n"
