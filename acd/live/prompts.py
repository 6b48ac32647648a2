"""From what the core says (``welcome``, ``digits:4711``, ``whisper:loans``) to the files a worker plays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

LONGEST: Final = 64
"""The most parts that one spoken figure may have."""


class UnknownPrompt(LookupError):
    """No file stands behind this name."""


class Prompts:
    """The prompts of one configuration, by name.

    A figure is spelled out of recorded parts named ``digit-0`` … ``digit-9``; a whisper to the agent is the prompt
    ``whisper-QUEUE`` or, where nobody recorded one, ``whisper``.
    """

    def __init__(self, recorded: Mapping[str, Path], music: Mapping[str, Path]) -> None:
        self._recorded = recorded
        self._music = {name: str(path) for name, path in music.items()}

    def music(self, name: str) -> str:
        """The file of a music on hold; the default one for a name that is gone since a reload; "" without any."""
        return self._music.get(name) or self._music.get("default", "")

    def files(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The files, in order. Raises `UnknownPrompt`."""
        return tuple(str(path) for name in names for path in self._parts(name))

    def _parts(self, name: str) -> list[Path]:
        kind, colon, what = name.partition(":")
        if not colon:
            return [self._file(name)]
        if kind in ("digits", "number"):
            return [self._file(f"digit-{digit}") for digit in what[:LONGEST] if digit.isdecimal()]
        if kind == "whisper":
            return [self._recorded.get(f"whisper-{what}") or self._file("whisper")]
        raise UnknownPrompt(f"prompt {name!r}: nothing is known of {kind!r}")

    def _file(self, name: str) -> Path:
        try:
            return self._recorded[name]
        except KeyError:
            raise UnknownPrompt(f"prompt {name!r} has no file") from None
