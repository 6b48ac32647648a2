"""The control socket: who may open it, what it survives."""

import asyncio
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from acd.cli.client import ControlClient, NoEngine, Refused
from acd.live import control
from acd.live.control import ControlError, ControlServer
from tests.cli.engine import FakeEngine, serving


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "acd.sock"


def test_only_its_owner_may_open_it_and_it_is_gone_afterwards(path: Path) -> None:
    before = os.umask(0)
    try:
        with serving(path, FakeEngine()):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert not path.exists()


def test_questions_and_answers_go_in_order_over_one_connection(path: Path) -> None:
    engine = FakeEngine()
    engine.answers = {"one": {"ok": True, "data": {"n": 1}}, "two": {"ok": False, "error": "no"}}
    with serving(path, engine):
        client = ControlClient(path)
        assert client.ask("one") == {"n": 1}
        with pytest.raises(Refused, match="no"):
            client.ask("two", id="x")
        assert client.ask("one") == {"n": 1}
        client.close()
    assert engine.asked == [("one", {}), ("two", {"id": "x"}), ("one", {})]


def exchange(path: Path, data: bytes) -> bytes:
    """Send bytes, read until the server closes or a line has come."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(30.0)
        peer.connect(os.fspath(path))
        peer.sendall(data)
        return peer.recv(1 << 16)


@pytest.mark.parametrize(
    "data",
    [b"\n", b"[]\n", b"{\n", b"\xff\xfe\n", b'{"verb":1}\n', b'{"verb":"x","args":[]}\n', b'{"verb":"x","more":1}\n'],
)
def test_what_is_no_request_is_said_to_be_none(path: Path, data: bytes) -> None:
    engine = FakeEngine()
    with serving(path, engine):
        assert exchange(path, data).startswith(b'{"ok":false,"error":"not a request: ')
    assert engine.asked == []


def test_a_line_without_end_is_refused(path: Path) -> None:
    with serving(path, FakeEngine()):
        assert b"a request of more than 65536 bytes" in exchange(path, b"x" * (control.MAX_REQUEST * 2))


def test_half_a_request_and_no_request_disturb_nobody(path: Path) -> None:
    with serving(path, FakeEngine()):
        for data in (b"", b'{"verb":"sta'):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(os.fspath(path))
                peer.sendall(data)
        client = ControlClient(path)
        assert client.ask("status")["name"] == "bank"
        client.close()


def test_a_handler_that_fails_is_an_error_and_the_connection_lives_on(path: Path) -> None:
    failed: list[str] = []

    async def handler(verb: str, args: dict[str, Any]) -> dict[str, Any]:
        if verb == "bad":
            raise KeyError("queue")
        return {"ok": True, "data": {}}

    async def story() -> None:
        server = ControlServer(path, handler, failed=lambda verb, problem: failed.append(f"{verb} {problem!r}"))
        await server.start()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"verb":"bad"}\n{"verb":"good"}\n')
        assert await reader.readline() == b'{"ok":false,"error":"bad: KeyError: \'queue\'"}\n'
        assert await reader.readline() == b'{"ok":true,"data":{}}\n'
        await server.close()
        assert await reader.read() == b""
        writer.close()

    asyncio.run(story())
    assert failed == ["bad KeyError('queue')"]


def test_more_connections_than_may_be_are_turned_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "MAX_CONNECTIONS", 2)
    with serving(path, FakeEngine()):
        clients = [ControlClient(path) for _ in range(2)]
        for client in clients:
            client.ask("status")
        third = ControlClient(path)
        with pytest.raises((Refused, NoEngine)):
            third.ask("status")
        for client in (*clients, third):
            client.close()


def test_a_socket_left_behind_is_replaced_and_one_in_use_is_not(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.fspath(path))
    with pytest.raises(NoEngine, match="is gone"):
        ControlClient(path)
    first = FakeEngine()
    with serving(path, first):
        with pytest.raises(ControlError, match="an engine answers there already"), serving(path, FakeEngine()):
            pass
        client = ControlClient(path)
        assert client.ask("status")
        client.close()


def test_what_is_no_socket_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(ControlError, match="a file that is no socket stands there"), serving(path, FakeEngine()):
        pass
    assert path.read_text() == "precious"


def test_a_path_too_long_or_impossible_is_said(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="longer than 107 bytes"), serving(tmp_path / ("x" * 110), FakeEngine()):
        pass
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ControlError, match=r"control socket .*file/acd.sock"),
        serving(tmp_path / "file/acd.sock", FakeEngine()),
    ):
        pass


def test_another_engines_socket_is_not_removed_at_the_end(path: Path) -> None:
    with serving(path, FakeEngine()):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(os.fspath(path))
    assert path.exists()


def test_an_engine_that_goes_away_is_said(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        path.parent.mkdir()
        listener.bind(os.fspath(path))
        listener.listen()
        client = ControlClient(path)
        connection, _ = listener.accept()
        connection.close()
        with pytest.raises(NoEngine, match=r"without an answer|no answer"):
            client.ask("status")
        client.close()
