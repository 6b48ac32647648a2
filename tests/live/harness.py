"""An engine as an operator runs it (`acd run`), and SIPp at its other side; everything on loopback."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ports import Ports

SCENARIOS = Path(__file__).parent / "sipp"

SOON_S = 30.0
"""How long whatever must happen may take: for a busy machine, since who waits goes on as soon as it has happened. A
shorter time is for what must not happen."""

free_port = Ports(10_000, 20_000, 200, 10).take  # below the kernel's own choices and the media's


def wait_until(holds: Callable[[], Any], what: str, timeout_s: float = SOON_S) -> Any:
    """Poll until `holds()` is true, and return it. Raises AssertionError naming `what`."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        result = holds()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")


class EngineProcess:
    """`acd run` on a configuration text in a directory of its own."""

    def __init__(self, directory: Path, text: str) -> None:
        self.directory = directory
        self.file = directory / "hotline.yaml"
        self.file.write_text(text, encoding="utf-8")
        self.socket = directory / "run" / "acd.sock"
        self.log = directory / "engine.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EngineProcess:
        self.start()
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        if self.process is not None and self.process.poll() is None:
            code = self.stop()
            if kind is None:
                assert code == 0, f"the engine ended with {code}:\n{self.log.read_text()[-3000:]}"
        if kind is not None:
            print(self.log.read_text()[-6000:])

    def start(self) -> None:
        begun = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "acd", "run", str(self.file)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.directory,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

        def up() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"the engine did not start:\n{self.log.read_text()[-3000:]}"
            try:
                return bool(self.ask("status")) and b'"up"' in self.log.read_bytes()[begun:]
            except OSError:
                return False

        try:
            wait_until(up, "the engine is up and answers on its control socket", 3 * SOON_S)
        except BaseException:
            self.process.kill()  # nobody else would
            self.process.wait(SOON_S)
            raise

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self) -> int:
        """Ctrl-C, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(SOON_S)

    def kill(self) -> None:
        """kill -9, of the engine alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(SOON_S)

    def ask(self, verb: str, **args: Any) -> Any:
        """One request over the control socket. Raises OSError when nobody answers, AssertionError when told no."""
        reply = self.request(verb, **args)
        assert reply["ok"], reply["error"]
        return reply["data"]

    def request(self, verb: str, **args: Any) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(self.socket))  # with a time-out it would not wait for its turn
            connection.settimeout(SOON_S)
            connection.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                reply: dict[str, Any] = json.loads(lines.readline())
                return reply

    def wait_idle(self, timeout_s: float = SOON_S) -> dict[str, Any]:
        """Wait until no call, leg or port is left, and return the status."""

        def idle() -> dict[str, Any] | None:
            status: dict[str, Any] = self.ask("status")
            return status if not (status["calls"] or status["legs"] or status["ports"]) else None

        try:
            found: dict[str, Any] = wait_until(idle, "no call, leg or port is left", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.ask('status')}") from None
        return found

    def records(self, count: int, timeout_s: float = SOON_S) -> list[dict[str, Any]]:
        """At least so many call records, oldest first, straight from the database."""
        database = self.directory / "run" / "records.sqlite"

        def rows() -> list[dict[str, Any]]:
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
                connection.row_factory = sqlite3.Row
                found = [dict(row) for row in connection.execute("SELECT * FROM calls ORDER BY started_at")]
            connection.close()
            return found if len(found) >= count else []

        result: list[dict[str, Any]] = wait_until(rows, f"{count} records are written", timeout_s)
        return result

    def last_record(self) -> dict[str, Any]:
        """That of the call which began last of those that have ended; a record is written a moment after its call."""
        wait_until(lambda: self.ask("status")["records_waiting"] == 0, "every record is written")
        return self.records(1)[-1]


def agent_leg(engine: EngineProcess) -> str:
    """The Call-ID by which the agent's telephone knows the one call that there is."""
    [call] = engine.ask("calls")["calls"]
    messages = engine.ask("trace", call=call["id"])["messages"]
    invite = next(one["text"] for one in messages if one["leg"] == call["legs"][1] and one["text"].startswith("INVITE"))
    return str(re.search(r"Call-ID: (\S+)", invite)[1])  # type: ignore[index]  # every message has one


class Sipp:
    """One SIPp process on a scenario of ours. Who hangs up in it does so after `talk_ms`, or without it when told."""

    def __init__(self, scenario: str, directory: Path, *, port: int, target: tuple[str, int] | None = None,
                 calls: int | None = 1, rate: float = 10.0, talk_ms: int | None = None,
                 keys: dict[str, object] | None = None, extra: tuple[str, ...] = (),
                 timeout_s: int = 600, host: str = "127.0.0.1") -> None:  # fmt: skip
        program = shutil.which("sipp")
        assert program, "SIPp is missing: apt-get install sip-tester (make peers)"
        self.directory = directory / f"sipp-{scenario}-{port}"
        self.directory.mkdir(exist_ok=True)
        self.host, self.port = host, port
        text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="utf-8")
        if talk_ms is None:
            text = text.replace("<pause/>", '<recv request="INFO"/>')
        file = self.directory / "scenario.xml"
        file.write_text(text, encoding="utf-8")
        command = [program, "-sf", str(file), "-i", host, "-p", str(port), "-nostdin"]
        self.call_id = f"{random.getrandbits(40):x}@sipp"  # of the first of its calls: 1-…
        command += ["-cid_str", f"%u-{self.call_id}"]
        command += ["-r", str(rate), "-d", str(talk_ms or 0), "-timeout", str(timeout_s), "-trace_err"]
        command += ["-m", str(calls)] if calls is not None else []
        for key, value in (keys or {}).items():
            command += ["-key", key, str(value)]
        command += list(extra)
        if target is not None:
            command.append(f"{target[0]}:{target[1]}")
        self.output = self.directory / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=self.directory, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )

    def __enter__(self) -> Sipp:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(SOON_S)

    def hang_up(self, call_id: str = "", *, tcp: bool = False) -> None:
        """Tell it that this call (its first) has lasted long enough, and wait for its end."""
        self.go_on(call_id, tcp=tcp)
        self.done()

    def go_on(self, call_id: str = "", *, tcp: bool = False) -> None:
        """Tell it, by an INFO from nowhere, to go on with this call (its first)."""
        told = (
            f"INFO sip:now SIP/2.0\r\nVia: SIP/2.0/{'TCP' if tcp else 'UDP'} 127.0.0.1:9;branch=z9hG4bKnow\r\n"
            f"From: <sip:test@127.0.0.1>;tag=1\r\nTo: <sip:sipp@127.0.0.1>;tag=2\r\n"
            f"Call-ID: {call_id or f'1-{self.call_id}'}\r\nCSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as test:
            test.connect((self.host, self.port))
            test.sendall(told)

    def done(self, timeout_s: float = SOON_S) -> None:
        """Wait for its end; every call must have gone by its script."""
        code = self.process.wait(timeout_s)
        assert code == 0, f"SIPp ended with {code}:\n{self.problems()}"

    def problems(self) -> str:
        errors = "".join(path.read_text(errors="replace")[-2000:] for path in self.directory.glob("*errors*.log"))
        return errors or self.output.read_text(errors="replace")[-2000:]
