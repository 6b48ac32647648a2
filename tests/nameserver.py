"""A name server on loopback, with a zone that a test writes and may change while it runs."""

from __future__ import annotations

import socket
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset


class NameServer:
    """`zone`: by (name, type) the records as text, such as ``("_sip._udp.a.example", "SRV"): ["1 1 5060 b.example."]``.
    `asked` is what it was asked for, `dumb` makes it say nothing, `failing` SERVFAIL."""

    def __init__(self, zone: dict[tuple[str, str], list[str]], ttl_s: int = 60) -> None:
        self.zone = zone
        self.ttl_s = ttl_s
        self.asked: list[tuple[str, str]] = []
        self.dumb = self.failing = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()
        return host, port

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, address = self._socket.recvfrom(4096)
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if not self.dumb:
                self._socket.sendto(answer, address)

    def _answer(self, query: dns.message.Message) -> bytes:
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query, recursion_available=True)
        if self.failing:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif found := self.zone.get((name, kind)):
            reply.answer.append(dns.rrset.from_text_list(question.name, self.ttl_s, "IN", kind, found))
        elif not any(known == name for known, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()
