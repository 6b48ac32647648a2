"""A trunk with several places: who is asked for a call, who is left alone for a while, and what DNS changes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.live.locator import AT_ONCE, Locator
from acd.live.places import MISSED, PAUSE_S, TRIP, Health, Places
from sip.aio.resolver import LookupFailed, Resolver
from sip.endpoint import Ended, FailedOver, Hop, Way
from sip.locate import Asked, Option, Place
from sip.message import Request
from sip.parsing import parse
from tests.live.bank import Bank
from tests.live.ear import Ear
from tests.live.harness import EngineProcess, Sipp, free_port, wait_until
from tests.live.test_trunks import Bench
from tests.nameserver import NameServer
from tests.sip.certificates import Authority

TWO = """
  carrier:
    sources: ["192.0.2.100"]
    dial_out: {targets: [{to: "sip:192.0.2.1"}, {to: "sip:192.0.2.2:5070", priority: 1}]}
"""
NAMED = """
  carrier:
    dial_out: {to: "sip:carrier.example", caller: "95588"}
    registration: {user: bank, password: {file: secrets.env, key: DESK}}
    probe_s: 30
"""


def hosts(bench: Bench) -> list[str]:
    return [hop.host for _, hop, _ in bench.trunks.ways("carrier", "138")]


def fail(bench: Bench, host: str, port: int = 5060) -> None:
    """A call of this trunk finds nobody there."""
    session, _ = bench.wire.call()
    bench.trunks.failed_over("carrier", FailedOver(session, Hop("trunks:0", host, port), 408))


def options(*hosts: str) -> list[Option]:
    return [Option((Place("udp", host, 5060),), n) for n, host in enumerate(hosts)]


def test_targets_by_hand_in_their_order_each_with_its_own_uri(tmp_path: Path) -> None:
    bench = Bench(tmp_path, TWO)
    assert bench.trunks.ways("carrier", "138") == [
        Way("sip:138@192.0.2.1:5060", Hop("trunks:0", "192.0.2.1", 5060)),
        Way("sip:138@192.0.2.2:5070", Hop("trunks:0", "192.0.2.2", 5070)),
    ]


def test_a_dead_place_is_passed_over_until_one_call_may_try(tmp_path: Path) -> None:
    bench = Bench(tmp_path, TWO)
    for _ in range(TRIP):
        assert hosts(bench) == ["192.0.2.1", "192.0.2.2"]
        fail(bench, "192.0.2.1")
    assert hosts(bench) == ["192.0.2.2"]
    assert list(bench.alarms) == ["trunk_places_down:carrier"]
    view = bench.trunks.view("carrier")
    assert (view["state"], view["places"]) == ("up", ["udp:192.0.2.1:5060 down", "udp:192.0.2.2:5070 up"])
    bench.wire.now += PAUSE_S[0]
    assert hosts(bench) == ["192.0.2.1", "192.0.2.2"], "one tries"
    assert hosts(bench) == ["192.0.2.2"], "the others wait for how it goes"
    bench.trunks.answered("carrier", Hop("trunks:0", "192.0.2.1", 5060))
    assert hosts(bench) == ["192.0.2.1", "192.0.2.2"]
    assert bench.alarms == {}


def test_a_place_that_says_503_rests_as_long_as_it_wants(tmp_path: Path) -> None:
    bench = Bench(tmp_path, TWO)
    session, _ = bench.wire.call()
    bench.trunks.failed_over("carrier", FailedOver(session, Hop("trunks:0", "192.0.2.1", 5060), 503, 20.0))
    assert hosts(bench) == ["192.0.2.2"]
    session.hop = Hop("trunks:0", "192.0.2.2", 5070)
    bench.trunks.ended("carrier", Ended(session, "peer", "failed", 503, 1e9))
    assert bench.refused() == "trunk carrier has asked to be left alone for a while"
    bench.wire.now += 20
    assert hosts(bench) == ["192.0.2.1"]
    bench.wire.now += PAUSE_S[1]
    assert hosts(bench) == ["192.0.2.1", "192.0.2.2"], "nobody's wish is for ever"


def test_a_place_that_answers_options_by_503_takes_no_calls(tmp_path: Path) -> None:
    bench = Bench(tmp_path, TWO + "    probe_s: 30\n")
    for _ in range(MISSED):
        bench.wire.pass_time(0)
        for data, hop in bench.wire.endpoint.outgoing[:]:
            bench.wire.peer = hop
            request = parse(data)
            assert isinstance(request, Request)
            bench.wire.answer(request, 503 if hop.host == "192.0.2.1" else 404)
        bench.wire.endpoint.outgoing.clear()
        bench.hear()
        bench.wire.pass_time(30)
        bench.wire.endpoint.outgoing[:-2] = []
    assert hosts(bench) == ["192.0.2.2"]


def test_with_all_places_dead_the_trunk_is_down(tmp_path: Path) -> None:
    bench = Bench(tmp_path, TWO)
    for _ in range(TRIP):
        fail(bench, "192.0.2.1")
        fail(bench, "192.0.2.2", 5070)
    assert bench.refused() == f"trunk carrier has failed {TRIP} times"
    assert list(bench.alarms) == ["trunk_down:carrier"]


def test_a_name_is_nowhere_until_dns_says_where(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NAMED)
    assert bench.trunks.names() == {("carrier", 0): (Asked("carrier.example"), "trunks")}
    assert bench.refused() == "trunk carrier is nowhere: its name is not resolved"
    assert bench.wire.sent() == [], "nobody is there to register with"
    assert bench.wire.endpoint.addresses.trunks.find("192.0.2.1", 5060) is None

    bench.trunks.located("carrier", 0, options("192.0.2.1", "192.0.2.2"))
    bench.wire.pass_time(0)
    assert sorted(bench.wire.lines()) == ["OPTIONS", "OPTIONS", "REGISTER"]
    assert bench.trunks.ways("carrier", "138") == [
        Way("sip:138@carrier.example", Hop("trunks:0", "192.0.2.1", 5060)),
        Way("sip:138@carrier.example", Hop("trunks:0", "192.0.2.2", 5060)),
    ]
    assert bench.wire.endpoint.addresses.trunks.find("192.0.2.2", 40000) == "carrier", "its calls may come from there"


def test_what_dns_said_holds_until_it_says_something_else(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NAMED)
    bench.trunks.located("carrier", 0, options("192.0.2.1"))
    bench.trunks.located("carrier", 0, [], "no name server answers")
    assert hosts(bench) == ["192.0.2.1"]
    assert bench.alarms == {"trunk_name:carrier": "no name server answers"}
    bench.trunks.configure(bench.setup)
    assert hosts(bench) == ["192.0.2.1"], "also over a reload"
    bench.trunks.located("carrier", 0, options("192.0.2.3"))
    assert hosts(bench) == ["192.0.2.3"]
    assert bench.alarms == {}
    assert bench.wire.endpoint.addresses.trunks.find("192.0.2.1", 5060) is None, "a stranger from now on"


def test_the_alarm_stands_until_every_name_is_found(tmp_path: Path) -> None:
    bench = Bench(tmp_path, '\n  carrier: {dial_out: {targets: [{to: "sip:a.example"}, {to: "sip:b.example:5070"}]}}\n')
    bench.trunks.located("carrier", 0, [], "a.example: gone")
    bench.trunks.located("carrier", 1, options("192.0.2.2"))
    assert list(bench.alarms) == ["trunk_name:carrier"]
    assert bench.trunks.ways("carrier", "138")[0][0] == "sip:138@b.example:5070"
    bench.trunks.located("carrier", 0, options("192.0.2.1"))
    assert bench.alarms == {}
    bench.trunks.located("carrier", 2, [], "of an earlier configuration")
    bench.trunks.located("nobody", 0, [], "of an earlier configuration")
    assert bench.alarms == {}


def test_a_trunk_that_is_configured_no_more_leaves_no_alarm(tmp_path: Path) -> None:
    bench, later = Bench(tmp_path, NAMED), Bench(tmp_path, TWO.replace("carrier", "other"))
    bench.trunks.located("carrier", 0, [], "gone")
    bench.trunks.block("carrier", True)
    bench.trunks.configure(later.setup)
    assert bench.alarms == {}


def test_a_registration_that_fails_is_tried_at_the_next_place(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NAMED.replace("    probe_s: 30\n", ""))
    bench.trunks.located("carrier", 0, options("192.0.2.1", "192.0.2.2"))
    [(data, hop)] = bench.wire.endpoint.outgoing
    assert (data.partition(b" SIP")[0], hop.host) == (b"REGISTER sip:carrier.example", "192.0.2.1")
    bench.wire.answer(bench.asked("REGISTER"), 503)
    bench.hear()
    bench.wire.pass_time(10)
    assert {hop.host for _, hop in bench.wire.endpoint.outgoing} == {"192.0.2.2"}


def test_a_registrar_that_is_silent_is_left_for_the_next_place_within_seconds(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NAMED.replace("    probe_s: 30\n", ""))
    bench.trunks.located("carrier", 0, options("192.0.2.1", "192.0.2.2"))
    bench.wire.pass_time(3.9)
    assert [hop.host for _, hop in bench.wire.endpoint.outgoing] == ["192.0.2.1"] * 4, "sent again by timer E"
    bench.wire.sent()
    bench.wire.pass_time(0.1)
    bench.hear()
    assert bench.alarms == {"trunk_registration:carrier": "answered 408"}
    bench.wire.pass_time(7.6)
    assert {hop.host for _, hop in bench.wire.endpoint.outgoing} == {"192.0.2.2"}


def test_the_certificate_must_be_of_the_name(tmp_path: Path) -> None:
    text = """
  carrier: {dial_out: {to: "sip:carrier.example"}}
  other: {dial_out: {to: "sip:192.0.2.5:5061;transport=tls", certificate: sip.carrier.example}}
"""
    listen = 'trunks: {sip: "udp:127.0.0.1:5060"}'
    with_tls = (
        'trunks: {sip: ["udp:127.0.0.1:5060", "tls:127.0.0.1:5061"], tls: {certificate: engine.pem, key: engine.key}}'
    )
    Authority(tmp_path).certificate("engine")
    bench = Bench(tmp_path, text, (listen, with_tls))
    bench.trunks.located("carrier", 0, [Option((Place("tls", "192.0.2.4", 5061),))])
    [(uri, hop, _)] = bench.trunks.ways("carrier", "138")
    assert uri == "sip:138@carrier.example"
    assert hop == Hop("trunks:1", "192.0.2.4", 5061, "tls", domain="carrier.example")
    assert hop.to_values() == ["trunks:1", "192.0.2.4", 5061, "tls", 0, "carrier.example"]
    [(uri, hop, _)] = bench.trunks.ways("other", "138")
    assert (uri, hop.domain) == ("sip:138@192.0.2.5:5061;transport=tls", "sip.carrier.example")


def test_names_are_asked_for_again_and_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NAMED)
    heard: list[str] = []
    news = asyncio.Event()

    def located(name: str, index: int, found: list[Option], why: str) -> None:
        heard.extend(place.host for option in found for place in option.places)
        news.set()

    class Quick(Resolver):
        """A minute is a moment here."""

        async def locate(self, *asked: object) -> tuple[list[Option], float]:
            found, _ = await super().locate(*asked)  # type: ignore[arg-type]  # passed on as they come
            return found, 0.01

    async def run(server: NameServer) -> None:
        locator = Locator(lambda: Quick([server.address]), located)
        locator.want(bench.trunks.names(), bench.setup)
        await news.wait()
        server.zone[("carrier.example", "A")] = ["192.0.2.2"]
        while heard[-1] != "192.0.2.2":
            news.clear()
            await news.wait()
        locator.close()

    with NameServer({("carrier.example", "A"): ["192.0.2.1"]}) as server:
        asyncio.run(run(server))
    assert heard[0] == "192.0.2.1"


def test_without_a_name_server_the_reason_is_told(tmp_path: Path) -> None:
    def nobody() -> Resolver:
        raise LookupFailed("no name servers are known")

    async def run() -> str:
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        locator = Locator(nobody, lambda name, index, found, why: told.set_result(why))
        locator.want({("carrier", 0): (Asked("carrier.example"), "trunks")}, Bench(tmp_path).setup)
        why = await told
        locator.close()
        return why

    assert asyncio.run(run()) == "no name servers are known"


def test_a_call_that_waits_for_a_name_is_told_in_any_case(tmp_path: Path) -> None:
    """Found, not there, too many at once, or without a name server."""

    async def run(server: NameServer) -> list[list[str]]:
        told: list[list[str]] = []
        all_told = asyncio.Event()

        def found(options: list[Option]) -> None:
            told.append([place.host for option in options for place in option.places])
            if len(told) == AT_ONCE + 2:
                all_told.set()

        setup = Bench(tmp_path).setup
        locator = Locator(lambda: Resolver([server.address]), lambda *answer: None)
        locator.find(Asked("carrier.example"), "trunks", setup, found)
        for _ in range(AT_ONCE):
            locator.find(Asked("nowhere.example"), "trunks", setup, found)
        Locator(nobody, lambda *answer: None).find(Asked("carrier.example"), "trunks", setup, found)
        await all_told.wait()
        locator.close()
        return told

    def nobody() -> Resolver:
        raise LookupFailed("no name servers are known")

    with NameServer({("carrier.example", "A"): ["192.0.2.1"]}) as server:
        told = asyncio.run(run(server))
    assert told[0] == [], "one more than may be asked for at once is told at once"
    assert sorted(told)[-2:] == [[], ["192.0.2.1"]]


def test_the_session_that_ends_at_a_place_counts_against_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, TWO)
    for _ in range(TRIP):
        session, _ = bench.wire.call()
        session.hop = Hop("trunks:0", "192.0.2.2", 5070)
        bench.trunks.ended("carrier", Ended(session, "network", "unreachable", 408))
    assert hosts(bench) == ["192.0.2.1"]


@pytest.mark.peer
def test_a_call_goes_where_srv_says_past_a_dead_place_and_one_that_says_503(tmp_path: Path) -> None:
    dead, refuses, works = (f"127.0.0.{n}" for n in (4, 2, 3))
    port, phone_port, caller_port = free_port(), free_port(), free_port()
    zone = {
        ("_sip._udp.carrier.example", "SRV"): [f"1 0 {port} a.example.", f"2 0 {phone_port} b.example."],
        ("a.example", "A"): [dead, refuses],
        ("b.example", "A"): [works],
    }
    with NameServer(zone) as server, Ear() as caller, Ear() as ear:
        host, dns_port = server.address
        bank = Bank(
            tmp_path, flow="steps: [answer, {queue: loans}]", agents=0,
            trunk='codecs: [PCMU], dial_out: {to: "sip:carrier.example"}',
            devices='  home: {number: "0138", through: carrier, codecs: [PCMU]}',
            more_agents='  "2001": {name: Home, device: home, skills: {loans: 5}, sign_on: at_start}',
            extra=f'dns: {{servers: ["{host}:{dns_port}"]}}',
        )  # fmt: skip
        keys = {"rtp_ip": "127.0.0.1", "rtp_port": ear.port, "codec": 0}
        with (
            EngineProcess(tmp_path, bank.text) as engine,
            Sipp("refuses_503", tmp_path, port=port, host=refuses) as first,
            Sipp("agent_stays", tmp_path, port=phone_port, host=works, keys=keys) as phone,
        ):
            wait_until(lambda: engine.ask("trunks")["trunks"][0]["state"] == "up", "the name is resolved")
            calls = {"rtp_ip": "127.0.0.1", "rtp_port": caller.port, "called": 95588}
            with Sipp("caller_hangs_up", tmp_path, port=caller_port, host=works, keys=calls,
                      target=("127.0.0.1", bank.trunk_port)) as trunk:  # fmt: skip
                wait_until(lambda: any(c["state"] == "talking" for c in engine.ask("calls")["calls"]), "they talk")
                trunk.hang_up()
            first.done()
            phone.done()
            [record] = engine.records(1)
            assert (record["outcome"], record["agent"]) == ("answered", "2001")
            engine.wait_idle()
        log = engine.log.read_text()
        assert log.count('"next place"') == 2
        assert f'"failed":"{dead}:{port}"' in log.replace('": "', '":"')


class Carrier:
    """The places of a trunk without anything around them, and what is known of each."""

    def __init__(self, directory: Path) -> None:
        bench = Bench(directory, TWO.replace("priority: 1", "weight: 3"))
        self.places = Places(bench.setup.trunks["carrier"], bench.setup, Random(1))
        self.hops = list(self.places.health)

    def asked(self, now: float) -> list[Hop]:
        try:
            return [hop for _, hop in self.places.open(now)]
        except LookupError:
            return []


happenings = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["fails", "rests", "answers", "silent", "there"]), st.floats(0, 400)),
    max_size=40,
)


@given(happenings)
@settings(deadline=None, max_examples=60)
def test_whatever_happens_only_those_are_asked_who_may_be_there(
    carrier: Carrier, history: list[tuple[int, str, float]]
) -> None:
    """A place that answers is asked, one that does not answer OPTIONS or rests is not, and a failed one is asked by one
    call in a while, never by none for ever."""
    carrier.places.health = {hop: Health() for hop in carrier.hops}
    now = 0.0
    for which, what, later in history:
        hop = carrier.hops[which]
        health = carrier.places.health[hop]
        if what in ("fails", "rests"):
            health.failure(now, later if what == "rests" else None)
        elif what == "answers":
            health.success()
        else:
            health.probed(what == "there")
        asked = carrier.asked(now)
        assert len(set(asked)) == len(asked)
        for one in asked:
            assert carrier.places.health[one].missed < MISSED
            assert carrier.places.health[one].rests_until <= now
        if health.up and health.rests_until <= now:
            assert hop in asked
        now += later
    now += 2 * PAUSE_S[1]
    there = {hop for hop, health in carrier.places.health.items() if health.missed < MISSED}
    assert set(carrier.asked(now)) == there


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Carrier:
    return Carrier(tmp_path_factory.mktemp("carrier"))
