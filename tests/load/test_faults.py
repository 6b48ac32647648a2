"""Live faults: trunks and telephones that fall silent, without a word to the engine."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from simulator.load.run import Loaded, load_run
from simulator.phones.engine import Engine
from simulator.phones.quiet import Quiet
from simulator.scenario import load
from sip.endpoint import EndpointSettings, Hop, Listener
from tests.load import bank

SCENARIO = """
version: 1
run: {{start: 2026-03-02T08:00:00+08:00, length_s: 5, drain_s: 100, replications: 1}}
arrivals: {{all: {{per_hour: 3600}}}}
callers: {{loans: {{number: "95588", calling: "137", keys: [{{press: "1", after: 0.3}}], patience: {patience}}}}}
handling: [{{talk: 1}}]
agents: {{behaviour: [{{ring_delay: 0.2}}]}}
world: {{faults: {{{faults}}}}}
"""


def played(directory: Path, monkeypatch: pytest.MonkeyPatch, faults: str, patience: str = "never") -> Loaded:
    monkeypatch.setenv("DESK", "secret")
    configuration = bank.hotline(directory, silent_s=6)
    file = directory / "scenario.yaml"
    file.write_text(SCENARIO.format(faults=faults, patience=patience), encoding="utf-8")
    engine = Engine(configuration)
    try:
        return load_run("live", configuration, load(file), None)
    finally:
        engine.stop()


def test_a_trunk_that_is_down_brings_no_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for attempt in range(3):  # who called a second before may be answered too late, on a machine that stands still
        directory = tmp_path / str(attempt)
        directory.mkdir()
        faults = "trunk_down: [{trunk: carrier, at_s: 2.6, lasts_s: 3}]"
        done = played(directory, monkeypatch, faults, patience="20")
        live, simulated = done.live.replications[0].total, done.simulated.replications[0].total
        if (live["unreached"], live["offered"]) == (simulated["unreached"], simulated["offered"]):
            break
    assert live["unreached"] == simulated["unreached"]
    assert (live["unreached"] or 0) > 0
    assert live["offered"] == simulated["offered"]
    assert not done.problems


def test_telephones_that_are_down_are_rung_in_vain_until_they_are_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = played(tmp_path, monkeypatch, "phones_down: [{at_s: 0, lasts_s: 3}]")
    live = done.live.replications[0].total
    assert (live["offered"] or 0) > 0
    assert live["answered"] == live["offered"]
    assert (live["mean_wait_s"] or 0) > 1, "those who called first waited for long"
    assert not done.problems


def request(call: str, user: str) -> bytes:
    return (
        f"OPTIONS sip:{user}@127.0.0.1:7070 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK{call}{user}\r\n"
        f"From: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: {call}\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_who_is_silent_hears_nothing() -> None:
    listeners = (Listener("desks", "127.0.0.1", 7070, algorithms=()),)
    quiet = Quiet(EndpointSettings(listeners), random.Random(1))
    hop = Hop("desks", "127.0.0.1", 5062)

    def answered(call: str, user: str = "a1") -> bool:
        quiet.outgoing.clear()
        quiet.receive(request(call, user), hop, 0.0)
        return bool(quiet.outgoing)

    assert answered("one")
    quiet.users_off.add(("desks", "a1"))
    assert (answered("two"), answered("two", "a2")) == (False, True)
    quiet.users_off.clear()
    quiet.calls_off.add("three")
    assert (answered("three"), answered("four")) == (False, True)
    quiet.receive(b"not SIP at all", hop, 0.0)
    quiet.calls_off.clear()
    quiet.listeners_off.add("desks")
    assert not answered("five")
