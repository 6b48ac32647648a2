"""A telephone by pyVoIP, in a process of its own: ``python -m tests.live.peers.pyvoip_phone '{"role": "agent", …}'``.

It registers, answers every call (agent) or makes one (caller), speaks a tone, and writes what it hears as 16-bit
samples into the file `heard`. A line on standard input: it hangs up. What happens it prints, a word a line."""

from __future__ import annotations

import json
import math
import struct
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")  # audioop is deprecated, and pyVoIP warns of what it does not know

from pyVoIP.VoIP import CallState, VoIPPhone  # noqa: E402 - the filter comes first


def tone(hertz: float, seconds: float) -> bytes:
    """8-bit unsigned samples, as pyVoIP takes and gives them."""
    return bytes(128 + round(60 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(round(seconds * 8000)))


def say(word: str) -> None:
    print(word, flush=True)


class Telephone:
    def __init__(self, how: dict[str, Any]) -> None:
        self.how = how
        self.call: Any = None
        self.phone = VoIPPhone(
            "127.0.0.1", how["registrar_port"], how["user"], how["password"], myIP="127.0.0.1",
            sipPort=how["sip_port"], rtpPortLow=how["rtp_low"], rtpPortHigh=how["rtp_low"] + 8,
            callCallback=self.talk if how["role"] == "agent" else None,
        )  # fmt: skip

    def run(self) -> None:
        threading.Thread(target=self.hang_up_when_told, daemon=True).start()
        self.phone.start()
        say("registered")
        if self.how["role"] == "caller":
            self.talk(self.phone.call(self.how["dial"]))
        else:
            threading.Event().wait()

    def talk(self, call: Any) -> None:
        self.call = call
        if self.how["role"] == "agent":
            call.answer()
        while call.state != CallState.ANSWERED:
            if call.state == CallState.ENDED:
                say("refused")
                return
            time.sleep(0.02)
        say("answered")
        call.write_audio(tone(self.how["hertz"], 20.0))
        with Path(self.how["heard"]).open("wb", buffering=0) as heard:
            while call.state == CallState.ANSWERED:
                data = call.read_audio(160, blocking=False)
                if data != b"\x80" * 160:
                    heard.write(struct.pack("<160h", *[(sample - 128) * 256 for sample in data]))
                else:
                    time.sleep(0.01)
        say("ended")

    def hang_up_when_told(self) -> None:
        for _ in sys.stdin:
            if self.call is not None:
                self.call.hangup()


if __name__ == "__main__":
    Telephone(json.loads(sys.argv[1])).run()
