"""The reference bank's day: 1,600 employees in three cities, 20 shifts, some 600 seated at the peak, 274,000 calls of
90 s through the bank example's own menus and lanes.

    python -m benchmarks.bank_day FOLDER        write it as files
    acd simulate FOLDER/hotline.yaml FOLDER/scenario.yaml --seeds 14        a fortnight of it, on all cores
"""

import argparse
import random
import re
from dataclasses import replace
from pathlib import Path

from acd.config.load import load
from acd.config.yaml import parse
from acd.core.settings import Agent, Device, Settings
from simulator.scenario import Scenario, checked

BANK = Path(__file__).parents[1] / "examples" / "bank"
EMPLOYEES, SHIFTS, CALLS = 1600, 20, 274_000
# Calls per hour from midnight as shares of the day: a bank's two humps, and a night that is never quiet (assumption).
PROFILE = [14, 10, 8, 7, 8, 12, 22, 38, 52, 66, 70, 68, 62, 60, 64, 66, 62, 56, 50, 46, 42, 36, 28, 20]


def bank_day() -> tuple[Settings, Scenario]:
    example = load(BANK / "hotline.yaml").settings
    sites, people = ("beijing", "shanghai", "chengdu"), {}
    draw = random.Random(1)
    for i in range(EMPLOYEES):
        skills = {"general": draw.randint(4, 8), "mandarin": 10}
        if i % 4 == 0:
            skills["loans"] = draw.randint(2, 8)
        if i % 4 == 1:
            skills["cards"] = draw.randint(2, 8)
        if i % 10 == 2:
            skills["senior"] = draw.randint(5, 9)
        name = f"{10_000 + i}"
        people[name] = Agent(name, device=f"d{i}", skills=skills, teams=(f"shift-{i % SHIFTS}",), site=sites[i % 3])
    settings = replace(
        example,
        agents=people,
        devices={agent.device: Device(agent.device) for agent in people.values() if agent.device is not None},
        max_calls=100_000,
    )
    return settings, checked(parse(_scenario(), "bank-day.yaml"), BANK)


def _scenario() -> str:
    calls = [round(CALLS * share / sum(PROFILE), 1) for share in PROFILE]
    return TEXT.format(calls=calls, roster=_roster())


def _roster() -> str:
    """Twenty shifts of six and a half hours that follow the load, half an hour's break in each; one employee in eight
    is free or ill."""
    starts = [4, 4.5, 5.5, 6.5, 7, 7, 8.5, 9, 9.5, 10, 11.5, 12, 13, 14, 14.5, 15, 16, 17, 19, 21.5]
    lines = []
    for i, start in enumerate(starts):
        end, rest = (start + 6.5) % 24, (start + 3) % 24
        clock = [f"{int(hour):02d}:{int(hour % 1 * 60):02d}" for hour in (start, end, rest)]
        who = f"teams: [shift-{i}], absence: 0.12, late: {{exponential: {{mean_s: 60}}}}"
        lines.append(
            f'    - {{{who}, start: "{clock[0]}", end: "{clock[1]}", breaks: [{{at: "{clock[2]}", lasts_s: 1800}}]}}'
        )
    return "\n".join(lines)


TEXT = """\
version: 1
run: {{start: "2026-03-02T00:00:00+08:00", length_s: 86400, replications: 1}}
arrivals: {{all: {{intervals: {{every_s: 3600, calls: {calls}, shape: linear}}}}}}
busyness: {{daily_cv: 0.063, interval_cv: 0.053}}
callers:
  general: {{number: "95588", share: 60, keys: [{{press: "0", after: 4}}, "5"], patience: &long {{hazard: [
    {{from_s: 0, per_s: 0.006}}, {{from_s: 5, per_s: 0.0020289}}, {{from_s: 30, per_s: 0.0081156}},
    {{from_s: 35, per_s: 0.0020289}}, {{from_s: 60, per_s: 0.0081156}}, {{from_s: 65, per_s: 0.0020289}},
    {{from_s: 90, per_s: 0.0081156}}, {{from_s: 95, per_s: 0.0020289}}]}}}}
  loans: {{number: "95588", share: 12, keys: [{{press: "1", after: 4}}, "5"], patience: *long}}
  cards: {{number: "95588", share: 15, keys: [{{press: "2", after: 4}}, "5"], patience: *long}}
  lost-card: {{number: "95588", share: 2, keys: [{{press: "3", after: 4}}, "5"], patience: *long}}
  senior: {{number: "95588", share: 8, attributes: {{age: 72}}, keys: ["5"], patience: *long}}
  vip: {{number: "95588", share: 3, attributes: {{vip: "yes"}}, keys: ["5"], patience: *long}}
handling:
  - talk: {{lognormal: {{mean_s: 90, sd_s: 111}}}}
    agent_ends: 0.3
agents:
  behaviour: [{{ring_delay: {{lognormal: {{mean_s: 2, sd_s: 1}}}}, no_answer: 0.002}}]
  roster:
{roster}
world: {{latency: 0.03}}
measure: {{thresholds_s: [6, 20]}}
"""


def write(folder: Path) -> None:
    """The same as a user keeps it: the bank's own file, its agents and devices in CSV, the scenario."""
    settings, _ = bank_day()
    people = settings.agents.values()
    teams = sorted({team for agent in people for team in agent.teams})
    sites = sorted({agent.site for agent in people})
    other = {
        "devices": "devices: {csv: devices.csv}\n",
        "agents": "agents: {csv: agents.csv}\n\n",
        "teams": f"teams: [{', '.join(teams)}]\n",
        "sites": f"sites: [{', '.join(sites)}]\n\n",
        "limits": f"limits: {{calls: {settings.max_calls}}}\n\n",
    }
    parts = re.split(r"(?m)^(?=[a-z]+:)", (BANK / "hotline.yaml").read_text("utf-8"))
    text = "".join(other.get(part.partition(":")[0], part) for part in parts)
    for name, at in (("flows: ", "../../ivr_flows"), ("prompts: ", "prompts"), ("default: ", "music")):
        text = text.replace(name + at, f"{name}{(BANK / at).resolve()}")
    rows = ["id,device,skills,teams,site"]
    for agent in people:
        skills = " ".join(f"{skill}:{level}" for skill, level in agent.skills.items())
        rows.append(f"{agent.id},{agent.device},{skills},{' '.join(agent.teams)},{agent.site}")
    contacts = [f"{device},sip:{device}@127.0.0.1:7070" for device in settings.devices]
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in (
        ("hotline.yaml", text),
        ("scenario.yaml", _scenario()),
        ("agents.csv", "\n".join([*rows, ""])),
        ("devices.csv", "\n".join(["id,contact", *contacts, ""])),
    ):
        (folder / file).write_text(content, "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    write(parser.parse_args().folder)
