"""Asking a running engine over its control socket, from a program that may wait."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

MAX_ANSWER: Final = 64 << 20  # bytes
DEFAULT_PATH: Final = Path("run/acd.sock")


class NoEngine(OSError):
    """Nobody answers at the control socket; the text says what to do."""


class Refused(RuntimeError):
    """The engine said no, and why."""


class ControlClient:
    """One connection; `ask` waits for each answer, at most `timeout_s` seconds."""

    def __init__(self, path: Path, timeout_s: float = 10.0) -> None:
        """Raises `NoEngine`."""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(os.fspath(path))
        except OSError as problem:
            self._socket.close()
            raise NoEngine(_advice(path, problem)) from None
        self._answers = self._socket.makefile("rb")

    def ask(self, verb: str, **args: Any) -> Any:
        """The data of the answer. Raises `Refused` if the engine says no, `NoEngine` if it goes away meanwhile."""
        try:
            self._socket.sendall(json.dumps({"verb": verb, "args": args}).encode() + b"\n")
            line = self._answers.readline(MAX_ANSWER)
        except OSError as problem:
            raise NoEngine(f"no answer from the engine at {self._path}: {problem}") from None
        if not line.endswith(b"\n"):
            raise NoEngine(f"the engine at {self._path} went away without an answer")
        answer = json.loads(line)
        if not answer.get("ok"):
            raise Refused(str(answer.get("error", "no reason was given")))
        return answer.get("data", {})

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


@contextmanager
def connected(path: Path, timeout_s: float = 10.0) -> Iterator[ControlClient]:
    client = ControlClient(path, timeout_s)
    try:
        yield client
    finally:
        client.close()


def _advice(path: Path, problem: OSError) -> str:
    if isinstance(problem, PermissionError):
        return f"{path}: not permitted; ask as the user the engine runs as"
    if isinstance(problem, FileNotFoundError):
        return f"{path}: no engine runs here (start one by `acd run FILE`, or name its socket by --control or --config)"
    if isinstance(problem, ConnectionRefusedError):
        return f"{path}: the engine that made this socket is gone (start it by `acd run FILE`)"
    return f"{path}: {problem.strerror or problem}"
