"""`acd trace`: whose messages, what is masked, and how it is drawn."""

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from acd.cli.trace import capture, ladder
from acd.live.trace import CALLS, Trace, masked
from sip.endpoint import Hop, Listener
from tests.live.bank import Bank
from tests.live.ear import Ear
from tests.live.harness import EngineProcess
from tests.live.rawsip import RawSip

HEAD = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: one\r\nCSeq: 1 OPTIONS\r\n"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (HEAD + b"Authorization: Digest response=\"secret\",\r\n nc=1\r\nVia: x\r\n\r\n",
         HEAD + b"Authorization: xxxxxx xxxxxxxxxxxxxxxxxx\r\n xxxx\r\nVia: x\r\n\r\n"),
        (HEAD + b"proxy-authorization:secret\r\n\r\n", HEAD + b"proxy-authorization:xxxxxx\r\n\r\n"),
        (HEAD + b"\r\nv=0\r\na=crypto:1 AES inline:KEY|2^20\r\nk=clear:x\r\nm=audio\r\n",
         HEAD + b"\r\nv=0\r\na=crypto:1 AES inline:xxxxxxxx\r\nk=xxxxxxx\r\nm=audio\r\n"),
        (b"INFO sip:a SIP/2.0\r\nCall-ID: one\r\n\r\nSignal= 5\r\nDuration=1\r\n",
         b"INFO sip:a SIP/2.0\r\nCall-ID: one\r\n\r\nSignal= x\r\nDuration=1\r\n"),
        (b"INFO sip:a SIP/2.0\r\nCall-ID: one\r\n\r\n5", b"INFO sip:a SIP/2.0\r\nCall-ID: one\r\n\r\nx"),
    ],
)  # fmt: skip
def test_what_nobody_may_see_is_crossed_out_and_lengths_stay(sent: bytes, shown: bytes) -> None:
    assert masked(sent) == shown
    assert len(sent) == len(shown)


def test_the_messages_of_a_call_and_of_no_other() -> None:
    trace, far = Trace(), Hop("l", "192.0.2.9", 5060)
    trace.began("1-1.0", "one")
    trace.began("1-1.1", "two")
    for now, call_id in enumerate(["one", "other", "two", "one-more"]):
        trace.ring.append((now, call_id == "two", HEAD.replace(b": one", b": " + call_id.encode()) + b"\r\n", far))
    found = trace.messages(trace.ring, trace.legs("1-1"), {"l": Listener("l", "192.0.2.1", 5062)}, 100.0)
    assert [(message["at"], message["leg"], message["from"], message["to"]) for message in found] == [
        (100.0, "1-1.0", "192.0.2.9:5060", "192.0.2.1:5062"),
        (102.0, "1-1.1", "192.0.2.1:5062", "192.0.2.9:5060"),
    ]
    assert trace.legs("1-2") == []
    assert trace.legs("a Call-ID") == [("", "a Call-ID")]


def test_only_the_last_calls_are_known() -> None:
    trace = Trace()
    for n in range(CALLS + 5):
        trace.began(f"1-{n}.0", f"id-{n}")
    assert trace.legs("1-4") == []
    assert trace.legs("1-5") == [("1-5.0", "id-5")]


ENGINE, CARRIER, DESK, DESK_SIDE = "192.0.2.1:5062", "192.0.2.9:5060", "[2001:db8::7]:5070", "[2001:db8::1]:5062"


def _message(source: str, target: str, text: str, *, sent: bool = True) -> dict[str, Any]:
    return {"at": 0.0, "sent": sent, "from": source, "to": target, "text": text}


MESSAGES = [
    _message(CARRIER, ENGINE, "INVITE sip:a SIP/2.0\r\n\r\n", sent=False),
    _message(ENGINE, CARRIER, "SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n"),
    _message(DESK_SIDE, DESK, "BYE sip:b SIP/2.0\r\n\r\n"),
]


def test_a_ladder() -> None:
    assert [line[14:] for line in ladder(MESSAGES)] == [
        "192.0.2.9:5060                  engine                          [2001:db8::7]:5070",
        "|----------- INVITE ----------->|                               |",
        "|<---- 180 Ringing (INVITE) ----|                               |",
        "|                               |------------ BYE ------------->|",
    ]


def test_a_capture_is_one_datagram_for_each_message() -> None:
    data = capture(MESSAGES)
    assert struct.unpack_from("<IHH", data) == (0xA1B2C3D4, 2, 4)
    at, bodies = 24, []
    for version, head in ((4, 20), (4, 20), (6, 40)):
        length = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 : at + 16 + length]
        assert packet[0] >> 4 == version
        if version == 4:
            total = sum(struct.unpack(">10H", packet[:20]))
            assert (total & 0xFFFF) + (total >> 16) == 0xFFFF, "the header's checksum"
        assert struct.unpack_from(">H", packet, head + 4)[0] == length - head
        bodies.append(packet[head + 8 :].decode())
        at += 16 + length
    assert bodies == [message["text"] for message in MESSAGES]
    assert at == len(data)


@pytest.mark.peer
def test_a_call_is_traced_on_both_its_legs_and_its_keys_are_not(tmp_path: Path) -> None:
    bank = Bank(tmp_path, flow='steps: [answer, {menu: {prompts: menu, timeout_s: 20, keys: {"7": [{queue: loans}]}}}]')
    with (
        Ear() as ear, RawSip(bank.caller_port) as trunk, RawSip(bank.agent_port) as phone,
        EngineProcess(tmp_path, bank.text) as engine,
    ):  # fmt: skip
        call = trunk.call(("127.0.0.1", bank.trunk_port), "95588", rtp=ear.port)
        call.connect()
        call.request("INFO", "Signal=7\r\n", lines="Content-Type: application/dtmf-relay\r\n")
        agent = phone.ringing("a1")
        agent.pick_up(phone.sink)
        agent.expect("ACK")
        call.bye()
        engine.wait_idle()
        found = engine.ask("trace", call="1-1")["messages"]
        words = [message["text"].partition("\r\n")[0].partition(" sip:")[0] for message in found]
        assert words.count("INVITE") == 2
        assert words.count("BYE") == 2
        assert {message["leg"] for message in found} == {"1-1.0", "1-1.1"}
        info = next(message["text"] for message in found if message["text"].startswith("INFO"))
        assert info.endswith("Signal=x\r\n")
        assert engine.ask("trace", call="1-99")["messages"] == []
        acd = [sys.executable, "-m", "acd", "trace", "1-1", "--control", str(engine.socket)]
        drawn = subprocess.run(acd, capture_output=True, text=True, check=True, timeout=180).stdout
        assert "INVITE" in drawn
        assert "200 OK (BYE)" in drawn
        told = subprocess.run([*acd, "--json"], capture_output=True, text=True, check=True, timeout=180).stdout
        assert len(json.loads(told)) == len(found)
        none = subprocess.run([*acd[:4], "1-99", *acd[5:]], capture_output=True, text=True, check=False, timeout=180)
        assert none.returncode == 1
        assert "nothing is kept of call 1-99" in none.stderr
