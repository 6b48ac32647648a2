"""A small hotline as text, and a way to break it at one marked spot."""

import wave
from pathlib import Path

SPOT = "«"
"""Stands in a text right before the character a problem must point at, and is taken out of it."""

HOTLINE = """\
version: 1
hotline: {name: test, timezone: Asia/Shanghai}
listen:
  trunks: {sip: "udp:127.0.0.1:5060"}
  agents:
    sip: "udp:127.0.0.1:5062"
    digest: [MD5]
trunks:
  carrier:
    sources: ["127.0.0.1:7060"]
    trusted: true
devices:
  a1: {contact: "sip:a1@127.0.0.1:7070"}
  desk: {password: {file: secrets.env, key: DESK}}
agents:
  "1001": {device: a1, skills: {loans: 7}, teams: [day]}
  "1002": {device: desk, skills: {cards: 3}, site: beijing}
skills: [loans, cards]
teams: [day]
sites: [beijing]
numbers:
  "95588": {flow: main}
queues:
  loans:
    needs: {loans: 3}
    wrap_up: {timed_s: 3}
  cards:
    needs: {cards: 3}
    max_wait_s: 60
flows: flows
prompts: prompts
music: {default: hold.wav}
attributes: {age: X-Age}
"""

FLOW = """\
steps:
  - answer
  - say: welcome
  - menu:
      prompts: menu
      keys:
        "1": [queue: loans]
        "2": [queue: cards]
  - hang_up
"""


def lay_out(directory: Path, hotline: str = HOTLINE, flow: str = FLOW) -> Path:
    """The files of a hotline, its recordings a single silent frame."""
    (directory / "flows").mkdir(parents=True, exist_ok=True)
    (directory / "prompts").mkdir(exist_ok=True)
    for name in ("welcome", "menu", *(f"digit-{digit}" for digit in range(10))):
        silence(directory / "prompts" / f"{name}.wav")
    silence(directory / "hold.wav")
    (directory / "secrets.env").write_text("DESK=sesame\nHA1=" + 64 * "a" + "\n")
    (directory / "flows" / "main.yaml").write_text(flow)
    path = directory / "hotline.yaml"
    path.write_text(hotline)
    return path


def broken(text: str, old: str, new: str) -> tuple[str, int, int]:
    """The text with `old` replaced by `new`, and the line and column of the spot marked in `new`."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the text"
    assert new.count(SPOT) == 1
    marked = text.replace(old, new)
    before = marked[: marked.index(SPOT)]
    return marked.replace(SPOT, ""), before.count("\n") + 1, len(before) - before.rfind("\n")


def silence(path: Path, rate: int = 8000) -> None:
    """A recording of 20 ms."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(rate // 50 * 2))
