"""A call over IPv6, signalling and audio, by raw datagrams."""

import re
import socket
from pathlib import Path

import pytest

from tests.live.bank import Bank
from tests.live.harness import SOON_S, EngineProcess, free_port

pytestmark = pytest.mark.peer

HOST = "::1"


def bound() -> socket.socket:
    found = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    found.settimeout(SOON_S)
    found.bind((HOST, free_port()))
    return found


def test_a_caller_over_ipv6_is_answered_and_hears_the_prompt(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    port = bank.trunk_port
    text = bank.text.replace(f'"udp:127.0.0.1:{port}"', f'"udp:[{HOST}]:{port}"')
    with bound() as sip, bound() as rtp:
        ours = sip.getsockname()[1]
        text = text.replace(f'"127.0.0.1:{bank.caller_port}"', f'"[{HOST}]:{ours}"')

        def say(method: str, cseq: int, to: str, body: str = "") -> None:
            kind = "Content-Type: application/sdp\r\n" if body else ""
            sip.sendto(
                f"{method} sip:95588@[{HOST}]:{port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP [{HOST}]:{ours};branch=z9hG4bK{method}{cseq}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:138@[{HOST}]>;tag=1\r\nTo: <sip:95588@[{HOST}]>{to}\r\nCall-ID: six\r\n"
                f"CSeq: {cseq} {method}\r\nContact: <sip:138@[{HOST}]:{ours}>\r\n{kind}"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode(),
                (HOST, port),
            )

        def final() -> str:
            while (answer := sip.recv(65535).decode()).startswith("SIP/2.0 1"):
                pass
            return answer

        with EngineProcess(tmp_path, text) as engine:
            here = f"IN IP6 {HOST}"
            say("INVITE", 1, "", f"v=0\r\no=- 1 1 {here}\r\ns=-\r\nc={here}\r\nt=0 0\r\n"
                f"m=audio {rtp.getsockname()[1]} RTP/AVP 8 101\r\n")  # fmt: skip
            answer = final()
            assert answer.startswith("SIP/2.0 200 ")
            assert f"\r\nc={here}\r\n" in answer
            assert f"\r\nContact: <sip:[{HOST}]:{port}>\r\n" in answer
            audio = re.search(r"m=audio (\d+)", answer)
            tag = re.search(r"\r\nTo: .*(;tag=\S+)", answer)
            assert audio is not None
            assert tag is not None
            say("ACK", 1, tag[1])
            data, source = rtp.recvfrom(2048)
            assert (source[0], source[1], data[1] & 127) == (HOST, int(audio[1]), 8)
            say("BYE", 2, tag[1])
            assert final().startswith("SIP/2.0 200 ")
            engine.wait_idle()
            assert engine.last_record()["caller"] == "138"
