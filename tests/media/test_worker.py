"""A real worker process between plain sockets: who hears what, judged by what arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from media.audio import save
from media.client import WorkerPool
from media.dtmf import END, EVENT, tones
from media.plane import DigitFact, LostFact, PlayEndedFact, Source
from media.rtp import FRAME, FRAME_S, Packet
from media.worker import FORGIVEN_S
from tests.media.phones import (
    PROMPTS,
    WINDOW,
    Facts,
    Phone,
    bridged,
    counted,
    from_leg,
    listening,
    loudest,
    music,
    parts,
    pool,
    settled,
    strength,
    talking,
    ticked,
    tone,
    unbroken,
)

pytestmark = pytest.mark.usefixtures("relay")
TONES = (400.0, 650.0, 900.0, 1300.0)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    save(tmp_path / "welcome.wav", tone(400, 6))
    save(tmp_path / "menu.wav", tone(650, 4))
    save(tmp_path / "waiting.wav", tone(900, 25))
    return tmp_path


def test_two_parties_hear_each_other() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), Phone() as caller, Phone() as agent:
            async with bridged(plane, caller, agent, both=True):
                caller.say(400, 20)
                agent.say(650, 20)
                at_agent, at_caller = await agent.hears(20), await caller.hears(20)
                unbroken(at_agent)
                unbroken(at_caller)
                assert loudest(agent.pcm(at_agent), TONES) == 400
                assert loudest(caller.pcm(at_caller), TONES) == 650
                assert at_agent[0].marker
                assert not any(packet.marker for packet in at_agent[1:])
                assert caller.ssrc not in {packet.ssrc for packet in at_agent}
            await counted(plane, legs=0, packets_in=40, packets_out=40)

    asyncio.run(scenario())


def test_laws_are_translated_and_payload_types_are_each_legs_own() -> None:
    async def scenario() -> None:
        async with (
            pool() as (plane, facts),
            Phone("PCMU", 101) as caller,
            Phone("PCMA", 96) as agent,
            bridged(plane, caller, agent, both=True),
        ):
            caller.say(400, 20)
            caller.press("5")
            agent.say(650, 20)
            at_agent, at_caller = await agent.hears(28), await caller.hears(20)
            unbroken(at_agent)
            assert [packet.payload_type for packet in at_agent] == [8] * 20 + [96] * 8
            assert {packet.payload_type for packet in at_caller} == {0}
            assert strength(agent.pcm(at_agent), 400) == pytest.approx(8000, rel=0.03)
            assert strength(caller.pcm(at_caller), 650) == pytest.approx(8000, rel=0.03)
            assert await facts.count(1) == [DigitFact("caller", "5", 0.1)]

    asyncio.run(scenario())


def test_gaps_of_the_source_stay_gaps() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), Phone() as caller, Phone() as agent, bridged(plane, caller, agent):
            caller.say(400, 2)
            caller.sequence += 3
            caller.timestamp += 3 * FRAME
            caller.say(400, 2)
            heard = await agent.hears(4)
            first = heard[0]
            assert [(p.sequence - first.sequence) & 0xFFFF for p in heard] == [0, 1, 5, 6]
            assert [(p.timestamp - first.timestamp) // FRAME for p in heard] == [0, 1, 5, 6]

    asyncio.run(scenario())


def test_prompt_music_and_conversation_are_one_stream(recordings: Path) -> None:
    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, facts), Phone() as caller, Phone() as agent:
            with listening(plane, ("caller", caller), ("agent", agent)):
                plane.hears("caller", PROMPTS)
                plane.play("op1", "caller", ("welcome", "menu.wav"), 1, False)
                assert await facts.count(1) == [PlayEndedFact("op1", "finished")]
                plane.hears("caller", music("waiting"))
                await caller.hears(10 + 5)
                plane.hears("caller", from_leg("agent"))
                await settled(plane)
                agent.say(1300, 10)
                prompt, waiting, talk = await caller.hears_parts(3, 10)
                unbroken(caller.packets)
                assert len(prompt) == 10
                assert loudest(caller.pcm(prompt[:6]), TONES) == 400
                assert loudest(caller.pcm(prompt[6:]), TONES) == 650
                assert loudest(caller.pcm(waiting), TONES) == 900
                assert loudest(caller.pcm(talk), TONES) == 1300

    asyncio.run(scenario())


def test_everyone_waiting_hears_the_same_place_of_the_music(recordings: Path) -> None:
    levels = range(2000, 12_000, 500)
    save(recordings / "rising.wav", b"".join(tone(900, 1, level) for level in levels))

    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, _), Phone() as one, Phone("PCMU") as two, Phone() as late:
            with listening(plane, ("one", one), ("two", two), ("late", late)):
                plane.hears("one", music("rising"))
                plane.hears("two", music("rising"))
                await one.hears(10)
                plane.hears("late", music("rising"))
                await late.hears(10)
                await one.hears(len(levels) + 10)
                place = [packet.payload for packet in one.packets].index(late.packets[0].payload)
                assert [p.payload for p in late.packets[:10]] == [p.payload for p in one.packets[place : place + 10]]
                assert loudest(two.pcm(two.packets), TONES) == 900
                unbroken(one.packets)
                unbroken(two.packets)

    asyncio.run(scenario())


def test_plays_repeat_are_barged_into_stopped_replaced_and_fail(recordings: Path) -> None:
    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, facts), Phone() as caller:
            with listening(plane, ("caller", caller)):
                plane.hears("caller", PROMPTS)
                plane.play("twice", "caller", ("menu",), 2, True)
                await facts.until(lambda _: facts.ended() == [("twice", "finished")])
                plane.play("barged", "caller", ("waiting",), 99, True)
                await caller.hears(10)
                assert len(parts(caller.packets)[0]) == 8
                caller.press("1")
                await facts.until(lambda _: facts.digits() == "1")
                assert facts.ended()[1:] == [("barged", "barged")]

                plane.play("deaf", "caller", ("waiting",), 99, False)
                caller.press("2")
                await facts.until(lambda _: facts.digits() == "12")
                plane.play("next", "caller", ("waiting",), 99, False)
                plane.stop("next")
                plane.stop("next")
                plane.play("gone", "caller", ("nowhere",), 1, True)
                await facts.until(lambda _: len(facts.ended()) == 5)
                assert facts.ended()[2:] == [("deaf", "stopped"), ("next", "stopped"), ("gone", "failed")]

    asyncio.run(scenario())


def test_a_key_is_told_once_however_its_packets_fare() -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts), Phone() as caller, Phone() as agent, bridged(plane, caller, agent):
            caller.press("1")
            caller.press("2", ends=0)  # the end is lost, another key follows
            caller.press("3", ends=1)
            caller.press("3", updates=0, ends=2)  # only ends came through
            caller.press("#", ends=0)  # the end is lost, nothing follows
            await facts.until(lambda _: facts.digits() == "1233#")
            events = await agent.hears(26)
            unbroken(events)
            assert len({packet.timestamp for packet in events}) == 5

    asyncio.run(scenario())


def test_keys_kept_from_the_other_party_leave_no_hole() -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts), Phone() as caller, Phone() as agent:
            with listening(plane, ("caller", caller), ("agent", agent)):
                plane.hears("agent", from_leg("caller"))
                plane.relay_digits("caller", False)
                await settled(plane)
                caller.say(400, 5)
                caller.press("7")
                caller.say(400, 5)
                heard = await agent.hears(10)
                assert {packet.payload_type for packet in heard} == {8}
                unbroken(heard)
                await facts.until(lambda _: facts.digits() == "7")
                plane.relay_digits("caller", True)
                await settled(plane)
                caller.press("8")
                assert (await agent.hears(18))[-1].payload_type == 101

    asyncio.run(scenario())


def test_digits_go_out_as_events_and_the_stream_goes_on(recordings: Path) -> None:
    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, _), Phone() as agent:
            with listening(plane, ("agent", agent)):
                plane.hears("agent", music("waiting"))
                await agent.hears(3)
                plane.send_digits("agent", "4")
                plane.send_digits("agent", "#")

                def sent(packets: list[Packet]) -> list[Packet]:
                    return [packet for packet in packets if packet.payload_type == 101]

                heard = await agent.heard(lambda packets: len(sent(packets)) == 16 and packets[-1].payload_type == 8)
                unbroken(heard)
                events = sent(heard)
                decoded = [EVENT.unpack(packet.payload) for packet in events]
                assert [code for code, _, _ in decoded] == [4] * 8 + [11] * 8
                assert [duration for _, _, duration in decoded[:8]] == [160, 320, 480, 640, 800, 800, 800, 800]
                assert [bool(flags & END) for _, flags, _ in decoded[:8]] == [False] * 5 + [True] * 3
                assert len({packet.timestamp for packet in events}) == 2
                assert [packet.marker for packet in events[:2]] == [True, False]

    asyncio.run(scenario())


def test_a_peer_without_events_is_sent_tones() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), Phone("PCMU", None) as agent:
            with listening(plane, ("agent", agent)):
                plane.send_digits("agent", "5")
                heard = await agent.hears(9)
                said = agent.pcm(heard[:5])
                assert loudest(said, (697, 770, 852, 941)) == 770
                assert loudest(said, (1209, 1336, 1477, 1633)) == 1336

    asyncio.run(scenario())


def test_three_in_a_conference_hear_the_other_two_at_their_gains() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), Phone() as caller, Phone("PCMU") as agent, Phone() as coach:
            with listening(plane, ("caller", caller), ("agent", agent), ("coach", coach)):
                plane.hears("agent", Source("mix", "", (("caller", 1.0), ("coach", 0.5))))
                plane.hears("coach", Source("mix", "", (("caller", 1.0), ("agent", 1.0))))
                plane.hears("caller", from_leg("agent"))
                await settled(plane)
                said = {caller: tone(400, 50), agent: tone(650, 50), coach: tone(900, 50)}

                def heard() -> bool:
                    at_agent, at_coach = latest(agent), latest(coach)
                    return (
                        at_agent[400] > 6000
                        and at_agent[900] > 2500
                        and min(at_coach[400], at_coach[650]) > 6000
                        and latest(caller)[650] > 6000
                    )

                await talking(said, heard)
                assert max(window[900] for window in windows(agent)) < 4500, "half as loud"
                assert max(window[650] for window in windows(agent)) < 1000, "nobody hears himself"
                assert max(window[900] for window in windows(coach)) < 1000
                assert max(window[400] for window in windows(caller)) < 300
                assert max(window[900] for window in windows(caller)) < 300, "whispers do not reach the caller"
                unbroken(agent.packets)

    asyncio.run(scenario())


def windows(phone: Phone) -> list[dict[float, float]]:
    """How strong each of the tones was, in one `WINDOW` after the other of all that the phone heard."""
    pcm, size = phone.pcm(phone.packets), 2 * WINDOW * FRAME
    return [tones_in(pcm[start : start + size]) for start in range(0, len(pcm) - size + 1, size)]


def latest(phone: Phone) -> dict[float, float]:
    """The same of the latest, nothing before there are so many."""
    return tones_in(phone.pcm(phone.packets[-WINDOW:]) if len(phone.packets) >= WINDOW else b"")


def tones_in(pcm: bytes) -> dict[float, float]:
    return {hz: strength(pcm, hz) for hz in TONES}


def test_hold_and_resume(recordings: Path) -> None:
    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, _), Phone() as caller, Phone() as agent:
            with listening(plane, ("caller", caller), ("agent", agent)):
                plane.hears("caller", from_leg("agent"))
                await settled(plane)
                agent.say(400, 5)
                await caller.hears(5)
                plane.set("agent", agent.peer(sends=False, receives=False))  # the agent pressed hold
                plane.hears("caller", music("waiting"))
                await caller.hears(10)
                await settled(plane)
                agent.say(650, 5)
                await counted(plane, unwanted=5)
                plane.set("agent", agent.peer())
                plane.hears("caller", from_leg("agent"))
                await settled(plane)
                agent.say(1300, 5)
                before, held, after = await caller.hears_parts(3, 5)
                unbroken(caller.packets)
                assert len(before) == len(after) == 5
                assert loudest(caller.pcm(before), TONES) == 400
                assert loudest(caller.pcm(held), TONES) == 900
                assert loudest(caller.pcm(after), TONES) == 1300

    asyncio.run(scenario())


def test_strangers_are_neither_heard_nor_answered() -> None:
    async def scenario() -> None:
        async with (
            pool() as (plane, facts),
            Phone() as caller,
            Phone() as agent,
            Phone() as stranger,
            bridged(plane, caller, agent, both=True),
        ):
            stranger.to = caller.to
            stranger.ssrc, stranger.sequence = caller.ssrc, caller.sequence
            stranger.say(900, 10)
            stranger.press("9")
            caller.say(400, 10)
            heard = await agent.hears(10)
            await settled(plane)
            assert loudest(agent.pcm(heard), TONES) == 400
            assert strength(agent.pcm(heard), 900) < 300
            assert (len(heard), facts.all, stranger.packets) == (10, [], [])

    asyncio.run(scenario())


def test_garbage_is_dropped_and_counted() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), Phone() as caller, Phone() as agent, bridged(plane, caller, agent):
            for wrong in (b"\x80", b"\x80\x08" + bytes(9), b"\x00" * 172, b"\xa0\x08" + bytes(10) + b"\xff"):
                caller.raw(wrong)
            caller.raw(b"\x80\x08" + bytes(3000))  # longer than any packet
            caller.raw(b"\x90\x08" + bytes(10) + b"\x00\x00\xff\xff" + bytes(20))  # an extension beyond its end
            caller.raw(b"\x80\x7f" + bytes(170))  # a payload type nobody agreed
            caller.say(400, 3)
            await agent.hears(3)
            await counted(plane, malformed=6, unwanted=1, dropped=7)
            assert len(agent.packets) == 3

    asyncio.run(scenario())


def test_padding_extensions_and_contributors_do_not_go_further() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), Phone("PCMU") as caller, Phone() as agent, bridged(plane, caller, agent):
            header = b"\x00\x00\x01" + bytes(4) + b"\x00\x00\x00\x07"
            extras = b"CSRC" + b"\xbe\xde\x00\x01EXTN"
            caller.raw(b"\xb1" + header + extras + b"\xff" * FRAME + b"\x00\x00\x00\x04")
            (packet,) = await agent.hears(1)
            assert packet.payload == b"\xd5" * FRAME

    asyncio.run(scenario())


def test_a_peer_behind_nat_is_latched_once_and_never_again() -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts), Phone() as natted, Phone() as agent, Phone() as thief:
            with listening(plane, ("natted", natted), ("agent", agent)):
                nowhere = ("127.0.0.1", 9)
                plane.set("natted", natted.peer(latch=("127.0.0.0/8",), address=nowhere))
                plane.hears("natted", from_leg("agent"))
                plane.hears("agent", from_leg("natted"))
                await settled(plane)
                thief.to = natted.to
                thief.say(900, 2)  # not enough to be taken for the peer
                natted.say(400, 10)
                heard = await agent.hears(8)
                thief.say(900, 20)
                thief.press("9")
                agent.say(650, 10)
                await natted.hears(10)
                assert loudest(natted.pcm(natted.packets), TONES) == 650
                await counted(plane, strangers=2 + 2 + 28)
                assert strength(agent.pcm(heard), 900) < 300
                assert (len(agent.packets), facts.all, thief.packets) == (8, [], [])

    asyncio.run(scenario())


def test_a_latch_beyond_its_networks_does_not_happen() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), Phone() as natted, Phone() as agent:
            with listening(plane, ("natted", natted), ("agent", agent)):
                plane.set("natted", natted.peer(latch=("192.0.2.0/24",)))
                plane.hears("agent", from_leg("natted"))
                await settled(plane)
                natted.say(400, 5)
                await counted(plane, strangers=5, packets_out=0)
                assert agent.packets == []

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1", "example.org"])
def test_nothing_goes_to_an_address_that_is_no_peers(host: str, recordings: Path) -> None:
    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, _), Phone() as caller:
            with listening(plane, ("caller", caller)):
                plane.set("caller", caller.peer(address=(host, 4000)))
                plane.hears("caller", music("waiting"))
                figures = await settled(plane)
                assert (figures["packets_out"], figures["unsent"], plane.refused) == (0, 0, 1)

    asyncio.run(scenario())


def test_our_own_ports_are_no_peers() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), Phone() as caller, Phone() as agent:
            with listening(plane, ("caller", caller), ("agent", agent)):
                plane.set("caller", caller.peer(address=agent.to))
                assert plane.refused == 1

    asyncio.run(scenario())


def test_a_leg_not_heard_is_told_once() -> None:
    async def scenario() -> None:
        async with pool(silent_after_s=0.05) as (plane, facts), Phone() as caller, Phone() as held:
            with listening(plane, ("caller", caller), ("held", held)):
                plane.set("held", held.peer(sends=False))
                assert await facts.count(1) == [LostFact("caller", "silent")]
                plane.set("held", held.peer())
                assert (await facts.count(2))[1:] == [LostFact("held", "silent")]

    asyncio.run(scenario())


@pytest.mark.parametrize(("bound", "host"), [("0.0.0.0", "127.0.0.1"), ("::1", "::1")])
def test_other_addresses_to_bind_to(bound: str, host: str) -> None:
    async def scenario() -> None:
        async with (
            pool(address=bound) as (plane, facts),
            Phone("PCMU", host=host) as caller,
            Phone(host=host) as agent,
            Phone(host=host) as stranger,
            bridged(plane, caller, agent),
        ):
            stranger.to = caller.to
            stranger.say(900, 5)
            caller.say(400, 10)
            caller.press("1")
            heard = await agent.hears(18)
            await counted(plane, packets_in=18)
            unbroken(heard)
            assert loudest(agent.pcm(heard), TONES) == 400
            assert facts.digits() == "1"

    asyncio.run(scenario())


def test_a_peer_that_closed_its_port_disturbs_nobody(recordings: Path) -> None:
    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, _), Phone() as caller:
            async with Phone() as gone:
                plane.create("gone", "agents")
                plane.set("gone", gone.peer())
            with listening(plane, ("caller", caller)):
                plane.hears("gone", music("waiting"))
                plane.hears("caller", music("waiting"))
                unbroken(await caller.hears(25))
                figures = await settled(plane)
                assert figures["unsent"] > 0
                assert figures["errors"] == 0

    asyncio.run(scenario())


def test_a_play_waits_for_its_listener_and_runs_on_under_hold(recordings: Path) -> None:
    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, facts), Phone() as caller:
            caller.call(plane.create("caller", "agents"))
            plane.hears("caller", PROMPTS)
            plane.play("op", "caller", ("welcome",), 1, False)
            await ticked(plane, 10)
            assert facts.all == []
            plane.set("caller", caller.peer())
            await caller.hears(6)
            await facts.until(lambda _: facts.ended() == [("op", "finished")])
            plane.play("held", "caller", ("welcome",), 1, False)
            plane.set("caller", caller.peer(receives=False))
            await facts.until(lambda _: facts.ended()[1:] == [("held", "finished")])
            assert (await settled(plane))["packets_out"] <= 7

    asyncio.run(scenario())


def test_no_audio_is_made_in_a_codec_we_do_not_have(recordings: Path) -> None:
    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, facts), Phone() as caller, Phone() as agent:
            wide = replace(caller.peer(), codec="G729", payload=18)
            with listening(plane, ("caller", caller), ("agent", agent)):
                plane.set("caller", wide)
                plane.hears("caller", music("waiting"))
                plane.hears("agent", from_leg("caller"))
                plane.play("op", "caller", ("menu",), 1, False)
                await facts.until(lambda _: facts.ended() == [("op", "finished")])
                plane.set("agent", replace(agent.peer(), codec="G729", payload=109))
                plane.hears("caller", from_leg("agent"))
                await settled(plane)
                caller.send(18, bytes(20), 0)
                assert (await agent.hears(1))[0].payload_type == 109  # but it is passed on
                assert caller.packets == []
                assert (await settled(plane))["errors"] == 0

    asyncio.run(scenario())


def test_codecs_that_differ_are_translated_and_recordings_are_made_in_g722(recordings: Path) -> None:
    async def scenario() -> None:
        async with pool(prompts=[recordings]) as (plane, _), Phone("PCMA") as caller, Phone("G722") as agent:
            with listening(plane, ("caller", caller), ("agent", agent)):
                plane.hears("agent", music("waiting"))
                assert loudest(agent.pcm(await agent.hears(20)), TONES) == 900
                plane.hears("caller", from_leg("agent"))
                plane.hears("agent", from_leg("caller"))
                await settled(plane)
                caller.say(400, 20)
                agent.say(650, 20)
                (_, talk), at_caller = await agent.hears_parts(2, 20), await caller.hears(20)
                unbroken(agent.packets)
                assert loudest(agent.pcm(talk), TONES) == 400
                assert strength(caller.pcm(at_caller[5:]), 650) == pytest.approx(8000, rel=0.1)
                assert {packet.payload_type for packet in at_caller} == {8}

    asyncio.run(scenario())


def test_a_conference_of_three_codecs() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _), Phone("PCMA") as one, Phone("PCMU") as two, Phone("G722") as three:
            phones = (("one", one), ("two", two), ("three", three))
            with listening(plane, *phones):
                for leg, _ in phones:
                    others = tuple((other, 1.0) for other, _ in phones if other != leg)
                    plane.hears(leg, Source("mix", "", others))
                await settled(plane)
                said = {phone: tone(hz, 50) for (_, phone), hz in zip(phones, TONES, strict=False)}

                def heard() -> bool:
                    others = [sorted(latest(phone)[hz] for hz in TONES[:3])[1:] for phone in said]
                    return min(min(two) for two in others) > 4000

                await talking(said, heard)
                for phone, own in zip(said, TONES, strict=False):
                    unbroken(phone.packets)
                    assert max(window[own] for window in windows(phone)) < 1000, "nobody hears himself"

    asyncio.run(scenario())


def test_keys_in_band_of_whoever_knows_no_events_each_once() -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts), Phone("PCMA", None) as old, Phone("G722", None) as wide, Phone() as new:
            with listening(plane, ("old", old), ("wide", wide), ("new", new)):
                await ticked(plane, 1)
                while not await in_time(plane, {old: tones("19#"), wide: tones("05"), new: tones("777")}):
                    facts.all.clear()  # a key that was said with a gap may be two
                new.press("4")  # it sends both kinds: only what it agreed to counts
                await facts.until(lambda _: ("new", "4") in told(facts))
                assert [digit for leg, digit in told(facts) if leg == "old"] == ["1", "9", "#"]
                assert [digit for leg, digit in told(facts) if leg == "wide"] == ["0", "5"]
                assert [digit for leg, digit in told(facts) if leg == "new"] == ["4"]

    asyncio.run(scenario())


def told(facts: Facts) -> list[tuple[str, str]]:
    return [(fact.leg, fact.digit) for fact in facts.all if isinstance(fact, DigitFact)]


async def in_time(plane: WorkerPool, said: Mapping[Phone, bytes]) -> bool:
    """All said it, and whatever comes of it was told: whether they and the worker kept time, as well as a jitter
    buffer needs it."""
    loop = asyncio.get_running_loop()
    start, before = loop.time(), (await settled(plane))["ticks"]
    late = await talking(said)
    await ticked(plane, 20)
    ticks = (await settled(plane))["ticks"] - before
    return late < FRAME_S and loop.time() - start - ticks * FRAME_S < FORGIVEN_S / 2
