"""SRTP between a worker and libsrtp at the other side: what is in clear, foreign or old goes nowhere."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session

from media import rtcp, rtp
from media.audio import save
from media.plane import Crypto, Peer
from media.rtp import FRAME
from media.srtp import Cipher, Unauthentic
from tests.media.phones import (
    Phone,
    bridged,
    counted,
    from_leg,
    listening,
    loudest,
    music,
    pool,
    settled,
    tone,
    unbroken,
)

pytestmark = pytest.mark.usefixtures("relay")
TONES = (400.0, 650.0, 900.0, 1300.0)
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}


class SecurePhone(Phone):
    """A phone whose SRTP is libsrtp's, without any of our code."""

    def __init__(self, suite: str = "AES_CM_128_HMAC_SHA1_80", codec: str = "PCMA") -> None:
        super().__init__(codec)
        self.suite, self.key, self.worker_key = suite, os.urandom(30), os.urandom(30)
        self.outward = Session(Policy(self.key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=SUITES[suite]))
        self.inward = Session(Policy(self.worker_key, Policy.SSRC_ANY_INBOUND, srtp_profile=SUITES[suite]))
        self.wire: list[bytes] = []

    def peer(
        self, *, sends: bool = True, receives: bool = True, latch: tuple[str, ...] = (), address: object = None
    ) -> Peer:
        plain = super().peer(sends=sends, receives=receives, latch=latch, address=address)
        return replace(plain, crypto=Crypto(self.suite, self.worker_key, self.key))

    def raw(self, data: bytes) -> None:
        super().raw(self.outward.protect(data))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.wire.append(data)
        super().datagram_received(self.inward.unprotect(data), addr)


@pytest.mark.parametrize("suite", SUITES)
def test_both_sides_ciphered_hear_each_other_and_the_wire_says_nothing(suite: str) -> None:
    async def scenario() -> None:
        async with (
            pool() as (plane, facts),
            SecurePhone(suite) as caller,
            SecurePhone(suite, "PCMU") as agent,
            bridged(plane, caller, agent, both=True),
        ):
            caller.say(400, 20)
            agent.say(650, 20)
            at_agent, at_caller = await agent.hears(20), await caller.hears(20)
            unbroken(at_agent)
            assert loudest(agent.pcm(at_agent), TONES) == 400
            assert loudest(caller.pcm(at_caller), TONES) == 650
            caller.press("7")
            await facts.until(lambda _: facts.digits() == "7")
            tag = 10 if suite.endswith("80") else 4
            assert {len(data) for data in agent.wire[:20]} == {12 + FRAME + tag}
            plain = {packet.payload for packet in at_agent}
            assert not any(data[12 : 12 + FRAME] in plain for data in agent.wire)

    asyncio.run(scenario())


def test_one_side_ciphered_the_other_in_clear(tmp_path: Path) -> None:
    save(tmp_path / "waiting.wav", tone(900, 25))

    async def scenario() -> None:
        async with pool(prompts=[tmp_path]) as (plane, _), SecurePhone() as caller, Phone() as agent:
            with listening(plane, ("caller", caller), ("agent", agent)):
                plane.hears("caller", music("waiting"))
                assert loudest(caller.pcm(await caller.hears(10)), TONES) == 900
                plane.hears("agent", from_leg("caller"))
                await settled(plane)
                caller.say(400, 10)
                assert loudest(agent.pcm(await agent.hears(10)), TONES) == 400

    asyncio.run(scenario())


def test_clear_packets_foreign_keys_and_replays_are_dropped_and_the_call_goes_on() -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts), SecurePhone() as caller, Phone() as agent, bridged(plane, caller, agent):
            first = bytes(rtp.Packet(8, 500, 0, 0xBEEF, bytes(FRAME)))
            once = caller.outward.protect(first)
            foreign = Session(Policy(os.urandom(30), Policy.SSRC_ANY_OUTBOUND))
            for data in (
                once,
                once,
                first,
                *(foreign.protect(first) for _ in range(1)),
                b"\x80" * 40,
                b"\x80",
                once,
            ):
                Phone.raw(caller, data)
            for n in range(120):
                Phone.raw(caller, bytes(rtp.Packet(101, n, 0, 1, b"\x05\x8a\x03\x20")))  # keys of a stranger
            caller.sequence, caller.timestamp = 501, FRAME
            caller.say(400, 10)
            assert len(await agent.hears(11)) == 11
            await counted(plane, unauthentic=126, errors=0, packets_in=11)
            assert facts.digits() == ""

    asyncio.run(scenario())


def test_keys_stay_through_a_hold_and_new_ones_are_taken() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), SecurePhone() as caller, Phone() as agent, bridged(plane, caller, agent):
            caller.say(400, 3)
            await agent.hears(3)
            plane.set("caller", caller.peer(sends=False))
            plane.set("caller", caller.peer())
            await settled(plane)
            caller.say(400, 3)
            await agent.hears(6)
            caller.key = os.urandom(30)
            caller.outward = Session(Policy(caller.key, Policy.SSRC_ANY_OUTBOUND))
            plane.set("caller", caller.peer())
            await settled(plane)
            caller.say(400, 3)
            await agent.hears(9)
            assert (await settled(plane))["unauthentic"] == 0

    asyncio.run(scenario())


def test_a_latch_needs_the_key() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), SecurePhone() as caller, Phone() as stranger, Phone() as agent:
            with listening(plane, ("caller", caller), ("agent", agent)):
                port = plane.create("roaming", "agents", "agent")
                plane.set("roaming", caller.peer(latch=("127.0.0.0/8",), address=("127.0.0.1", 9)))
                plane.hears("agent", from_leg("roaming"))
                await settled(plane)
                stranger.call(port)
                stranger.say(650, 10)
                await counted(plane, unauthentic=10)
                caller.call(port)
                caller.say(400, 10)
                assert len(await agent.hears(8)) == 8
                plane.delete("roaming")

    asyncio.run(scenario())


def test_a_sequence_number_is_ciphered_once() -> None:
    cipher = Cipher(Crypto("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(range(30))))
    packet = bytes(rtp.Packet(8, 7, 0, 1, bytes(FRAME)))
    cipher.protect(packet)
    with pytest.raises(OSError, match="replay"):
        cipher.protect(packet)


def test_reports_are_ciphered_too() -> None:
    ours, theirs = bytes(30), bytes(range(30))
    one = Cipher(Crypto("AES_CM_128_HMAC_SHA1_32", ours, theirs))
    other = Cipher(Crypto("AES_CM_128_HMAC_SHA1_32", theirs, ours))
    report = rtcp.build(1, b"name", None, None)
    wire = one.protect_rtcp(report)
    assert b"name" not in wire
    assert other.unprotect_rtcp(wire) == report
    with pytest.raises(Unauthentic):
        other.unprotect_rtcp(report)


def test_keys_are_not_shown() -> None:
    assert "41" not in repr(Crypto("AES_CM_128_HMAC_SHA1_80", b"A" * 30, b"A" * 30)).replace("HMAC", "")
    assert "A" * 5 not in repr(Crypto("AES_CM_128_HMAC_SHA1_80", b"A" * 30, b"A" * 30))
