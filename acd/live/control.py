"""The control socket: where `acd status` and its like ask the running engine.

A Unix stream socket that only its owner may open. One JSON object a line: ``{"verb": "agent", "args": {…}}`` is
answered, in order, by ``{"ok": true, "data": {…}}`` or ``{"ok": false, "error": "…"}``.
"""

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

Handler = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

MAX_REQUEST: Final = 64 << 10  # bytes in a line
MAX_CONNECTIONS: Final = 64
MAX_PATH: Final = 107  # bytes, sun_path less its zero


class ControlError(OSError):
    """The socket cannot be had; the text says why and what to do."""


class Request(msgspec.Struct, forbid_unknown_fields=True):
    verb: str
    args: dict[str, Any] = msgspec.field(default_factory=dict)


class ControlServer:
    """Serves `handler(verb, args)` at `path`. What the handler returns goes out as it is; an exception of its becomes
    an error, and the connection lives on."""

    def __init__(
        self, path: Path, handler: Handler, *, failed: Callable[[str, BaseException], None] | None = None
    ) -> None:
        self._path = path
        self._handler = handler
        self._failed = failed
        self._server: asyncio.Server | None = None
        self._inode = -1
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises `ControlError` if another engine answers there, or no socket can be made."""
        try:
            listener = _bind(self._path)
        except OSError as problem:
            if isinstance(problem, ControlError):
                raise
            raise ControlError(f"control socket {self._path}: {problem.strerror or problem}") from None
        self._inode = self._path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._connected, sock=listener, limit=MAX_REQUEST)

    async def close(self) -> None:
        """Stop answering and remove the socket, unless somebody else's stands there by now."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with suppress(OSError):
                if self._path.stat().st_ino == self._inode:
                    self._path.unlink()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if len(self._tasks) > MAX_CONNECTIONS:
                await _send(writer, {"ok": False, "error": f"more than {MAX_CONNECTIONS} control connections"})
            else:
                await self._converse(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the other side is gone, or we are closing: nobody is left to tell
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:  # the limit
                await _send(writer, {"ok": False, "error": f"a request of more than {MAX_REQUEST} bytes"})
                return
            if not line.endswith(b"\n"):
                return
            await _send(writer, await self._answer(line))

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = msgspec.json.decode(line, type=Request)
        except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
            return {"ok": False, "error": f"not a request: {problem}"}
        try:
            return await self._handler(request.verb, request.args)
        except Exception as problem:
            if self._failed is not None:
                self._failed(request.verb, problem)
            return {"ok": False, "error": f"{request.verb}: {type(problem).__name__}: {problem}"}


async def _send(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(msgspec.json.encode(answer) + b"\n")
    async with asyncio.timeout(10.0):  # not `wait_for`, which may swallow the cancellation of `close` (Python 3.11)
        await writer.drain()


def _bind(path: Path) -> socket.socket:
    """A listening socket at `path`, mode 0600; one left behind by an engine that is gone is replaced."""
    if len(os.fsencode(path)) > MAX_PATH:
        raise ControlError(f"control socket {path}: the path is longer than {MAX_PATH} bytes; choose a shorter one")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() or path.is_symlink():
        _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
        listener.listen(16)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    listener.setblocking(False)
    return listener


def _remove_stale(path: Path) -> None:
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise ControlError(f"control socket {path}: a file that is no socket stands there; remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except OSError as problem:
            if problem.errno not in (errno.ECONNREFUSED, errno.ENOENT):
                raise
        else:
            raise ControlError(
                f"control socket {path}: an engine answers there already; stop it or choose another path"
            )
    path.unlink(missing_ok=True)
