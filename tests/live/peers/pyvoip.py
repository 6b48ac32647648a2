"""pyVoIP as a telephone. It is GPL, so it lives in a process of its own and is never imported by what we ship."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.live.ear import hears_tone
from tests.live.harness import SOON_S, free_port, wait_until

ROOT = Path(__file__).parents[3]


class PyVoip:
    """`role`: caller, who dials `dial` at once, or agent, who answers. It speaks a tone of `hertz`."""

    def __init__(self, directory: Path, role: str, **how: Any) -> None:
        """`how`: user, password, registrar_port, hertz, dial."""
        self.heard = directory / f"pyvoip-{role}.raw"
        self.log = directory / f"pyvoip-{role}.txt"
        low = free_port()
        for _ in range(9):
            free_port()  # it takes one of ten by chance
        settings = {"role": role, "heard": str(self.heard), "sip_port": free_port(), "rtp_low": low, **how}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.live.peers.pyvoip_phone", json.dumps(settings)],
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=ROOT,
            )  # fmt: skip

    def __enter__(self) -> PyVoip:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdin is not None
        self.process.stdin.close()
        if kind is not None:
            print(self.log.read_text(errors="replace")[-3000:])

    def said(self, word: str, timeout_s: float = SOON_S) -> None:
        wait_until(lambda: word in self.log.read_text(errors="replace").split(), f"pyVoIP says {word}", timeout_s)

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def samples(self) -> list[int]:
        data = self.heard.read_bytes() if self.heard.exists() else b""
        return list(struct.unpack(f"<{len(data) // 2}h", data[: len(data) // 2 * 2]))

    def wait_for_tone(self, hertz: float, timeout_s: float = SOON_S) -> None:
        wait_until(lambda: hears_tone(self.samples(), hertz), f"pyVoIP hears {hertz:g} Hz", timeout_s)
