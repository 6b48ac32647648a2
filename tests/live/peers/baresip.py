"""baresip as a telephone: a real softphone that registers, speaks a WAV file and writes what it hears into another."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
from pathlib import Path

from tests.live.harness import SOON_S, free_port, wait_until

RTP_PORTS = 20  # for its calls, two each; it takes one by chance


class Baresip:
    """One baresip with one account, driven over its control socket. `answers`: picks up by itself."""

    def __init__(self, directory: Path, *, user: str, password: str, registrar: tuple[str, int], voice: Path,
                 answers: bool = False, codec: str = "PCMA/8000/1", transport: str = "udp",
                 config: str = "", account: str = "") -> None:  # fmt: skip
        program = shutil.which("baresip")
        assert program, "baresip is missing: apt-get install baresip (make peers)"
        self.directory = directory / f"baresip-{user}"
        self.heard = self.directory / "heard"
        self.heard.mkdir(parents=True)
        self.sip_port, _tls, self.control_port = free_port(), free_port(), free_port()
        rtp_ports = free_port(RTP_PORTS)  # by default all from 10000 to 20000, where others' ports are too
        modules = "".join(f"module {name}.so\n" for name in ("g711", "aufile", "aubridge", "sndfile")) + "".join(
            f"module_app {name}.so\n" for name in ("account", "menu", "ctrl_tcp")
        )
        (self.directory / "config").write_text(
            f"sip_listen 127.0.0.1:{self.sip_port}\nnet_interface 127.0.0.1\n"
            f"rtp_ports {rtp_ports}-{rtp_ports + RTP_PORTS - 1}\naudio_source aufile,{voice}\n"
            f"audio_player aubridge,nowhere\naudio_alert aubridge,nowhere\nsnd_path {self.heard}\n"
            f"ctrl_tcp_listen 127.0.0.1:{self.control_port}\nmodule_path /usr/lib/baresip/modules\n{modules}{config}"
        )
        mode = "auto" if answers else "manual"
        (self.directory / "accounts").write_text(
            f"<sip:{user}@{registrar[0]}:{registrar[1]};transport={transport}>;auth_pass={password};regint=60;answermode={mode};"
            f"audio_codecs={codec}{account}\n"
        )
        self.log = self.directory / "output.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "-4", "-f", str(self.directory)],
                cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.control = self._connect()

    def __enter__(self) -> Baresip:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        self.control.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        if kind is not None:
            print(self.log.read_text(errors="replace")[-3000:])

    def _connect(self) -> socket.socket:
        def connected() -> socket.socket | None:
            try:
                return socket.create_connection(("127.0.0.1", self.control_port), 1)
            except OSError:
                return None

        control = wait_until(connected, "baresip listens on its control socket")
        assert isinstance(control, socket.socket)
        return control

    def tell(self, command: str, params: str = "") -> None:
        """One of baresip's commands; its answer is in the log."""
        text = json.dumps({"command": command, "params": params, "token": "t"})
        self.control.sendall(f"{len(text)}:{text},".encode())

    def registered(self) -> None:
        wait_until(lambda: b"200 OK" in self.log.read_bytes(), "baresip is registered")

    def samples(self) -> list[int]:
        """What it has heard up to now, of its latest call. The file is not finished, so its header is not believed."""
        files = sorted(self.heard.glob("dump-*-dec.wav"))
        if not files:
            return []
        data = files[-1].read_bytes()[44:]
        return list(struct.unpack(f"<{len(data) // 2}h", data[: len(data) // 2 * 2]))

    def wait_for_tone(self, hertz: float, timeout_s: float = SOON_S) -> None:
        from tests.live.ear import hears_tone

        wait_until(lambda: hears_tone(self.samples(), hertz), f"baresip hears {hertz:g} Hz", timeout_s)
