"""What reading and writing SIP costs: ``python -m benchmarks.sip [--json]``.

Microseconds of CPU for an 854-octet INVITE with SDP, over 3,000 different: caller, tag, branch, Call-ID, port and SDP
session differ, more than a cache of ours holds; the trunk, its codecs and the number called do not, as in life. Then
the seven messages of a call, and a call between two endpoints. Beside it, on the same messages in the same run, a bare
floor in plain Python that checks nothing, sipmessage and sippy (`make bench` installs them, or `pip install -e
.[bench]`); what is not installed is said so.

All rows take turns, and of each slice of the messages the quickest of many rounds counts: on a busy machine too the
figures of one run can be set beside each other.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from random import Random
from time import process_time_ns
from typing import Any

from benchmarks.machine import describe
from benchmarks.sip_calls import MESSAGES, Pair
from sip import negotiation, sdp
from sip.auth import Authenticator, answer
from sip.building import ALLOW, SDP, Outline, Reply, request_of
from sip.endpoint import Hop, Session
from sip.headers import tag_of
from sip.message import Message, Request, SipError
from sip.parsing import parse
from sip.vias import branch_of, top_via

SIZE = 854
ROUNDS = 15
SLICE = 60  # messages: short enough to be left alone in one of the rounds
HOP = Hop("l", "192.0.2.7", 5060)
HOSTILE = ['"', ",", " ", "<", ">", "\\", ";", '\\"', '","']

BODY = (
    "v=0\r\no=- {session} 1 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
HEAD = (
    "INVITE sip:95588@203.0.113.10:5060 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{branch:016x};rport\r\n"
    "Max-Forwards: 70\r\n"
    'From: "Zhang Wei" <sip:138{caller:08d}@192.0.2.7>;tag={tag:010d}\r\n'
    "To: <sip:95588@203.0.113.10>\r\n"
    "Call-ID: {call:022x}@192.0.2.7\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Contact: <sip:138{caller:08d}@192.0.2.7:5060>\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n"
    "Supported: timer, 100rel, replaces\r\n"
    "User-Agent: {agent}\r\n"
    "P-Asserted-Identity: <sip:138{caller:08d}@192.0.2.7>\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: {length}\r\n\r\n"
)


@dataclass(frozen=True)
class Work:
    name: str
    action: Callable[[Any], object]
    inputs: Sequence[Any]
    aim: str = ""
    note: str = ""


@dataclass(frozen=True)
class Row:
    name: str
    us: float | None
    ratio: float | None = None  # to the floor
    aim: str = ""
    note: str = ""


def invites(count: int = 3_000) -> list[bytes]:
    random = Random(1)
    messages = []
    for index in range(count):
        body = BODY.format(session=random.randrange(10_000, 100_000), port=20_000 + 2 * index)
        fields = {
            "branch": random.getrandbits(64),
            "caller": random.randrange(10**8),
            "tag": random.randrange(10**10),
            "call": random.getrandbits(88),
            "length": len(body),
        }
        short = HEAD.format(agent="", **fields) + body
        messages.append((HEAD.format(agent="x" * (SIZE - len(short)), **fields) + body).encode())
    assert {len(message) for message in messages} == {SIZE}
    return messages


def costs(works: Iterable[Work], rounds: int = ROUNDS) -> dict[str, float]:
    """Microseconds of CPU per input of each: the sum over slices of what the quickest round took."""
    quickest: dict[str, list[int]] = {}
    for _ in range(rounds):
        for work in works:
            taken = []
            for start in range(0, len(work.inputs), SLICE):
                part = work.inputs[start : start + SLICE]
                begun = process_time_ns()
                for one in part:
                    work.action(one)
                taken.append(process_time_ns() - begun)
            quickest[work.name] = [*map(min, taken, quickest.get(work.name, taken))]
    return {work.name: sum(quickest[work.name]) / len(work.inputs) / 1000 for work in works}


def bare(data: bytes) -> object:
    """The floor: split, the five headers that routing needs, and of the SDP c=, m= and a=; nothing is checked."""
    head, _, body = data.partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    method, uri, _ = start.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    branch = headers["via"].partition(";branch=")[2].partition(";")[0]
    number, _, of = headers["cseq"].partition(" ")
    tags = headers["from"].partition(";tag=")[2], headers["to"].partition(";tag=")[2]
    address, port, formats, attributes = "", "0", [""], []
    for line in body.decode().split("\r\n"):
        if line.startswith("m="):
            _, port, _, *formats = line.split(" ")
        elif line.startswith("c="):
            address = line.rpartition(" ")[2]
        elif line.startswith("a="):
            attributes.append(line[2:].partition(":"))
    return method, uri, branch, int(number), of, tags, headers["call-id"], address, int(port), formats, attributes


def route(data: bytes) -> Message:
    """What an endpoint needs to find transaction, dialog and destination, and for the way back of the answers."""
    message = parse(data)
    message.cseq  # noqa: B018 - reading is the work
    message.call_id  # noqa: B018
    tag_of(message.get("from") or "")
    tag_of(message.get("to") or "")
    if isinstance(message, Request):
        top_via(message, HOP)
        message.parsed_uri  # noqa: B018
    else:
        branch_of(message)
    return message


def validated(data: bytes) -> Message:
    message = parse(data)
    message.validate()
    return message


def ours(messages: list[bytes]) -> list[Work]:
    read = [parse(data) for data in messages]
    requests = [message for message in read if isinstance(message, Request)]
    bodies = [message.body for message in read]
    of_call = recorded_calls(400)
    auth = Authenticator("bank", bytes(32))
    challenge = auth.challenges(("MD5",), "h", 0.0)
    claims = [
        answer(challenge, "u", "p", "REGISTER", "sip:bank", cnonce="c", nc=n) or ""
        for n in range(1, len(messages) * ROUNDS + 1)
    ]
    unused = iter(claims)
    return [
        Work("floor: split, route, read the SDP", bare, messages),
        Work("split", parse, messages),
        Work("split, route", route, messages),
        Work("read the SDP", sdp.parse, bodies),
        Work("split, route, read the SDP", lambda data: sdp.parse(route(data).body), messages, "≤ 14"),
        Work("split, validate", validated, messages, "≤ 40"),
        Work("split, validate, read the SDP", lambda data: sdp.parse(validated(data).body), messages),
        Work("build an INVITE", lambda body: request_of(OUTLINE, "INVITE", f"{LINES}{SDP}", body), bodies),
        Work("build its 200", answered, requests),
        Work("answer its SDP", answer_sdp, [sdp.parse(body) for body in bodies]),
        Work("check a digest (MD5)", lambda _: check(auth, next(unused)), messages),
        Work("the 7 messages of a call: split, route", lambda call: [*map(route, call)], of_call),
        Work("a call between two endpoints, both", PairOfEndpoints().call, range(400)),
    ]


OUTLINE = Outline(
    "sip:95588@203.0.113.10:5060", "SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK1f0c6a8e20b4d7935511", "", "",
    "<sip:13800000000@192.0.2.7>;tag=1f0c6a8e20b4d793", "<sip:95588@203.0.113.10>", "1f0c6a8e20b4d7935511@192.0.2.7", 1,
)  # fmt: skip
LINES = f"Contact: <sip:13800000000@192.0.2.7:5060>\r\n{ALLOW}Supported: timer\r\nUser-Agent: hotline\r\n"


def answered(request: Request) -> bytes:
    stamped = top_via(request, HOP).stamped
    return Reply(request, stamped, f"{request.get('To')};tag=t").to_bytes(200, f"{LINES}{SDP}", BODY.encode())


class PairOfEndpoints(Pair):
    """Each call begun, answered and ended, at 100 a second."""

    def call(self, number: int) -> Session:
        session = super().call(number)
        session.end()
        self.run()
        self.pass_time(0.01)
        return session


def recorded_calls(count: int) -> list[list[bytes]]:
    """The messages that reach either end, call by call."""
    pair = PairOfEndpoints()
    calls = []
    for number in range(count):
        heard: deque[tuple[float, bool, bytes, Hop]] = deque()
        pair.caller.trace = pair.callee.trace = heard
        pair.call(number)
        calls.append([data for _, sent, data, _ in heard if not sent])
    assert {len(call) for call in calls} == {MESSAGES}
    return calls


def answer_sdp(theirs: sdp.Description) -> bytes:
    return negotiation.answer(theirs, "203.0.113.10", 40_000, (sdp.PCMA,), session_id=1)[0]


class _Account:
    password = "p"
    ha1: dict[str, str] = {}  # noqa: RUF012 - a stand-in


def check(auth: Authenticator, value: str) -> object:
    return auth.check([value], "REGISTER", "sip:bank", "h", 0.0, ("MD5",), lambda user: _Account())


def hostile() -> Row:
    """The slowest of 30 kB of one character in any header we read, the line limit notwithstanding."""
    worst, culprit = 0.0, ""
    for piece in HOSTILE:
        text = piece * (30_000 // len(piece))
        for name in ("Via", "From", "Contact", "CSeq", "Route", "Content-Type"):
            message = Request("INVITE", "sip:a@b")
            message.add(name.lower(), text)
            begun = process_time_ns()
            try:
                message.all(name)
                for read in ("via", "from_", "contacts", "cseq", "routes", "content_type"):
                    getattr(message, read)
            except SipError:
                pass
            spent = (process_time_ns() - begun) / 1000
            if spent > worst:
                worst, culprit = spent, f"{name} of {piece!r}"
    return Row("30 kB of one character, worst", worst, None, "≤ 100000", culprit)


def theirs(messages: list[bytes]) -> tuple[list[Work], list[str]]:
    """And the names of what is not installed."""
    works, missing = [], []
    for name, bench in (("sipmessage", sipmessage), ("sippy", sippy)):
        try:
            works += bench(messages[:500])
        except ImportError:
            missing.append(name)
    return works, missing


def sipmessage(messages: list[bytes]) -> list[Work]:
    module: Any = importlib.import_module("sipmessage")

    def read(data: bytes) -> object:
        message = module.Message.parse(data)
        return message.via, message.cseq, message.call_id, message.from_address, message.to_address

    parsed = [module.Message.parse(data) for data in messages]
    note = f"{module.__version__}; reads no SDP"
    return [Work("sipmessage: split, route", read, messages, note=note), Work("sipmessage: build", bytes, parsed)]


def sippy(messages: list[bytes]) -> list[Work]:
    request: Any = importlib.import_module("sippy.SipRequest").SipRequest
    texts = [data.decode() for data in messages]

    def read(text: str) -> Any:
        message = request(text)
        message.getHFBody("via").getBranch()
        message.getHFBody("cseq").getCSeq()
        message.getHFBody("from").getTag()
        message.getHFBody("to").getTag()
        return message

    def with_sdp(text: str) -> None:
        body = read(text).getBody()
        body.parse()

    parsed = [read(text) for text in texts[:100]]
    return [
        Work("sippy: split, route", read, texts),
        Work("sippy: split, route, read the SDP", with_sdp, texts),
        Work("sippy: build", str, parsed),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    messages = invites()
    gc.collect()
    gc.freeze()
    others, missing = theirs(messages)
    works = [*ours(messages), *others]
    figures = costs(works)
    floor = figures[works[0].name]
    rows = [Row(one.name, figures[one.name], figures[one.name] / floor, one.aim, one.note) for one in works]
    rows += [hostile(), *[Row(name, None, note="not installed: pip install -e .[bench]") for name in missing]]
    if arguments.json:
        print(json.dumps({"machine": describe(), "octets": SIZE, "rows": [asdict(row) for row in rows]}, indent=1))
        return
    print(f"{describe()}\n{SIZE}-octet INVITE, µs of CPU, quickest of {ROUNDS} rounds; ×: the floor\n")
    for row in rows:
        figure = "–" if row.us is None else f"{row.us:.1f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} ×"
        print(f"{row.name:40} {figure:>9} {ratio:>8}  {row.aim:9} {row.note}".rstrip())


if __name__ == "__main__":
    main()
