"""Small hotlines and scenarios for tests, written as a person would, only shorter."""

from pathlib import Path
from textwrap import dedent

from acd.config.yaml import parse
from acd.core.flow import Enqueue, Flow, Step
from acd.core.settings import Agent, Device, Number, Queue, Settings, Trunk
from simulator.scenario import Scenario, checked, fit


def hotline(
    agents: int = 0,
    *,
    queues: dict[str, Queue] | None = None,
    people: list[Agent] | None = None,
    flow: tuple[Step, ...] | None = None,
    max_calls: int = 100_000,
) -> Settings:
    """One trunk, one number for each queue (named as the queue is), agents who all serve everything."""
    queues = queues or {"main": Queue("main", nobody_signed_on="wait", max_length=100_000)}
    people = people if people is not None else [Agent(f"a{i}", device=f"d{i}") for i in range(agents)]
    flows = {name: Flow(name, flow or (Enqueue(name),)) for name in queues}
    return Settings(
        "test",
        trunks={"carrier": Trunk("carrier", trusted=True)},
        devices={agent.device: Device(agent.device) for agent in people if agent.device is not None},
        agents={agent.id: agent for agent in people},
        queues=queues,
        numbers={name: Number(name, name, "at_once") for name in queues},
        flows=flows,
        max_calls=max_calls,
    )


def scenario(text: str, settings: Settings | None = None) -> Scenario:
    """A scenario from its text, which must fit the hotline."""
    found = checked(parse(dedent(text), "scenario.yaml"), Path())
    assert settings is None or fit(found, settings) == []
    return found


def markov(
    *,
    calls_per_hour: float,
    aht_s: float = 300,
    patience: str = "never",
    length_s: float = 36_000,
    warm_up_s: float = 3_600,
    seed: int = 1,
    replications: int = 4,
    more: str = "",
) -> Scenario:
    """Poisson arrivals, exponential handling, no delay anywhere: what Erlang assumed."""
    return scenario(
        f"""\
        version: 1
        run: {{start: "2026-03-02T00:00:00+08:00", length_s: {length_s}, warm_up_s: {warm_up_s}, seed: {seed},
              replications: {replications}, drain_s: 36000}}
        arrivals: {{caller: {{per_hour: {calls_per_hour}}}}}
        callers: {{caller: {{number: main, patience: {patience}}}}}
        handling: [{{talk: {{exponential: {{mean_s: {aht_s}}}}}}}]
        agents: {{behaviour: [{{ring_delay: 0}}]}}
        world: {{latency: 0}}
        measure: {{thresholds_s: [20]}}
        {more}"""
    )
