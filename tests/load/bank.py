"""A hotline and scenarios for load tests: short calls, so that a minute shows something."""

from pathlib import Path

from acd.config import Hotline, load
from simulator.scenario import Scenario, fit
from simulator.scenario import load as load_scenario
from tests.live.bank import Bank

FLOW = """
steps:
  - answer
  - menu:
      prompts: menu
      timeout_s: 3
      retries: 1
      keys:
        "1": [{queue: loans}]
        "2": [{queue: cards}]
      otherwise: [{hang_up: {status: 480}}]
  - menu:
      prompts: survey
      timeout_s: 1
      retries: 0
      keys: {"5": [hang_up]}
      otherwise: [hang_up]
"""
QUEUE = "{needs: {loans: 1}, wrap_up: {timed_s: 0.5}, ring_s: 3, nobody_signed_on: wait}"


def hotline(directory: Path, agents: int = 4, flow: str = FLOW, silent_s: float = 60) -> Hotline:
    """Agents at static contacts and one who registers, a menu, two queues."""
    bank = Bank(
        directory,
        flow=flow,
        agents=agents - 1,
        queue=QUEUE,
        devices="  desk: {password: {env: DESK}}",
        more_agents='  "2001": {name: Desk, device: desk, skills: {loans: 5, cards: 5}}',
        extra="records: run/records.sqlite\nattributes: {vip: X-Vip}",
    )
    file = directory / "hotline.yaml"
    text = bank.text.replace("workers: 1", f"workers: 1, silent_s: {silent_s}")
    file.write_text(text, encoding="utf-8")
    return load(file)


def scenario(hotline: Hotline, length_s: float, *, per_hour: float, seed: int = 1, replications: int = 1) -> Scenario:
    """Two types of callers who begin their numbers alike; some give up, some agents hang up first."""
    file = hotline.file.parent / "scenario.yaml"
    file.write_text(
        f"""
version: 1
run: {{start: 2026-03-02T08:00:00+08:00, length_s: {length_s}, seed: {seed}, drain_s: 60, replications: {replications}}}
arrivals: {{all: {{per_hour: {per_hour}}}}}
callers:
  loans: {{number: "95588", share: 3, calling: "137", attributes: {{vip: yes!}},
    patience: {{exponential: {{mean_s: 8}}}},
    keys: [{{press: "1", after: {{exponential: {{mean_s: 0.5}}}}}}, {{press: "5", after: 0.5}}]}}
  cards: {{number: "95588", share: 1, calling: "137", keys: [{{press: "2", after: 1}}], patience: never}}
handling:
  - {{queues: [cards], talk: 1.5}}
  - {{talk: {{exponential: {{mean_s: 1.8}}}}, hold: {{share: 0.2, lasts: 0.6}}, agent_ends: 0.3}}
agents: {{behaviour: [{{ring_delay: 0.3, no_answer: 0.02, reject: 0.02}}]}}
world: {{latency: 0.001}}
measure: {{thresholds_s: [1, 5], interval_s: 10, short_abandon_s: 0}}
""",
        encoding="utf-8",
    )
    found = load_scenario(file)
    assert fit(found, hotline.settings) == []
    return found
