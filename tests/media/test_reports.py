"""RTCP of a real worker with raw sockets, how a leg sounds, and who may say something about it."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from media import rtcp
from media.plane import LostFact, QualityFact
from media.rtcp import Block, Report
from media.rtp import WORD
from tests.media.phones import PATIENCE_S, Facts, Phone, counted, from_leg, listening, pool, settled
from tests.media.test_srtp import SecurePhone

pytestmark = pytest.mark.usefixtures("relay")


class Desk:
    """Where a phone takes RTCP and says it from: a plain socket."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]

    async def reads(self) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.get_running_loop().sock_recv(self.socket, 2048)

    def says(self, data: bytes, port: int) -> None:
        self.socket.sendto(data, ("127.0.0.1", port))


@asynccontextmanager
async def desks(count: int) -> AsyncIterator[list[Desk]]:
    made = [Desk() for _ in range(count)]
    yield made
    for desk in made:
        desk.socket.close()


def report(data: bytes) -> Report:
    found = rtcp.parse(data)
    assert found is not None
    return found


async def told(facts: Facts, leg: str, **figures: object) -> QualityFact:
    """The first time that the leg's quality has these figures."""

    def found() -> list[QualityFact]:
        return [
            fact
            for fact in facts.qualities
            if fact.leg == leg and all(getattr(fact, name) == value for name, value in figures.items())
        ]

    await facts.until(lambda _: bool(found()))
    return found()[0]


def test_reports_go_both_ways_each_legs_own_and_strangers_say_nothing() -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts), Phone() as caller, Phone() as agent, desks(2) as (desk, stranger):
            port = plane.create("caller", "agents")
            plane.set("caller", replace(caller.peer(), rtcp_port=desk.port))
            caller.call(port)
            agent.call(plane.create("agent", "agents", "caller"))
            plane.set("agent", agent.peer())
            plane.hears("caller", from_leg("agent"))
            plane.hears("agent", from_leg("caller"))
            await settled(plane)
            agent.say(650, 30)
            first = caller.sequence
            for n in range(40):
                if n % 4 == 3:
                    caller.sequence += 1  # every fifth of 50 is lost
                caller.say(400, 1)
            await caller.hears(30)
            ssrc = caller.packets[0].ssrc
            sent = highest = lost = 0
            while (sent, highest) != (30, caller.sequence - 1):  # a report may be due before all is said
                data = await desk.reads()
                assert report(data).ssrc == ssrc
                if data[1] == rtcp.SR:
                    said, sent = report(data), int.from_bytes(data[20:24], "big")
                    assert int.from_bytes(data[24:28], "big") == sent * 160, "octets"
                for block in report(data).blocks:
                    assert block.ssrc == caller.ssrc
                    expected = block.highest - (highest or first - 1)
                    if expected:
                        assert block.fraction == pytest.approx((block.lost - lost) / expected, abs=0.01)
                    highest, lost = block.highest, block.lost
            assert lost == 10

            lie = rtcp.build(caller.ssrc, b"x", None, Block(ssrc, 1.0, 30, 0, 8000), bye=True)
            stranger.says(lie, port.port + 1)  # not from where the caller's reports come
            stranger.says(lie, port.port)
            await settled(plane)
            assert said.sent
            answered_at = time.time()
            delay = (rtcp.middle(answered_at) - said.sent - rtcp.SHORT // 20) & WORD  # all but 50 ms was its own
            desk.says(rtcp.build(caller.ssrc, b"x", None, Block(ssrc, 0.1, 3, 0, 80, said.sent, delay)), port.port + 1)
            desk.says(b"\x81\xc9garbage", port.port + 1)
            await settled(plane)
            caller.say(400, 1)
            quality = await told(facts, "caller", far_loss=0.1, packets=41)
            assert quality.far_jitter_s == 0.01
            assert quality.round_trip_s is not None
            assert 0.049 < quality.round_trip_s < 0.051 + time.time() - answered_at
            assert (quality.expected, quality.secure, quality.codec) == (51, False, "PCMA")
            assert quality.mos < 3.5, "a fifth lost"
            agent.say(650, 1)
            assert len(await caller.hears(31)) == 31, "no BYE ends a call"
            plane.delete("caller")
            while not report(await desk.reads()).bye:
                pass
            plane.delete("agent")

    asyncio.run(scenario())


def test_on_one_port_where_the_peer_wants_it_and_ciphered_where_agreed() -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts), SecurePhone() as caller, Phone() as agent:
            one = plane.create("caller", "agents")
            plane.set("caller", replace(caller.peer(), rtcp_mux=True))
            caller.call(one)
            agent.call(plane.create("agent", "agents", "caller"))
            plane.set("agent", replace(agent.peer(), rtcp_mux=True))
            plane.hears("caller", from_leg("agent"))
            plane.hears("agent", from_leg("caller"))
            await settled(plane)
            caller.say(400, 10)
            agent.say(650, 10)
            async with asyncio.timeout(PATIENCE_S):
                while not any(72 <= packet.payload_type <= 76 for packet in agent.packets):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            ssrc = next(packet.ssrc for packet in agent.packets if packet.payload_type == 8)
            agent.raw(rtcp.build(agent.ssrc, b"x", None, Block(ssrc, 0.5, 5, 0, 80)))
            Phone.raw(caller, caller.outward.protect_rtcp(rtcp.build(caller.ssrc, b"x", None, None)))
            caller.say(400, 1)
            agent.say(650, 1)
            quality = await told(facts, "agent", packets=11)
            assert quality.far_loss == 0.5
            assert (await told(facts, "caller", packets=11)).secure
            await counted(plane, unauthentic=0, unwanted=0, errors=0)

    asyncio.run(scenario())


def test_the_ciphered_report_is_libsrtps_to_read() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), SecurePhone() as caller, desks(1) as [desk]:
            with listening(plane, ("caller", caller)):
                plane.set("caller", replace(caller.peer(), rtcp_port=desk.port))
                await settled(plane)
                caller.say(400, 10)
                data = await desk.reads()
                plain = caller.inward.unprotect_rtcp(data)
                [block] = report(plain).blocks
                assert (block.ssrc, block.lost) == (caller.ssrc, 0)
                assert plain[8:] not in data

    asyncio.run(scenario())


def test_silence_is_told_of_a_lost_peer_and_not_of_one_on_hold() -> None:
    async def scenario() -> None:
        async with pool(silent_after_s=1.0) as (plane, facts), Phone() as gone, Phone() as held, Phone() as away:
            with listening(plane, ("gone", gone), ("held", held), ("away", away)):
                plane.set("held", held.peer(receives=False))  # a=sendonly: its music may be silence
                plane.set("away", away.peer(sends=False, receives=False))
                await facts.until(lambda all_: LostFact("gone", "silent") in all_)
                plane.set("held", held.peer())
                await facts.until(lambda all_: LostFact("held", "silent") in all_)
                assert facts.lost() == [("gone", "silent"), ("held", "silent")]

    asyncio.run(scenario())


def test_a_peer_that_only_reports_is_there() -> None:
    limit_s = 1.5

    async def scenario() -> bool:
        """Whether the reports were sent in time. If not, it may well be taken for gone."""
        async with (
            pool(silent_after_s=limit_s) as (plane, facts),
            Phone() as quiet,
            Phone() as gone,
            desks(1) as [desk],
        ):
            with listening(plane, ("quiet", quiet), ("gone", gone)):
                plane.set("quiet", replace(quiet.peer(), rtcp_port=desk.port))
                assert quiet.to is not None
                said_at, longest = time.monotonic(), 0.0
                async with asyncio.timeout(PATIENCE_S):
                    while LostFact("gone", "silent") not in facts.all:
                        desk.says(rtcp.build(1, b"x", None, None), quiet.to[1] + 1)
                        longest, said_at = max(longest, time.monotonic() - said_at), time.monotonic()
                        await asyncio.sleep(0.1)
                assert facts.lost() == [("gone", "silent")] or longest > limit_s / 2
                return longest <= limit_s / 2

    for _ in range(10):
        if asyncio.run(scenario()):
            return
    raise AssertionError("this machine stands still")


def test_how_a_leg_sounds_by_seeded_loss() -> None:
    chance = random.Random(7)

    async def scenario() -> None:
        async with pool() as (plane, facts), Phone() as bad, Phone() as good:
            with listening(plane, ("bad", bad), ("good", good)):
                await settled(plane)
                for _ in range(200):
                    bad.sequence += chance.random() < 0.1
                    bad.say(400, 1)
                    good.say(400, 1)
                quality = await told(facts, "bad", packets=200)
                assert quality.loss == pytest.approx(0.1, abs=0.04)
                assert quality.mos < (await told(facts, "good", packets=200)).mos

    asyncio.run(scenario())
