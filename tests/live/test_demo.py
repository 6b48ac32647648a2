"""`acd demo` on the bank example, as `make run` starts it, only at ports of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from itertools import count, islice
from pathlib import Path

import pytest

from simulator.phones.script import bank_callers
from tests.live.harness import free_port, wait_until

BANK = Path(__file__).parents[2] / "examples" / "bank"


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """The bank's configuration, with what it names by relative paths, and every SIP port another one."""
    ports: dict[str, int] = {}

    def another(found: re.Match[str]) -> str:
        return f"127.0.0.1:{ports.setdefault(found[1], free_port())}"

    text = (BANK / "hotline.yaml").read_text(encoding="utf-8")
    text = re.sub(r"127\.0\.0\.1:(\d+)", another, text)
    text = text.replace("../../run/", "run/").replace("../../ivr_flows/", f"{BANK.parents[1]}/ivr_flows/")
    for name in ("prompts: prompts", "default: music", "file: secrets.env"):
        key, _, path = name.partition(": ")
        text = text.replace(name, f"{key}: {BANK / path}")
    file = tmp_path / "hotline.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def demo(file: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "acd", "demo", str(file), *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=file.parent,
    )  # fmt: skip


def test_callers_give_up_while_they_wait_and_the_hotline_counts_them(bank: Path) -> None:
    seed = next(n for n in count() if [s.gives_up_s is None for s in islice(bank_callers(n), 3)] == [True, False, True])
    done = demo(bank, "--calls", "3", "--json", "--seed", str(seed))
    out, said = done.communicate(timeout=180)
    assert done.returncode == 0, said
    found = json.loads(out)
    assert [found[name] for name in ("calls", "answered", "abandoned", "failed")] == [3, 2, 1, 0]
    [gone] = [outcome for outcome in found["outcomes"] if outcome["outcome"] == "abandoned"]
    assert gone["queue"], "he left a queue, not the menu"
    assert (gone["agent"], gone["talk_s"]) == (None, 0.0)
    assert gone["wait_s"] > 1.0


def descendants(pid: int) -> list[int]:
    """Everybody this process has started, and they in turn."""
    children = [int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]
    return [*children, *(one for child in children for one in descendants(child))]


def is_alive(pid: int) -> bool:
    """A process that runs; not one that has ended, of which only nobody has taken note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_demo_that_is_killed_leaves_nobody_behind(bank: Path) -> None:
    running = demo(bank, "--calls", "500")
    assert running.stderr is not None
    assert running.stderr.readline().startswith("1/500 "), "calls are under way"
    started = descendants(running.pid)
    assert len(started) >= 3, "the engine, its media worker and that of the telephones"
    running.kill()
    running.communicate(timeout=60)
    wait_until(lambda: not any(map(is_alive, started)), "they are all gone", 60)
    assert not (bank.parent / "run" / "acd.sock").exists(), "the engine has ended as it should"


def test_so_many_calls_give_one_json_object_and_nobody_is_left(bank: Path) -> None:
    done = demo(bank, "--calls", "4", "--json")
    out, said = done.communicate(timeout=180)
    assert done.returncode == 0, said
    found = json.loads(out)
    assert out.count("\n") == 1
    assert (found["calls"], found["failed"]) == (4, 0)
    assert found["answered"] + found["abandoned"] == 4
    assert {"id", "caller", "queue", "agent", "wait_s", "talk_s", "outcome"} == set(found["outcomes"][0])
    assert "4/4 " in said
    assert not (bank.parent / "run" / "acd.sock").exists()


def test_ctrl_c_ends_it_without_waiting_for_its_callers(bank: Path) -> None:
    running = demo(bank, "--calls", "500")
    socket_file = bank.parent / "run" / "acd.sock"
    wait_until(socket_file.exists, "the engine is up", 60)
    running.send_signal(signal.SIGINT)
    out, said = running.communicate(timeout=180)
    assert "Traceback" not in said
    assert "failed" in out or running.returncode == 1, "interrupted among its calls, or before the first"
    wait_until(lambda: not socket_file.exists(), "the engine is gone too")


@pytest.mark.parametrize("which", ["engine", "phones"])
def test_a_port_in_use_is_named(bank: Path, which: str) -> None:
    pattern = r"trunks: \{sip: \"udp:127\.0\.0\.1:(\d+)" if which == "engine" else r"sources: \[\"127\.0\.0\.1:(\d+)"
    found = re.search(pattern, bank.read_text(encoding="utf-8"))
    assert found is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", int(found[1])))
        refused = demo(bank, "--calls", "1")
        out, said = refused.communicate(timeout=180)
    assert (refused.returncode, out) == (1, "")
    assert f"udp:127.0.0.1:{found[1]}: Address already in use" in said
    assert "Traceback" not in said
