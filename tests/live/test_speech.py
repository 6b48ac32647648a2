"""What the audio is made of, end to end: SRTP, G.722, and what the records say of it; with baresip, linphonec and raw
sockets as the other side."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path
from typing import Any

import pytest

from media import quality
from tests.live.bank import MENU, MUSIC, WELCOME, Bank
from tests.live.ear import Ear, hears_tone, write_tone
from tests.live.harness import EngineProcess, free_port, wait_until
from tests.live.peers.baresip import Baresip
from tests.live.peers.linphone import Linphone
from tests.sip.certificates import Authority

pytestmark = pytest.mark.peer

DEVICES = """
  safe: {password: {file: passwords, key: SAFE}, codecs: [PCMA], srtp: required}
  soft: {password: {file: passwords, key: SOFT}, codecs: [PCMU], srtp: preferred}
  wide: {password: {file: passwords, key: WIDE}, codecs: [G722, PCMA]}
"""
AGENTS = """
  "2001": {name: Safe, device: safe, skills: {loans: 5}, sign_on: manual}
  "2002": {name: Soft, device: soft, skills: {loans: 5}, sign_on: manual}
  "2003": {name: Wide, device: wide, skills: {loans: 5}, sign_on: manual}
"""
PASSWORDS = "SAFE=safe-word\nSOFT=soft-word\nWIDE=wide-word\n"
QUEUE = "{needs: {loans: 1}, wrap_up: none, nobody_signed_on: wait}"


def legs(directory: Path, count: int) -> list[dict[str, Any]]:
    """At least so many leg records."""

    def rows() -> list[dict[str, Any]]:
        with sqlite3.connect(f"file:{directory / 'run' / 'records.sqlite'}?mode=ro", uri=True) as connection:
            connection.row_factory = sqlite3.Row
            found = [dict(row) for row in connection.execute("SELECT * FROM legs ORDER BY call, leg")]
        connection.close()
        return found if len(found) >= count else []

    found: list[dict[str, Any]] = wait_until(rows, f"{count} legs are recorded")
    return found


def play_faster(path: Path) -> None:
    """Say that the file's samples are 16,000 a second, not 8,000: baresip speaks G.722 only from such a file, and its
    tone is heard at double its frequency."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<II", data, 24, 16000, 32000)
    path.write_bytes(data)


def talk_on(ear: Ear) -> None:
    """For two seconds of what it hears: how a leg sounds is told from time to time."""
    enough = len(ear.packets) + 100
    wait_until(lambda: len(ear.packets) >= enough, "they talk on")


def as_good_as_its_timing(leg: dict[str, Any]) -> float:
    """4.0, or less where the machine made it wait: how it sounds at that delay with hardly any loss."""
    return min(4.0, quality.mos(0.02, quality.delay_s(leg["jitter_s"], leg["round_trip_s"])) - 0.01)


class Hotline:
    def __init__(self, directory: Path) -> None:
        (directory / "passwords").write_text(PASSWORDS)
        self.bank = Bank(directory, agents=0, devices=DEVICES, more_agents=AGENTS, queue=QUEUE)
        self.engine = EngineProcess(directory, self.bank.text)
        self.directory = directory

    def phone(self, name: str, directory: Path, hertz: float, **how: Any) -> Baresip:
        voice = write_tone(directory / f"{name}.wav", hertz, 30.0)
        if "G722" in how.get("codec", ""):
            play_faster(voice)
        registrar = ("127.0.0.1", self.bank.phone_port)
        return Baresip(directory, user=name, password=f"{name}-word", registrar=registrar, voice=voice, **how)

    def agent(self, agent: str) -> None:
        def there() -> bool:
            self.engine.request("agent", id=agent, op="sign-on")
            found = next(a for a in self.engine.ask("agents")["agents"] if a["id"] == agent)
            return bool(found["presence"] == "ready")

        wait_until(there, f"agent {agent} is ready")


SRTP: dict[str, Any] = {"config": "module srtp.so\n", "account": ";mediaenc=srtp-mand"}


def test_baresip_calls_by_srtp_and_a_caller_in_clear_talks_to_it(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path)
    with hotline.engine as engine, hotline.phone("safe", tmp_path, 900.0, **SRTP, answers=True) as safe, Ear() as ear:
        safe.registered()
        hotline.agent("2001")
        with hotline.bank.caller(ear) as trunk:
            ear.wait_for_tone(WELCOME)
            ear.press("1")
            ear.wait_for_tone(900.0)
            ear.speaks_until(lambda: hears_tone(safe.samples(), 1100.0), 1100.0)
            talk_on(ear)
            trunk.hang_up()
        found = legs(tmp_path, 2)
        assert [(leg["role"], bool(leg["secure"]), leg["codec"]) for leg in found] == [
            ("caller", False, "PCMA"),
            ("agent", True, "PCMA"),
        ]
        assert found[1]["device"] == "safe"
        assert found[1]["packets"] > 50
        assert found[1]["loss"] < 0.02
        assert found[1]["mos"] > as_good_as_its_timing(found[1])
        engine.wait_idle()
    for file in tmp_path.rglob("run/**/*"):
        if file.is_file():
            assert b"inline:" not in file.read_bytes(), f"{file} holds a key"


def test_srtp_required_is_not_had_in_clear_and_preferred_falls_back_only_where_it_must(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path)
    with hotline.engine as engine:
        with hotline.phone("safe", tmp_path, 900.0) as clear:
            clear.registered()
            clear.tell("dial", f"sip:95588@127.0.0.1:{hotline.bank.phone_port}")
            wait_until(lambda: b"488" in clear.log.read_bytes(), "a call in clear is refused")
        with hotline.phone("soft", tmp_path, 900.0, codec="PCMU/8000/1", answers=True) as soft, Ear() as ear:
            soft.registered()
            hotline.agent("2002")
            with hotline.bank.caller(ear) as trunk:
                ear.wait_for_tone(WELCOME)
                ear.press("1")
                ear.wait_for_tone(900.0)
                talk_on(ear)
                trunk.hang_up()
        assert "SRTP refused, calling in clear" in engine.log.read_text()
        agent = next(leg for leg in legs(tmp_path, 2) if leg["role"] == "agent")
        assert not agent["secure"]


def test_baresip_in_g722_hears_a_caller_in_g711_and_is_heard(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path)
    g722 = {"codec": "G722/16000/1", "config": "module g722.so\n"}
    with hotline.engine as engine, hotline.phone("wide", tmp_path, 450.0, answers=True, **g722) as wide, Ear() as ear:
        wide.registered()
        hotline.agent("2003")
        with hotline.bank.caller(ear) as trunk:
            ear.wait_for_tone(WELCOME)
            ear.press("1")
            ear.wait_for_tone(900.0)
            ear.speaks_until(lambda: hears_tone(wide.samples(), 550.0), 1100.0)  # its file has 16,000 samples a second
            talk_on(ear)
            trunk.hang_up()
        assert [(leg["role"], leg["codec"]) for leg in legs(tmp_path, 2)] == [("caller", "PCMA"), ("agent", "G722")]
        engine.wait_idle()


def test_baresip_in_g722_hears_prompts_and_music_and_presses_a_key(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path)
    g722 = {"codec": "G722/16000/1", "config": "module g722.so\n"}
    with hotline.engine as engine, hotline.phone("wide", tmp_path, 450.0, **g722) as wide:
        wide.registered()
        wide.tell("dial", f"sip:95588@127.0.0.1:{hotline.bank.phone_port}")
        wide.wait_for_tone(WELCOME / 2)  # its file has 16,000 samples a second
        wide.wait_for_tone(MENU / 2)
        wide.tell("sndcode", "1")
        wide.wait_for_tone(MUSIC / 2)
        wait_until(lambda: [c for c in engine.ask("calls")["calls"] if c["state"] == "waiting"], "the caller waits")
        wide.tell("hangup")
        [leg] = legs(tmp_path, 1)
        assert (leg["codec"], leg["role"]) == ("G722", "caller")
        assert leg["mos"] > as_good_as_its_timing(leg)
        engine.wait_idle()


def test_a_leg_that_loses_packets_says_so_in_its_record(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path)
    (tmp_path / "flows" / "main.yaml").write_text("steps: [answer, {queue: loans}]")
    with hotline.engine as engine, Ear() as ear:
        with hotline.bank.caller(ear) as trunk:
            ear.wait_for_packets()
            for _ in range(20):
                ear.speak(900.0, 0.08)
                ear.sequence += 1  # every fifth is lost
            talk_on(ear)
            trunk.hang_up()
        [leg] = legs(tmp_path, 1)
        assert leg["loss"] == pytest.approx(0.19, abs=0.05)
        assert leg["mos"] < 3.5
        engine.wait_idle()


def test_linphone_over_tls_is_called_by_srtp(tmp_path: Path) -> None:
    hotline = Hotline(tmp_path)
    authority, tls_port = Authority(tmp_path), free_port()
    certificate, key = authority.certificate("engine")
    udp = f'"udp:127.0.0.1:{hotline.bank.phone_port}"'
    text = hotline.bank.text.replace(
        f"{udp}, ", f'[{udp}, "tls:127.0.0.1:{tls_port}"], tls: {{certificate: {certificate}, key: {key}}}, '
    )
    voice = write_tone(tmp_path / "voice.wav", 900.0, 30.0)
    with (
        EngineProcess(tmp_path, text) as hotline.engine,
        Linphone(tmp_path, user="safe", password="safe-word", port=tls_port, transport="tls", ca=authority.ca,
                 answers=True, srtp=True) as safe,
        Ear() as ear,
    ):  # fmt: skip
        hotline.agent("2001")
        safe.speaks(voice)
        with hotline.bank.caller(ear) as trunk:
            ear.wait_for_tone(WELCOME)
            ear.press("1")
            ear.wait_for_tone(900.0)
            talk_on(ear)
            trunk.hang_up()
        agent = next(leg for leg in legs(tmp_path, 2) if leg["role"] == "agent")
        assert (agent["device"], bool(agent["secure"]), agent["codec"]) == ("safe", True, "PCMA")
        hotline.engine.wait_idle()
