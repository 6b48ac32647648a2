"""What a restart needs beside the journal: dialogs to say goodbye in, registrations to call back, trunks that stay
blocked (DESIGN §2, Restart).

Dialogs go to a file of JSON lines, ``[leg, dialog]`` when one stands, ``[leg, null]`` when it is over; the file begins
anew at each start. Registrations are one small file, written whole a little after a change, and so are the blocked
trunks. None holds a key or a password. A disk that does not take them costs a restart its goodbyes, never a call.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from acd.live.log import get

Dialog: TypeAlias = dict[str, Any]
DIALOGS: Final = "dialogs.jsonl"
BINDINGS: Final = "bindings.json"
BLOCKED: Final = "blocked.json"
COMPACT_BYTES: Final = 16 << 20


class Saved:
    def __init__(self, directory: Path) -> None:
        """Reads what an earlier life left in `directory`; torn or foreign lines are left out."""
        self._dialogs_file = directory / DIALOGS
        self._bindings_file = directory / BINDINGS
        self._blocked_file = directory / BLOCKED
        self._log = get("saved")
        self._encode = msgspec.json.Encoder().encode
        self._live: dict[str, Dialog] = {}
        self._lines: list[bytes] = []
        self._urgent = False
        self._size = 0
        self._fd = -1
        self.left: dict[str, Dialog] = self._read()
        """Dialogs of earlier lives in which nobody has said goodbye yet."""

    def open(self) -> None:
        """Begin this life's file: it holds what is left of earlier ones until that is done with."""
        self._live = dict(self.left)
        self._begin()

    def stands(self, leg: str, dialog: Dialog) -> None:
        """The dialog of this leg stands, or has changed."""
        self._live[leg] = dialog
        self._urgent = True
        self._lines.append(self._encode([leg, dialog]))

    def over(self, leg: str) -> None:
        """Nobody needs to say goodbye in it any more. That may be written late: a BYE too many is answered by 481."""
        if self._live.pop(leg, None) is not None:
            self._lines.append(self._encode([leg, None]))

    def flush(self, *, all_of_it: bool = False) -> None:
        """Write the dialogs that stand now, in one write; what is over goes along, or waits until there are some or
        `all_of_it` is asked for."""
        if not self._lines or not (self._urgent or all_of_it):
            return
        self._urgent = False
        data = b"\n".join(self._lines) + b"\n"
        self._lines.clear()
        if self._fd < 0 or self._size > COMPACT_BYTES:
            self._begin()
            return
        try:
            self._size += os.write(self._fd, data)
        except OSError as problem:
            self._log.warning("dialogs cannot be saved", why=str(problem))
            self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def bindings(self) -> dict[str, list[list[Any]]]:
        """The registrations an earlier life left."""
        try:
            found: dict[str, list[list[Any]]] = msgspec.json.decode(
                self._bindings_file.read_bytes(), type=dict[str, list[list[Any]]]
            )
        except (OSError, msgspec.DecodeError):
            return {}
        return found

    def save_bindings(self, bindings: dict[str, list[list[object]]]) -> None:
        """All registrations, in place of what the file held."""
        try:
            self._replace(self._bindings_file, self._encode(bindings))
        except OSError as problem:
            self._log.warning("registrations cannot be saved", why=str(problem))

    def blocked(self) -> list[str]:
        """The trunks that an operator had blocked."""
        try:
            return msgspec.json.decode(self._blocked_file.read_bytes(), type=list[str])
        except (OSError, msgspec.DecodeError):
            return []

    def save_blocked(self, trunks: list[str]) -> None:
        try:
            self._replace(self._blocked_file, self._encode(trunks))
        except OSError as problem:
            self._log.warning("blocked trunks cannot be saved", why=str(problem))

    def _read(self) -> dict[str, Dialog]:
        found: dict[str, Dialog] = {}
        try:
            lines = self._dialogs_file.read_bytes().split(b"\n")
        except OSError:
            return found
        for line in lines:
            try:
                leg, dialog = msgspec.json.decode(line, type=tuple[str, Dialog | None])
            except msgspec.DecodeError:
                continue
            if dialog is None:
                found.pop(leg, None)
            else:
                found[leg] = dialog
        return found

    def _begin(self) -> None:
        """A new file with the dialogs that stand."""
        self.close()
        data = b"".join(self._encode([leg, dialog]) + b"\n" for leg, dialog in self._live.items())
        try:
            self._replace(self._dialogs_file, data)
            self._fd = os.open(self._dialogs_file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as problem:
            self._log.warning("dialogs cannot be saved", why=str(problem))
        self._size = len(data)

    @staticmethod
    def _replace(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
        beside.replace(path)
