"""The live engine as a process: `acd run`, until a signal, a drain, or the end of whoever started it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from acd.config import ConfigError, load
from acd.config.shell import Hotline as Configuration
from acd.journal.codec import JournalError
from acd.live.hotline import Hotline
from acd.live.log import Level, configure, get
from acd.secret import SecretMissing
from media.client import MediaError


def run(path: Path, *, log_level: Level | None = None, until_stdin_closes: bool = False) -> int:
    """`acd run`: 0 after a clean end, 1 when the configuration or the machine does not allow a start."""
    import uvloop

    try:
        configuration = load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    output = configure(configuration.log, log_level)
    try:
        uvloop.run(serve(configuration, until_stdin_closes=until_stdin_closes))
    except (OSError, JournalError, MediaError, SecretMissing) as error:
        get("hotline").error("cannot start", why=str(error))
        return 1
    finally:
        output.close()
    return 0


async def serve(configuration: Configuration, *, until_stdin_closes: bool = False) -> None:
    """Serve until SIGINT or SIGTERM, or until a drain is through; if so asked, until standard input closes."""
    hotline = Hotline(configuration)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hotline.stopped.set)
    if until_stdin_closes:
        _watch_stdin(loop, hotline.stopped.set)
    try:
        await hotline.start()
        await hotline.stopped.wait()
    finally:
        await hotline.close()


def _watch_stdin(loop: asyncio.AbstractEventLoop, closed: Callable[[], object]) -> None:
    """Whoever started us and holds the other end of a pipe may be killed without a word; the system closes it for him.
    Raises OSError for what cannot be waited for, such as a file."""
    stdin = sys.stdin.fileno()

    def read() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            closed()

    try:
        loop.add_reader(stdin, read)
    except PermissionError:
        raise OSError("standard input never closes: it should be a pipe") from None
