"""Single keys, and the commands that they are."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from softphone.terminal import Desk, Keyboard


def commands(typed: str, *, held: bool = False, muted: bool = False) -> list[str]:
    """What the desk is asked to do when these keys are hit."""
    done: list[str] = []

    async def do(line: str) -> None:
        done.append(line)

    async def hit() -> None:
        phone = SimpleNamespace(held=held, audio=SimpleNamespace(muted=muted))
        keyboard = Keyboard(cast(Desk, cast(Any, SimpleNamespace(phone=phone, do=do))))
        for key in typed:
            keyboard._key(key)
        await asyncio.sleep(0)

    asyncio.run(hit())
    return done


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("a", ["answer"]), ("x", ["hangup"]), ("h", ["hold"]), ("m", ["mute"]),
        ("s", ["swap"]), ("j", ["complete"]), ("k", ["cancel"]),
        ("5*#", ["digits 5", "digits *", "digits #"]),
        ("c95588\r", ["call 95588"]), ("c9558\x7f88\r", ["call 95588"]), ("c95588\x1b", []), ("c\r", []),
        ("tagent:1003\r", ["consult agent:1003"]),
        ("z", []),
    ],
)  # fmt: skip
def test_keys(typed: str, meant: list[str]) -> None:
    assert commands(typed) == meant


def test_the_same_key_takes_it_back() -> None:
    assert commands("h", held=True) == ["resume"]
    assert commands("m", muted=True) == ["unmute"]
