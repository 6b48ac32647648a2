"""`acd softphone` at a live engine: it registers, takes a call, hears and is heard, makes a call, hands one over."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.live.bank import MUSIC, WELCOME, Bank
from tests.live.ear import PCMA, Ear, hears_tone, power, write_tone
from tests.live.harness import SOON_S, EngineProcess, wait_until

PASSWORD = "desk secret"
SPEECH = 1000.0
DEVICES = "  desk: {password: {env: DESK}}"
AGENT = '  "2001": {name: Desk, device: desk, skills: {loans: 9}}'
STRAIGHT = "steps: [answer, {queue: loans}]"


class Softphone:
    """The command as a script would run it; `said` are the lines it has printed."""

    def __init__(self, bank: Bank, *arguments: str, password: str = PASSWORD) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "acd", "softphone", "desk", "--registrar", f"127.0.0.1:{bank.phone_port}",
             "--password-env", "SECRET", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
            env={**os.environ, "SECRET": password}, cwd=bank.directory,
        )  # fmt: skip
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))

    def __enter__(self) -> Softphone:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(SOON_S)
        self._reader.join(SOON_S)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def do(self, *commands: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n".join(commands) + "\n")
        self.process.stdin.flush()

    def says(self, line: str, timeout_s: float = SOON_S) -> None:
        """Wait for a line that begins so."""
        try:
            wait_until(lambda: any(one.startswith(line) for one in self.said), line, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said {self.said}") from None

    def quits(self) -> int:
        self.do("quit")
        return self.process.wait(SOON_S)


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bank:
    monkeypatch.setenv("DESK", PASSWORD)
    write_tone(tmp_path / "speech.wav", SPEECH, 60.0)
    return Bank(tmp_path, flow=STRAIGHT, devices=DEVICES, more_agents=AGENT)


def samples(path: Path) -> list[int]:
    from array import array
    from wave import open as open_wave

    with open_wave(str(path), "rb") as file:
        assert file.getframerate() == 8000
        return list(array("h", file.readframes(file.getnframes())))


def recorded(path: Path) -> list[int]:
    """The same of a file that is not finished, so that its header is not to be believed."""
    from array import array

    data = path.read_bytes()[44:]
    return list(array("h", data[: len(data) // 2 * 2]))


def test_it_registers_takes_a_call_hears_the_caller_and_is_heard(bank: Bank) -> None:
    tmp_path = bank.directory
    with Ear() as caller, EngineProcess(tmp_path, bank.text) as engine:
        engine.ask("agent", id="1001", op="break", reason="so that the desk is rung")
        with Softphone(bank, "--in", "speech.wav", "--out", "heard.wav") as phone:
            phone.says("registered")
            engine.ask("agent", id="2001", op="sign-on", at="desk")
            with bank.caller(caller) as trunk:
                phone.says("ringing")
                phone.do("answer", "status")
                phone.says("talking")
                caller.wait_for_tone(SPEECH)
                caller.speaks_until(lambda: hears_tone(recorded(tmp_path / "heard.wav"), 800.0), 800.0)
                caller.press("7")
                phone.says("heard key 7")
                phone.do("digits 5#")
                wait_until(lambda: caller.digits() == "5#", "the caller hears the keys")
                phone.do("hold")
                phone.says("held")
                caller.wait_for_tone(MUSIC)
                phone.do("resume")
                held_until = caller.packets[-1].at
                caller.wait_for_tone(SPEECH, since=held_until + 0.1)
                trunk.hang_up()
            phone.says("ended hangup")
            assert phone.quits() == 0
        [record] = engine.records(1)
        assert (record["outcome"], record["agent"]) == ("answered", "2001")
        heard = samples(tmp_path / "heard.wav")
        assert hears_tone(heard, 800.0)
        assert power(heard, SPEECH) < 0.1, "it does not hear itself"


def test_it_calls_the_hotline_and_hears_the_prompt(bank: Bank) -> None:
    flow = "steps: [answer, {say: [welcome, welcome, welcome, welcome]}, hang_up]"
    (bank.directory / "flows" / "main.yaml").write_text(flow)
    with EngineProcess(bank.directory, bank.text), Softphone(bank, "--out", "heard.wav") as phone:
        phone.do("wait registered", "call 95588", "wait talking", "wait idle", "quit")
        assert phone.process.wait(SOON_S) == 0, phone.said
        assert "ended hangup" in phone.said
        assert hears_tone(samples(bank.directory / "heard.wav"), WELCOME)


def test_it_hands_a_caller_over_to_a_colleague(bank: Bank) -> None:
    tmp_path = bank.directory
    with Ear() as caller, Ear() as colleague, EngineProcess(tmp_path, bank.text) as engine:
        engine.ask("agent", id="1001", op="break", reason="so that the desk is rung")
        control = ("--agent", "2001", "--control", str(engine.socket))
        with Softphone(bank, "--in", "speech.wav", *control) as phone:
            phone.says("registered")
            engine.ask("agent", id="2001", op="sign-on", at="desk")
            with bank.phone(colleague), bank.caller(caller) as trunk:
                phone.says("ringing")
                engine.ask("agent", id="1001", op="ready")
                phone.do("answer", "wait talking", "consult device:a1")
                phone.says("consult")
                colleague.wait_for_tone(SPEECH)
                phone.do("complete")
                phone.says("ended")
                colleague.codec = PCMA
                colleague.reaches(caller, 900.0)
                trunk.hang_up()
            assert phone.quits() == 0


def test_a_wrong_password_is_said_and_fails_the_script(bank: Bank) -> None:
    with EngineProcess(bank.directory, bank.text), Softphone(bank, "--out", "x.wav", password="wrong") as phone:
        phone.says("not registered: 40")
        phone.do("wait registered 0.1")
        assert phone.process.wait(SOON_S) == 1
        assert not any("wrong" in line for line in phone.said)


def test_what_cannot_be_done_is_said(bank: Bank) -> None:
    with EngineProcess(bank.directory, bank.text), Softphone(bank, "--out", "x.wav") as phone:
        phone.do("wait registered", "answer", "digits 1", "hold", "swap", "sing", "hangup", "call a b")
        assert phone.quits() == 1
        cannot = [line.removeprefix("cannot: ") for line in phone.said if line.startswith("cannot")]
        assert cannot[:3] == ["nobody rings", "nobody is on the line", "nobody is on the line"]
        assert [line.partition(":")[0] for line in cannot[3:]] == [
            "who transfers? --agent ID, and --control or --config for the engine's socket",
            "no such command",
            "there is no call",
            "'a b' cannot be dialled",
        ]


def test_without_a_card_a_password_or_a_registrar_it_says_what_would_be_right(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "acd", "softphone", "desk", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=tmp_path, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        return done.stderr

    assert "--registrar HOST:PORT, or --config FILE" in run()
    assert "no registrar: write it as 127.0.0.1:5062" in run("--registrar", "nowhere")
    assert "ACD_SOFTPHONE_PASSWORD" in run("--registrar", "127.0.0.1:9")
    assert "no such file" in run("--registrar", "127.0.0.1:9", "--password-file", __file__, "--in", "none.wav")
