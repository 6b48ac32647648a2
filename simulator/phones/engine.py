"""An engine of our own for the time of a demo or a load: `acd run` as another process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from acd.cli.client import ControlClient, NoEngine, Refused, connected
from acd.config import Hotline

START_S: Final = 20.0
END_S: Final = 10.0


class Unplayable(RuntimeError):
    """This configuration cannot be played here and now; the text says why and what to do."""


class Engine:
    """`acd run` on a configuration, its log in a file beside the control socket; `control` asks it."""

    def __init__(self, hotline: Hotline) -> None:
        """Returns when it serves. Raises `Unplayable`."""
        if _serves(hotline):
            raise Unplayable(
                f"an engine runs here already ({hotline.control}): end it first (Ctrl-C where it runs, or "
                f"`acd drain --control {hotline.control}`)"
            )
        self.hotline = hotline
        self.control: ControlClient | None = None
        self.log = hotline.control.parent / f"{hotline.file.stem}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            # A session of its own: a Ctrl-C in the terminal is for us, and we end it in our own time. By the pipe it
            # learns that we are gone, however that came about.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "acd", "run", str(hotline.file), "--until-stdin-closes"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            self.control = self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> ControlClient:
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.process.poll() is None:
            if _serves(self.hotline):
                return ControlClient(self.hotline.control)
            time.sleep(0.05)
        raise Unplayable(f"the engine did not start: {_last_words(self.log)} (its log: {self.log})")

    def stop(self) -> None:
        """Ctrl-C for it; harder only if it does not listen."""
        if self.control is not None:
            self.control.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()


def _last_words(log: Path) -> str:
    """Why it ended, as its log tells."""
    lines = log.read_text(errors="replace").splitlines() or ["it said nothing"]
    try:
        why = str(json.loads(lines[-1])["why"])
    except (ValueError, KeyError, TypeError):  # not from the log: a traceback, a line for a person
        return lines[-1]
    return f"{why}; is another hotline running?" if "in use" in why else why


def _serves(hotline: Hotline) -> bool:
    try:
        with connected(hotline.control) as client:
            client.ask("status")
    except (NoEngine, Refused):
        return False
    return True
