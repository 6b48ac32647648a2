"""A SIP telephone for tests, in plain text over a UDP socket: none of our SIP code is in here, so that a mistake of
ours cannot hide itself. It does what a script says, and out of politeness what any telephone would do by itself:
acknowledge a refusal, answer a BYE, a CANCEL, an OPTIONS. A `deaf` call does nothing by itself."""

from __future__ import annotations

import hashlib
import queue
import random
import re
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from tests.live.harness import SOON_S, free_port

HOST: Final = "127.0.0.1"
REASONS: Final = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 480: "Temporarily Unavailable",
                  486: "Busy Here", 487: "Request Terminated", 603: "Decline"}  # fmt: skip


def sdp(port: int, *, codecs: str = "8 0 101", direction: str = "sendrecv", host: str = HOST, version: int = 1) -> str:
    maps = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n" if "101" in codecs.split() else ""
    return (
        f"v=0\r\no=raw 1 {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {codecs}\r\n{maps}a={direction}\r\n"
    )


def media_of(body: str) -> tuple[str, int]:
    """The address that a session description names for audio."""
    host = re.search(r"c=IN IP4 (\S+)", body)
    port = re.search(r"m=audio (\d+)", body)
    assert host, body
    assert port, body
    return host[1], int(port[1])


class Message:
    def __init__(self, data: bytes) -> None:
        self.given = False  # to a script
        head, _, self.body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        self.headers = [(name.strip().lower(), value.strip()) for name, _, value in (li.partition(":") for li in lines)]
        self.status = int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0
        self.method = self["cseq"].split()[-1] if self.status else self.first.split()[0]
        self.word = f"{self.status} {self.method}" if self.status else self.method

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    def lines(self, name: str) -> str:
        return "".join(f"{name}: {value}\r\n" for key, value in self.headers if key == name.lower())

    @property
    def uri(self) -> str:
        return self.first.split()[1]


def tag_of(value: str) -> str:
    found = re.search(r";tag=([^;\s]+)", value)
    return found[1] if found else ""


class Call:
    """One dialog, ours or theirs. What came stands in `got`, in order; `expect` takes from it."""

    def __init__(self, sip: RawSip, call_id: str, remote: tuple[str, int]) -> None:
        self.sip = sip
        self.call_id = call_id
        self.remote = remote
        self.tag = f"{random.getrandbits(40):x}"
        self.deaf = False
        self.invite: Message | None = None  # theirs
        self.local = self.far = self.uri = self._first_far = ""
        self.branch = f"z9hG4bK{random.getrandbits(60):x}"
        self.cseq = 1
        self.got: list[Message] = []
        self.words: list[str] = []
        self.answered = self._decided = False
        self.ended = threading.Event()
        self._news = threading.Condition()

    # ------------------------------------------------------------------------------------------------ listening

    def take(self, message: Message) -> None:
        repeated = any(m.first == message.first and m["via"] == message["via"] and m["cseq"] == message["cseq"]
                       for m in self.got) and message.method != "ACK"  # fmt: skip
        if message.status and message.method == "INVITE" and not (self.answered and message.status < 200):
            self.far = message["to"]  # a ringing that a 200 has overtaken says nothing
        if message.status == 200 and message.method == "INVITE":
            self.answered = True
            self.uri = contact_of(message) or self.uri
        if not self.deaf:
            self._be_polite(message)
        if not repeated:
            with self._news:
                self.got.append(message)
                self.words.append(message.word)
                self._news.notify_all()

    def _be_polite(self, message: Message) -> None:
        if message.method == "BYE" and not message.status:
            self.respond(message, 200)
            self.ended.set()
        elif message.method == "CANCEL" and not message.status:
            self.respond(message, 200)
            if not self.answered and self.invite is not None and self._decide():
                self.respond(self.invite, 487)
        elif message.method == "INVITE" and message.status >= 300:
            self.request("ACK", branch=self.branch, cseq=int(message["cseq"].split()[0]))
            self.ended.set()
        elif message.method == "ACK" and not self.answered:
            self.ended.set()  # of our refusal
        elif message.method == "BYE" and message.status >= 200:
            self.ended.set()
        elif message.method == "OPTIONS" and not message.status:
            self.respond(message, 200)

    def expect(self, *words: str, timeout_s: float = SOON_S) -> Message:
        """The next message that is one of these (``200 INVITE``, ``BYE``), each given once. Raises AssertionError."""
        until = time.monotonic() + timeout_s
        with self._news:
            while True:
                for message in self.got:
                    if message.word in words and not message.given:
                        message.given = True
                        return message
                left = until - time.monotonic()
                assert left > 0, f"{' or '.join(words)} did not come within {timeout_s:g} s; there came {self.words}"
                self._news.wait(left)

    # ------------------------------------------------------------------------------------------------- speaking

    def respond(self, request: Message, status: int, body: str = "", lines: str = "") -> None:
        to = request["to"] if tag_of(request["to"]) or status == 100 else f"{request['to']};tag={self.tag}"
        head = f"SIP/2.0 {status} {REASONS.get(status, 'Something')}\r\n{request.lines('Via')}"
        head += f"From: {request['from']}\r\nTo: {to}\r\nCall-ID: {self.call_id}\r\nCSeq: {request['cseq']}\r\n"
        if request.method == "INVITE" and status < 300:
            head += f"Contact: <sip:{HOST}:{self.sip.port}>\r\n"
        if status == 200 and request.method == "INVITE":
            self.answered = True
        self.sip.send(_whole(head + lines, body), self.remote)

    def ring(self) -> None:
        assert self.invite is not None
        self.respond(self.invite, 180)

    def pick_up(self, rtp: int, codecs: str = "8 0 101", direction: str = "sendrecv") -> bool:
        """200 to their INVITE; the audio goes to our port `rtp`. False: a CANCEL was quicker."""
        assert self.invite is not None
        if decided := self._decide():
            self.respond(self.invite, 200, sdp(rtp, codecs=codecs, direction=direction))
        return decided

    def refuse(self, status: int, lines: str = "") -> None:
        assert self.invite is not None
        if self._decide():
            self.respond(self.invite, status, lines=lines)

    def _decide(self) -> bool:
        """An INVITE has one final answer, whoever gives it."""
        with self._news:
            first, self._decided = not self._decided, True
        return first

    def request(self, method: str, body: str = "", *, branch: str = "", cseq: int = 0, lines: str = "") -> int:
        """A request within the dialog. Returns its CSeq."""
        if not cseq:
            self.cseq += 1
            cseq = self.cseq
        branch = branch or f"z9hG4bK{random.getrandbits(60):x}"
        contact = f"Contact: <sip:{HOST}:{self.sip.port}>\r\n" if method in ("INVITE", "UPDATE") else ""
        head = (
            f"{method} {self.uri} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{self.sip.port};branch={branch}\r\n"
            f"From: {self.local}\r\nTo: {self.far}\r\nCall-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
            f"Max-Forwards: 70\r\n{contact}{lines}"
        )
        self.sip.send(_whole(head, body), self.remote)
        return cseq

    def start(self, body: str, lines: str = "") -> None:
        """Our INVITE."""
        self._first_far = self.far
        self.request("INVITE", body, branch=self.branch, cseq=1, lines=lines)

    def ack(self) -> None:
        """Of the 200 to our INVITE."""
        self.request("ACK", cseq=1)

    def connect(self, timeout_s: float = SOON_S) -> Message:
        """Wait for the 200 to our INVITE and acknowledge it; later copies are too."""
        answer = self.expect("200 INVITE", timeout_s=timeout_s)
        self.ack()
        return answer

    def cancel(self) -> None:
        far, self.far = self.far, self._first_far
        self.request("CANCEL", branch=self.branch, cseq=1)
        self.far = far

    def bye(self, *, wait_s: float = SOON_S, lines: str = "") -> None:
        self.request("BYE", lines=lines)
        if wait_s and not self.deaf:
            assert self.ended.wait(wait_s), f"BYE was not answered; there came {self.words}"

    def reoffer(self, rtp: int, direction: str) -> Message:
        """re-INVITE; returns the answer, acknowledged."""
        cseq = self.request("INVITE", sdp(rtp, direction=direction, version=self.cseq + 1))
        answer = self.expect("200 INVITE", "488 INVITE", "491 INVITE", "500 INVITE")
        self.request("ACK", cseq=cseq)
        return answer


class RawSip:
    """One UDP port and everything that is said over it. `bound`: where it really is, if others know it by `port`."""

    def __init__(self, port: int, bound: int = 0) -> None:
        self.port = port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((HOST, bound or port))
        self.socket.settimeout(0.1)
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # where audio goes that nobody listens to
        self.sink = free_port()
        self.rtp.bind((HOST, self.sink))
        self.calls: dict[str, Call] = {}
        self.arrivals: dict[str, queue.Queue[Call]] = defaultdict(queue.Queue)
        self.deaf_users: set[str] = set()  # their telephones are switched off
        self.on_call: Callable[[Call], None] | None = None
        self.stray: list[Message] = []
        self._news = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self) -> RawSip:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open = False
        self._thread.join()
        self.socket.close()
        self.rtp.close()

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        self.socket.sendto(data, address)

    def _listen(self) -> None:
        while self._open:
            try:
                data, source = self.socket.recvfrom(65535)
            except TimeoutError:
                continue
            try:
                message = Message(data)
            except (IndexError, ValueError):
                continue  # a keep-alive, or the answer to rubbish
            self._take(message, source)

    def _take(self, message: Message, source: tuple[str, int]) -> None:
        call = self.calls.get(message["call-id"])
        if call is not None:
            call.take(message)
            return
        user = "" if message.status else message.uri.removeprefix("sip:").partition("@")[0]
        if user in self.deaf_users:
            return
        if message.method == "INVITE" and not message.status:
            self._arrived(message, source, user)
            return
        if message.method == "OPTIONS" and not message.status:
            Call(self, message["call-id"], source).respond(message, 200)
        with self._news:
            self.stray.append(message)
            self._news.notify_all()

    def _arrived(self, invite: Message, source: tuple[str, int], user: str) -> None:
        call = Call(self, invite["call-id"], source)
        call.invite = invite
        call.local = f"{invite['to']};tag={call.tag}"
        call.far = invite["from"]
        call.uri = contact_of(invite)
        call.take(invite)
        call.cseq = 1000
        self.calls[call.call_id] = call
        if self.on_call is not None:
            self.on_call(call)
        self.arrivals[user].put(call)

    def answer_to(self, call_id: str, timeout_s: float = SOON_S) -> Message:
        """The answer to something that is no call. Raises AssertionError."""
        until = time.monotonic() + timeout_s
        with self._news:
            while True:
                for message in self.stray:
                    if message["call-id"] == call_id and message.status:
                        self.stray.remove(message)
                        return message
                left = until - time.monotonic()
                assert left > 0, f"no answer to {call_id}"
                self._news.wait(left)

    def caught_up(self) -> None:
        """Return when everything is read that came before this."""
        call_id = f"mark-{random.getrandbits(60):x}"
        self.send(_whole(f"SIP/2.0 200 OK\r\nCall-ID: {call_id}\r\nCSeq: 1 MARK\r\n", ""), (HOST, self.port))
        self.answer_to(call_id)

    def call(self, target: tuple[str, int], called: str, *, caller: str = "13800000001", rtp: int = 0,
             body: str | None = None, lines: str = "", name: str = "Caller") -> Call:  # fmt: skip
        """Dial; returns at once."""
        call = Call(self, f"raw-{random.getrandbits(60):x}", target)
        call.uri = f"sip:{called}@{target[0]}:{target[1]}"
        call.local = f'"{name}" <sip:{caller}@{HOST}:{self.port}>;tag={call.tag}'
        call.far = f"<{call.uri}>"
        self.calls[call.call_id] = call
        content = body if body is not None else sdp(rtp or self.sink)
        call.start(content, lines)
        return call

    def ringing(self, user: str, timeout_s: float = SOON_S) -> Call:
        """The next call for this user. Raises AssertionError if none comes."""
        try:
            return self.arrivals[user].get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError(f"{user} was not called within {timeout_s:g} s") from None

    def register(
        self, target: tuple[str, int], user: str, password: str, *, expires: int = 300, lines: str = ""
    ) -> int:
        """REGISTER by MD5 digest; returns the last status."""
        call_id = f"reg-{random.getrandbits(60):x}"
        uri = f"sip:{target[0]}:{target[1]}"
        answer = self._register(target, user, call_id, 1, uri, expires, lines)
        if answer.status != 401:
            return answer.status
        asked = dict(re.findall(r'(\w+)="?([^",]+)"?', answer["www-authenticate"]))
        ha1 = _md5(f"{user}:{asked['realm']}:{password}")
        ha2 = _md5(f"REGISTER:{uri}")
        proof = _md5(f"{ha1}:{asked['nonce']}:00000001:abcd:auth:{ha2}")
        line = (
            f'Authorization: Digest username="{user}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", '
            f'uri="{uri}", algorithm=MD5, qop=auth, nc=00000001, cnonce="abcd", response="{proof}"\r\n'
        )
        return self._register(target, user, call_id, 2, uri, expires, lines + line).status

    def _register(
        self, target: tuple[str, int], user: str, call_id: str, cseq: int, uri: str, expires: int, line: str
    ) -> Message:
        aor = f"<sip:{user}@{target[0]}>"
        branch = f"z9hG4bK{random.getrandbits(60):x}"
        head = (
            f"REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{self.port};branch={branch}\r\n"
            f"From: {aor};tag=r\r\nTo: {aor}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{user}@{HOST}:{self.port}>\r\nExpires: {expires}\r\n{line}"
        )
        self.send(_whole(head, ""), target)
        return self.answer_to(call_id)


def contact_of(message: Message) -> str:
    return message["contact"].partition("<")[2].partition(">")[0]


def _whole(head: str, body: str) -> bytes:
    kind = "Content-Type: application/sdp\r\n" if body and "Content-Type:" not in head else ""
    return f"{head}{kind}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
