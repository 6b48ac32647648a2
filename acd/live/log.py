"""The log: structlog, one JSON object or one console line an entry, on standard error.

``configure(…)`` once, then ``log = get("sip")`` and ``log.info("leg arrived", leg=leg, caller=caller)``. An entry
about a leg or an operation gets its ``call`` by itself (the name holds it). Levels that are off cost a method call.
Entries go to a thread through a bounded buffer, and become lines there, many together: a terminal or a pipe that
stalls loses lines, which is counted and said, and never holds up a call. Text from peers cannot forge a line or move a
cursor: whatever is not printable is escaped.
"""

import atexit
import logging
import os
import sys
from collections import deque
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import sleep, time_ns
from typing import Any, Final, Literal, TextIO, TypeAlias

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger, Processor

from acd.config.shell import Log
from acd.core.ids import call_of
from acd.text import harmless

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]

MAX_TEXT: Final = 1000  # characters of one value
MAX_WAITING: Final = 10_000  # lines
PAUSE_S: Final = 0.2  # between two writes
TOGETHER: Final = 100  # lines in one: the interpreter is the thread's as long as it makes them
SECRET: Final = frozenset({"password", "pin", "secret", "digits", "authorization", "key", "token"})
_encoder = msgspec.json.Encoder(enc_hook=repr)
Entry: TypeAlias = tuple[int, str, dict[str, Any]]
"""When (ns since the epoch), the level, and what is to be said: all that a line is made of."""


def setup(level: Level = "info", format: Format = "auto", file: Path | None = None) -> "Output":
    """Let everything logged from now on, the standard library's included, go to `file` (None: standard error).
    `auto`: console lines on a terminal, else JSON. Returns the output, to be closed at the end. Raises `OSError` if
    the file cannot be opened."""
    stream = file.open("a", encoding="utf-8") if file is not None else sys.stderr
    on_terminal = stream.isatty()
    as_json = format == "json" or (format == "auto" and not on_terminal)
    output = Output(stream)
    number = getattr(logging, level.upper())
    logger = structlog.make_filtering_bound_logger(number)
    if as_json:  # the chain of processors is two functions long: they are called, without what structlog puts between
        logger = type("Direct", (logger,), {"_proxy_to_logger": _direct})
    processors: list[Processor] = [
        _complete, structlog.dev.ConsoleRenderer(colors=on_terminal, sort_keys=False), _bytes,
    ]  # fmt: skip
    structlog.configure(
        processors=processors,
        wrapper_class=logger,
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_FromLogging()], force=True)
    atexit.register(output.close)
    return output


def configure(log: Log, level: Level | None = None) -> "Output":
    """As the configuration says; `level` is the command line's and goes before it."""
    return setup(level or log.level, log.format, log.file)


def get(name: str) -> FilteringBoundLogger:
    """The logger of one part of the engine."""
    logger: FilteringBoundLogger = structlog.get_logger().bind(logger=name)
    return logger


class Output:
    """Writes lines to a stream's file descriptor from a thread of its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[bytes | Entry] = deque()
        self._lost = 0
        self._wake = Flag()
        self._ended = False
        self._thread = Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def msg(self, line: bytes | Entry) -> None:
        """Take one line, or what it is made of; it is dropped and counted while too many wait."""
        if len(self._lines) >= MAX_WAITING:
            self._lost += 1
            return
        self._lines.append(line)
        if not self._wake.is_set():
            self._wake.set()

    debug = info = warning = warn = error = critical = fatal = exception = log = msg

    def close(self) -> None:
        """Write what waits, for at most a second."""
        self._ended = True
        self._wake.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._ended or self._lines:
            self._wake.wait()
            if not self._ended and len(self._lines) < TOGETHER:
                sleep(PAUSE_S)  # waking a thread for each line costs whoever logs more than the line does
            self._wake.clear()
            lines: list[bytes] = []
            while self._lines and len(lines) < TOGETHER:
                line = self._lines.popleft()
                try:
                    lines.append(line if isinstance(line, bytes) else _line(line))
                except Exception:  # a value that cannot be shown: the thread must outlive it
                    self._lost += 1
            if self._lost:
                lost, self._lost = self._lost, 0
                lines.append(_encoder.encode({"level": "warning", "event": "log lines lost", "lost": lost}))
            if self._lines or self._ended:
                self._wake.set()
            self._write(b"\n".join(lines) + b"\n" if lines else b"")

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._stream.fileno(), data) :]
        except (OSError, ValueError):
            self._lost += 1  # nowhere is left to say it but the next line


def _direct(self: Any, method: str, event: str | None = None, **entry: Any) -> None:
    """In place of a logger's `_proxy_to_logger`."""
    made: Entry = (time_ns(), method, {**self._context, **entry, "event": event})
    self._logger.msg(_line(made) if "exc_info" in entry else made)  # the exception is known here only


def _line(entry: Entry) -> bytes:
    return _encoder.encode(_completed(*entry))


def _complete(_logger: Any, method: str, entry: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A processor, for the console."""
    return _completed(time_ns(), method, entry)


def _completed(now_ns: int, method: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Time, level and call in front; every text made harmless."""
    done: dict[str, Any] = {"timestamp": _timestamp(now_ns), "level": method}
    if "call" not in entry and (name := entry.get("leg") or entry.get("op")):
        done["call"] = call_of(str(name))
    for key, value in entry.items():
        if key == "exc_info":
            if value:
                done["exception"] = _traceback(value)
        elif value.__class__ is str:
            plain = len(value) <= MAX_TEXT and value.isprintable()  # nearly every one: two calls less
            done[key] = "•" if key in SECRET else value if plain else _bounded(value)
        elif value is None or value.__class__ in (int, float, bool):
            done[key] = value if key not in SECRET else "•"
        else:
            done[key] = _tame(value)
    return done


def _bounded(text: str) -> str:
    return harmless(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…")


def _traceback(given: Any) -> str:
    """The end of a traceback; no local variables (they hold secrets), no line that could pass for an entry."""
    text: str = structlog.processors.format_exc_info(None, "error", {"exc_info": given}).get("exception", "")
    return "\n".join("    " + _bounded(line) for line in text.splitlines()[-40:])


def _tame(value: Any) -> Any:
    if isinstance(value, str):
        return _bounded(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {_bounded(str(key)): _tame(item) if key not in SECRET else "•" for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tame(item) for item in value]
    return _bounded(repr(value))


def _timestamp(now_ns: int) -> str:
    second, nanoseconds = divmod(now_ns, 1_000_000_000)
    return f"{_until_the_second(second)}.{nanoseconds // 1000:06}+00:00"


@lru_cache(maxsize=1)
def _until_the_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _bytes(_logger: Any, _method: str, line: Any) -> bytes:
    return str(line).encode("utf-8", "backslashreplace")


class _FromLogging(logging.Handler):
    """What the standard library or a dependency logs, into the same output."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = get(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info or None)
