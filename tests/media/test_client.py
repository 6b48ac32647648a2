"""The pool of workers: ports at once or a refusal, a worker's death and return, the engine's death."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from media.audio import save
from media.client import MediaError, WorkerPool
from media.plane import LostFact, NoPorts, Peer, PlayEndedFact
from media.protocol import Delete
from tests.media.phones import (
    PATIENCE_S,
    PROMPTS,
    Phone,
    bridged,
    counted,
    figures,
    from_leg,
    listening,
    loudest,
    music,
    pool,
    settled,
    span,
    tone,
)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - other processes set no Event of ours
            await asyncio.sleep(0.02)


async def free_again(plane: WorkerPool, leg: str) -> int:
    """The port that this leg gets as soon as there is one."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return plane.create(leg, "agents").port
            except NoPorts:
                await asyncio.sleep(0.02)


def test_ports_are_even_distinct_and_given_at_once() -> None:
    async def scenario() -> None:
        low, high = span(200)
        async with pool(workers=2, ports=(low, high)) as (plane, _):
            ports = [plane.create(f"leg{n}", "trunks") for n in range(20)]
            assert len({port.port for port in ports}) == 20
            assert all(port.port % 2 == 0 and low <= port.port <= high for port in ports)
            assert {port.network for port in ports} == {"trunks"}
            assert [sum(port.worker == worker for port in ports) for worker in (0, 1)] == [10, 10]
            beside = plane.create("other", "agents", "leg0")
            assert beside.worker == ports[0].worker
            assert sum(worker["legs"] for worker in await figures(plane)) == 21

    asyncio.run(scenario())


def test_no_ports_is_said_at_once_and_passes() -> None:
    async def scenario() -> None:
        async with (
            pool(ports=span(10), quarantine_s=3600.0) as (strict, _),
            pool(ports=span(10), quarantine_s=0.5) as (plane, _),
        ):
            for one in (strict, plane):
                ports = [one.create(f"leg{n}", "agents").port for n in range(5)]
                with pytest.raises(NoPorts, match="agents"):
                    one.create("one too many", "agents")
                one.delete("leg0")
            with pytest.raises(NoPorts):  # still in quarantine
                strict.create("too early", "agents")
            assert await free_again(plane, "in time") == ports[0]
            found = await settled(plane)
            assert (found["legs"], found["ports_bound"], found["ports_free"]) == (5, 5, 0)

    asyncio.run(scenario())


def test_no_worker_is_woken_for_the_end_of_a_leg_that_it_does_not_feed() -> None:
    async def scenario() -> None:
        async with pool() as (plane, _):
            for leg in ("quiet", "fed"):
                plane.create(leg, "agents")
                plane.set(leg, Peer("127.0.0.1", 9, "PCMA", 8, None))
            plane.hears("fed", PROMPTS)
            await figures(plane)
            [link] = plane._links
            assert link is not None
            before = link._flushing
            plane.delete("quiet")
            assert (link._out[-1], link._flushing) == (Delete("quiet"), before)
            plane.delete("fed")
            assert (link._out[-2:], link._flushing) == ([Delete("quiet"), Delete("fed")], True)
            assert (await settled(plane))["legs"] == 0
            assert not link.fed

    asyncio.run(scenario())


def test_a_port_used_again_knows_nothing_of_its_last_call() -> None:
    async def scenario() -> None:
        async with pool(ports=span(4)) as (plane, facts), Phone() as old, Phone() as new, Phone("PCMU") as agent:
            with listening(plane, ("agent", agent)):
                first = plane.create("old", "agents", "agent")
                old.call(first)
                plane.set("old", old.peer())
                await settled(plane)
                plane.delete("old")
                await settled(plane)
                again = plane.create("new", "agents", "agent")
                assert again.port == first.port
                new.call(again)
                old.say(400, 5)
                old.press("1")
                plane.set("new", new.peer())
                plane.hears("agent", from_leg("new"))
                await settled(plane)
                old.say(400, 5)
                new.say(900, 10)
                heard = await agent.hears(10)
                await counted(plane, packets_in=10)
                assert loudest(agent.pcm(heard), (400, 900)) == 900
                assert facts.all == []
                plane.delete("new")

    asyncio.run(scenario())


def test_a_port_used_again_can_be_latched() -> None:
    async def scenario() -> None:
        async with pool(ports=span(4)) as (plane, _), Phone() as old, Phone() as natted, Phone() as agent:
            with listening(plane, ("agent", agent)):
                with listening(plane, ("old", old)):
                    await settled(plane)
                with listening(plane, ("natted", natted)):
                    plane.set("natted", natted.peer(latch=("127.0.0.1/32",), address=("127.0.0.1", 9)))
                    plane.hears("agent", from_leg("natted"))
                    await settled(plane)
                    natted.say(400, 10)
                    await agent.hears(8)

    asyncio.run(scenario())


def test_a_port_another_program_holds_is_left_out() -> None:
    async def scenario() -> None:
        low, high = span(6)
        async with pool(ports=(low, low + 3)) as (first, _), pool(ports=(low, high)) as (second, _):
            assert {first.create("a", "agents").port, first.create("b", "agents").port} == {low, low + 2}
            assert second.create("c", "agents").port == low + 4
            with pytest.raises(NoPorts):
                second.create("d", "agents")

    asyncio.run(scenario())


def test_the_pool_grows_before_it_is_empty() -> None:
    async def scenario() -> None:
        async with pool(ready=8) as (plane, _):
            for n in range(100):
                plane.create(f"leg{n}", "agents")
                if n % 4 == 3:
                    await settled(plane)
            await counted(plane, legs=100)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("networks", "ports", "says"),
    [
        ({"a": "no.such.name"}, (30000, 30100), "network a is no IP address: 'no.such.name'"),
        ({"a": "127.0.0.1"}, (30000, 30000), "ports 30000-30000 do not hold a pair"),
        ({"a": "127.0.0.1"}, (80, 90), "ports 80-90 do not hold a pair"),
    ],
)
def test_a_wrong_configuration_is_named(networks: dict[str, str], ports: tuple[int, int], says: str) -> None:
    with pytest.raises(MediaError, match=says):
        WorkerPool(networks, ports, 1)


def test_an_address_that_is_not_ours_is_named() -> None:
    async def scenario() -> None:
        plane = WorkerPool({"trunks": "192.0.2.1"}, (23030, 23099), 1)
        with pytest.raises(MediaError, match=r"192\.0\.2\.1:23030: Cannot assign"):
            await plane.start()

    asyncio.run(scenario())


def test_a_killed_worker_loses_its_legs_and_comes_back(tmp_path: Path) -> None:
    save(tmp_path / "long.wav", tone(400, 500))

    async def scenario() -> None:
        async with pool(workers=2, prompts=[tmp_path]) as (plane, facts), Phone() as caller, Phone() as agent:
            one = plane.create("one", "trunks")
            two = plane.create("two", "trunks")
            beside = plane.create("beside", "agents", "one")
            assert (one.worker, two.worker, beside.worker) == (0, 1, 0)
            plane.set("one", caller.peer())
            plane.hears("one", PROMPTS)
            plane.play("op", "one", ("long",), 1, True)
            await caller.hears(2)
            pids = [worker["pid"] for worker in await figures(plane)]
            os.kill(pids[0], signal.SIGKILL)
            lost = await facts.count(3)
            assert lost == [PlayEndedFact("op", "failed"), LostFact("one", "worker"), LostFact("beside", "worker")]

            plane.hears("one", music("long"))  # what the engine still says of them is of no consequence
            plane.stop("op")
            plane.delete("one")
            plane.delete("beside")
            assert plane.create("meanwhile", "trunks").worker == 1
            assert pids[1] in [worker["pid"] for worker in await figures(plane)]

            await eventually(lambda: plane.workers_up() == 2)
            assert plane.create("after", "trunks").worker == 0
            assert (await settled(plane))["pid"] not in pids
            plane.set("after", agent.peer())
            plane.hears("after", music("long"))
            await agent.hears(2)
            assert len(facts.all) == 3

    asyncio.run(scenario())


def test_a_worker_that_hangs_is_ended_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts):
            plane.create("leg", "trunks")
            pid = (await settled(plane))["pid"]
            os.kill(pid, signal.SIGSTOP)
            monkeypatch.setattr("media.client.PING_EVERY_S", 0.2)
            assert await facts.count(1) == [LostFact("leg", "worker")]
            monkeypatch.undo()  # the next one has time to start
            await eventually(lambda: not alive(pid))

    asyncio.run(scenario())


def test_workers_end_with_the_engine_however_it_ends() -> None:
    engine = f"""
import asyncio
from media.client import WorkerPool

async def main():
    pool = WorkerPool({{"a": "127.0.0.1"}}, {span(100)}, 2)
    await pool.start()
    while len(found := await pool.stats()) < 2:
        pass
    print(*[worker["pid"] for worker in found], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""

    async def scenario() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", engine, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        pids = [int(pid) for pid in (await process.stdout.readline()).split()]
        assert len(pids) == 2
        assert all(map(alive, pids))
        os.kill(pids[0], signal.SIGINT)  # as Ctrl-C in a terminal would
        process.kill()
        await process.communicate()
        await eventually(lambda: not any(map(alive, pids)))

    asyncio.run(scenario())


def test_close_leaves_nothing() -> None:
    async def scenario() -> None:
        low, high = span(10)
        async with pool(workers=2, ports=(low, high)) as (plane, facts):
            plane.create("leg", "trunks")
            pids = [worker["pid"] for worker in await figures(plane)]
        assert not any(map(alive, pids))
        assert facts.all == []
        async with pool(workers=2, ports=(low, high)) as (plane, _):  # the ports are free again
            assert plane.create("leg", "trunks").port == low

    asyncio.run(scenario())


def test_the_same_on_uvloop() -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts), Phone() as caller, Phone() as agent, bridged(plane, caller, agent):
            caller.say(400, 5)
            await agent.hears(5)
            os.kill((await settled(plane))["pid"], signal.SIGKILL)
            await facts.until(lambda _: facts.lost() == [("caller", "worker"), ("agent", "worker")])

    uvloop.run(scenario())


def test_nothing_is_told_of_a_leg_after_its_delete(tmp_path: Path) -> None:
    save(tmp_path / "short.wav", tone(400, 1))

    async def scenario() -> None:
        async with pool(prompts=[tmp_path]) as (plane, facts), Phone() as caller:
            with listening(plane, ("caller", caller)):
                await settled(plane)
                caller.press("1")
                plane.play("op", "caller", ("short",), 1, False)
                plane.play("no such", "caller", ("nowhere",), 1, False)
            plane.stop("op")
            await settled(plane)
            await counted(plane, legs=0)
            assert facts.all == []

    asyncio.run(scenario())


def test_what_comes_in_the_wrong_order_harms_nobody() -> None:
    async def scenario() -> None:
        async with pool() as (plane, facts), Phone() as caller:
            plane.set("nobody", Peer("127.0.0.1", 4000, "PCMA", 8, None))
            plane.hears("nobody", PROMPTS)
            plane.send_digits("nobody", "1")
            plane.delete("nobody")
            plane.play("op", "nobody", ("x",), 1, True)
            assert await facts.count(1) == [PlayEndedFact("op", "failed")]
            with listening(plane, ("caller", caller)):
                plane.hears("caller", from_leg("nobody"))
                plane.send_digits("caller", "what?")
                plane.hears("caller", music("nowhere"))
                plane.play("empty", "caller", (), 1, True)
                await facts.until(lambda _: len(facts.ended()) == 2)
                assert (await settled(plane))["legs"] == 1
                assert caller.packets == []

    asyncio.run(scenario())
