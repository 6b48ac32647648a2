"""What reading and writing SIP costs: ``python -m benchmarks.sip [--json]``.

Microseconds of CPU for an 854-octet INVITE with SDP, best of many rounds over 3,000 different: caller, tag, branch,
Call-ID, port and SDP session differ, more than a cache of ours holds; the trunk, its codecs and the number called do
not, as in life. Beside it, on the same messages in the same run, sipmessage and sippy (`pip install -e .[bench]`); what
is not installed is said so.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from time import process_time_ns
from typing import Any, TypeVar

from benchmarks.machine import describe
from sip import sdp
from sip.auth import Authenticator, answer
from sip.headers import tag_of
from sip.message import Message, Request, SipError, build_request, parse, response_to

_T = TypeVar("_T")
SIZE = 854
ROUNDS = 15
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
class Row:
    name: str
    us: float | None
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


def cost(action: Callable[[_T], object], inputs: Sequence[_T], rounds: int = ROUNDS) -> float:
    """Microseconds of CPU per input, in the best round."""
    best = float("inf")
    for _ in range(rounds):
        begun = process_time_ns()
        for one in inputs:
            action(one)
        best = min(best, process_time_ns() - begun)
    return best / len(inputs) / 1000


def route(data: bytes) -> Message:
    """What finding transaction, dialog and destination needs."""
    message = parse(data)
    message.via  # noqa: B018 - reading is the work
    message.cseq  # noqa: B018
    message.call_id  # noqa: B018
    tag_of(message.get("from") or "")
    tag_of(message.get("to") or "")
    if isinstance(message, Request):
        message.parsed_uri  # noqa: B018
    return message


def validated(data: bytes) -> Message:
    message = parse(data)
    message.validate()
    return message


def ours(messages: list[bytes]) -> list[Row]:
    read = [parse(data) for data in messages]
    requests = [message for message in read if isinstance(message, Request)]
    drafts = [[pair for pair in message.headers if pair[0] != "Content-Length"] for message in read]
    bodies = [message.body for message in read]
    auth = Authenticator("bank", bytes(32))
    challenge = auth.challenges(("MD5",), "h", 0.0)
    claims = [
        answer(challenge, "u", "p", "REGISTER", "sip:bank", cnonce="c", nc=n) or "" for n in range(1, len(messages) + 1)
    ]
    return [
        Row("split", cost(parse, messages)),
        Row("split, route", cost(route, messages)),
        Row("read the SDP", cost(sdp.parse, bodies)),
        Row("split, route, read the SDP", cost(lambda data: sdp.parse(route(data).body), messages), "≤ 14"),
        Row("split, validate", cost(validated, messages), "≤ 40"),
        Row("split, validate, read the SDP", cost(lambda data: sdp.parse(validated(data).body), messages)),
        Row("build an INVITE", cost(lambda d: build_request("INVITE", "sip:95588@203.0.113.10", d, bodies[0]), drafts)),
        Row("build its 200", cost(lambda request: response_to(request, 200, to_tag="t").to_bytes(), requests)),
        Row("answer its SDP", cost(answer_sdp, [sdp.parse(body) for body in bodies])),
        Row("check a digest (MD5)", cost(lambda value: check(auth, value), claims, 1)),
    ]


def answer_sdp(theirs: sdp.Description) -> bytes:
    return sdp.answer(theirs, "203.0.113.10", 40_000, (sdp.PCMA,), session_id=1)[0]


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
            message = Request("INVITE", "sip:a@b", [(name, text)])
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
    return Row("30 kB of one character, worst", worst, "≤ 100000", culprit)


def theirs(messages: list[bytes]) -> list[Row]:
    rows = []
    for name, bench in (("sipmessage", sipmessage), ("sippy", sippy)):
        try:
            rows += bench(messages)
        except ImportError:
            rows.append(Row(name, None, note="not installed: pip install -e .[bench]"))
    return rows


def sipmessage(messages: list[bytes]) -> list[Row]:
    module: Any = importlib.import_module("sipmessage")

    def read(data: bytes) -> object:
        message = module.Message.parse(data)
        return message.via, message.cseq, message.call_id, message.from_address, message.to_address

    parsed = [module.Message.parse(data) for data in messages[:500]]
    note = f"{module.__version__}; reads no SDP"
    return [
        Row("sipmessage: split, route", cost(read, messages[:500], 5), note=note),
        Row("sipmessage: build", cost(bytes, parsed[:500], 5)),
    ]


def sippy(messages: list[bytes]) -> list[Row]:
    request: Any = importlib.import_module("sippy.SipRequest").SipRequest
    texts = [data.decode() for data in messages[:500]]

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
        Row("sippy: split, route", cost(read, texts, 3)),
        Row("sippy: split, route, read the SDP", cost(with_sdp, texts, 3)),
        Row("sippy: build", cost(str, parsed, 3)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    messages = invites()
    gc.collect()
    gc.freeze()
    rows = [*ours(messages), hostile(), *theirs(messages)]
    if arguments.json:
        figures = {row.name: {"us": row.us, "aim": row.aim, "note": row.note} for row in rows}
        print(json.dumps({"machine": describe(), "octets": SIZE, "figures": figures}, ensure_ascii=False, indent=1))
        return
    print(f"{describe()}\n{SIZE}-octet INVITE, µs of CPU, best of {ROUNDS} rounds of {len(messages)}\n")
    for row in rows:
        figure = "–" if row.us is None else f"{row.us:.1f}"
        print(f"{row.name:36} {figure:>9}  {row.aim:9} {row.note}".rstrip())


if __name__ == "__main__":
    main()
