"""A small bank for tests: two queues, one menu, tones for prompts, so that what was heard can be proved."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live.ear import PCMA, Ear, write_tone
from tests.live.harness import Sipp, free_port

WELCOME, MENU, MUSIC, SURVEY, WHISPER = 440.0, 523.0, 620.0, 700.0, 350.0

FLOW = """
steps:
  - answer
  - say: welcome
  - menu:
      prompts: menu
      timeout_s: 20
      retries: 1
      keys:
        "1": [{queue: loans}]
        "2": [{queue: cards}]
      otherwise: [{hang_up: {status: 480}}]
"""


@dataclass
class Bank:
    """Writes a configuration into `directory`; `text` is what an operator would have written."""

    directory: Path
    flow: str = FLOW
    answer: str = "by_flow"
    agents: int = 1
    agent_port: int = 0  # all static contacts are at this one, told apart by their user
    caller_port: int = 0
    extra: str = ""
    queue: str = "{needs: {loans: 1}, wrap_up: none, ring_s: 30}"
    trunk: str = "trusted: true, codecs: [PCMA, PCMU]"
    device: str = "codecs: [PCMA, PCMU]"
    devices: str = ""
    more_agents: str = ""
    digest: str = "[MD5]"
    trunk_port: int = field(default_factory=free_port)
    phone_port: int = field(default_factory=free_port)
    media: str = "30000-39999"

    def __post_init__(self) -> None:
        self.agent_port = self.agent_port or free_port()
        self.caller_port = self.caller_port or free_port()
        prompts = self.directory / "prompts"
        for name, hertz, seconds in (
            ("welcome", WELCOME, 0.6), ("menu", MENU, 0.6), ("survey", SURVEY, 0.6), ("whisper", WHISPER, 0.6),
        ):  # fmt: skip
            write_tone(prompts / f"{name}.wav", hertz, seconds)
        write_tone(self.directory / "music.wav", MUSIC, 2.0)
        flows = self.directory / "flows"
        flows.mkdir(exist_ok=True)
        (flows / "main.yaml").write_text(self.flow, encoding="utf-8")

    def caller(self, ear: Ear, scenario: str = "caller_hangs_up", **how: Any) -> Sipp:
        """SIPp in the carrier's place dials the hotline; its audio is the ear's."""
        keys = {"rtp_ip": "127.0.0.1", "rtp_port": ear.port, "called": 95588}
        target = ("127.0.0.1", self.trunk_port)
        return Sipp(scenario, self.directory, port=self.caller_port, target=target, keys=keys, **how)

    def phone(self, ear: Ear, scenario: str = "agent_stays", **how: Any) -> Sipp:
        """SIPp at the agents' static contacts answers one call; its audio is the ear's."""
        keys = {"rtp_ip": "127.0.0.1", "rtp_port": ear.port, "codec": PCMA}
        return Sipp(scenario, self.directory, **{"port": self.agent_port, "keys": keys, **how})

    @property
    def text(self) -> str:
        devices = "\n".join(
            f'  a{n}: {{contact: "sip:a{n}@127.0.0.1:{self.agent_port}", {self.device}}}'
            for n in range(1, self.agents + 1)
        )
        agents = "\n".join(
            f'  "{1000 + n}": {{name: Agent {n}, device: a{n}, skills: {{loans: 5, cards: 5}}, sign_on: at_start}}'
            for n in range(1, self.agents + 1)
        )
        return f"""
version: 1
hotline: {{name: bank}}
listen:
  trunks: {{sip: "udp:127.0.0.1:{self.trunk_port}", digest: []}}
  agents: {{sip: "udp:127.0.0.1:{self.phone_port}", digest: {self.digest}}}
media: {{ports: {self.media}, workers: 1}}
trunks:
  carrier: {{network: trunks, sources: ["127.0.0.1:{self.caller_port}"], {self.trunk}}}
devices:
{devices}
{self.devices}
agents:
{agents}
{self.more_agents}
numbers: {{"95588": {{flow: main, answer: {self.answer}}}}}
queues:
  loans: {self.queue}
  cards: {{needs: {{cards: 1}}, wrap_up: none, ring_s: 30}}
skills: [loans, cards]
flows: flows
prompts: prompts
music: {{default: music.wav}}
log: {{format: json}}
{self.extra}
"""
