"""The log: a call in every line of its legs, nothing that a peer could forge, no secret, no stall."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog

from acd.config.shell import Log
from acd.live import log
from acd.text import harmless


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging as it was, for the tests that come after."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


class Written:
    """A log file, set up; `lines` closes it and reads."""

    def __init__(self, path: Path, format: log.Format = "json", level: log.Level = "info") -> None:
        self.path = path
        self.output = log.setup(level, format, path)

    def text(self) -> str:
        self.output.close()
        return self.path.read_text(encoding="utf-8")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


def test_a_line_of_a_leg_or_an_operation_has_its_call(tmp_path: Path) -> None:
    written = Written(tmp_path / "log")
    sip = log.get("sip")
    sip.info("leg arrived", leg="3-17.0", caller="13800000001")
    sip.info("played", op="3-18.p2")
    sip.info("record", call="3-19", leg="3-17.0")
    sip.info("up", boot=3, since=1.5, dry=True, nothing=None)
    one, two, three, four = written.lines()
    assert (one["call"], two["call"], three["call"]) == ("3-17", "3-18", "3-19")
    assert "call" not in four
    assert (four["boot"], four["since"], four["dry"], four["nothing"]) == (3, 1.5, True, None)
    assert one["event"] == "leg arrived"
    assert (one["level"], one["logger"]) == ("info", "sip")
    assert one["timestamp"].endswith("+00:00")


EVIL = 'x\n{"level":"info","event":"forged"}\r\x1b[2J\x9b31m\u202e\udc80\x00'


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_peers_text_forges_no_line_and_moves_no_cursor(tmp_path: Path, format: log.Format) -> None:
    written = Written(tmp_path / "log", format)
    sip = log.get("sip")
    sip.info("bad message", text=EVIL, inner={"a": [EVIL]}, thing=Exception(EVIL))
    sip.info(EVIL)
    text = written.text()
    assert text.count("\n") == 2
    assert text.replace("\n", "").isprintable()


def test_secrets_do_not_reach_the_log(tmp_path: Path) -> None:
    written = Written(tmp_path / "log")
    log.get("sip").info("registered", password="hunter2", pin=4711, inner={"authorization": "hunter2", "user": "a1"})
    try:
        password = "hunter" + "2"
        raise ValueError(f"no such user, {len(password)} letters")
    except ValueError:
        log.get("sip").exception("refused")
    text = written.text()
    assert "hunter2" not in text
    assert "4711" not in text
    assert "no such user, 7 letters" in text
    assert "a1" in text


def test_a_long_text_is_cut(tmp_path: Path) -> None:
    written = Written(tmp_path / "log")
    log.get("sip").info("message", text="x" * 100_000)
    assert len(written.text()) < 1500


def test_levels_and_what_the_command_line_says(tmp_path: Path) -> None:
    output = log.configure(Log("info", "json", tmp_path / "log"), level="warning")
    log.get("sip").info("quiet")
    log.get("sip").warning("loud")
    logging.getLogger("asyncio").error("slow %s", "callback")
    logging.getLogger("asyncio").info("chatter")
    output.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [(line["logger"], line["event"]) for line in lines] == [("sip", "loud"), ("asyncio", "slow callback")]


def test_a_value_that_cannot_be_shown_costs_its_own_line_only(tmp_path: Path) -> None:
    class Unspeakable:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    output = log.configure(Log("info", "json", tmp_path / "log"))
    log.get("sip").info("first", what=Unspeakable())
    log.get("sip").info("second", sip=1)
    output.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["second", "log lines lost"]


def test_a_pipe_nobody_reads_holds_up_nobody_and_the_loss_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MAX_WAITING", 50)
    read, write = os.pipe()
    with open(write, "w") as stream:
        os.set_blocking(write, False)
        with suppress(BlockingIOError):
            while True:  # until it is full
                os.write(write, b"x" * 4096)
        os.set_blocking(write, True)
        output = log.Output(stream)
        for _ in range(1000):
            output.msg(b"a line")
        output.close()
        assert output._thread.is_alive(), "still stuck in the pipe; nobody waited for it"
        seen = b""
        while b"log lines lost" not in seen:
            seen += os.read(read, 1 << 16)
        output._thread.join(30.0)
        assert not output._thread.is_alive()
    os.close(read)


def test_harmless() -> None:
    assert harmless("plain 中文 é") == "plain 中文 é"
    assert harmless("a\tb\x7f\u2028") == r"a\tb\x7f\u2028"
