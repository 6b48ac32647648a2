"""The heap in large pages: nothing in it changes, and without the kernel's help nothing happens."""

import sys

import pytest

from acd.live import pages


def test_what_is_in_memory_stays_as_it_is() -> None:
    kept = [bytes([number % 256]) * 1000 for number in range(10_000)]
    made = pages.gather()
    assert made >= 0
    assert all(one == bytes([number % 256]) * 1000 for number, one in enumerate(kept))


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert pages.gather() == 0


def test_only_the_process_s_own_memory_is_meant() -> None:
    maps = """\
55d0c0a00000-55d0c2c00000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000800000 rw-p 00000000 00:00 0\x20
7f0001000000-7f0001800000 r-xp 00000000 fe:00 4711                       /usr/lib/libpython3.11.so.1.0
7f0002000000-7f0002800000 rw-p 00003000 fe:00 4711                       /usr/lib/libpython3.11.so.1.0
7f0003000000-7f0003800000 ---p 00000000 00:00 0\x20
7ffd00000000-7ffd00800000 rw-p 00000000 00:00 0                          [stack]
"""
    assert pages._HEAP.findall(maps) == [("55d0c0a00000", "55d0c2c00000"), ("7f0000000000", "7f0000800000")]
