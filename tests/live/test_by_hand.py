"""What an operator lays over the configuration acts at once and outlives reload and kill -9; and beyond the limits a
caller is told to come back."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.live.bank import Bank
from tests.live.harness import SOON_S, EngineProcess, wait_until
from tests.live.rawsip import Call, RawSip

pytestmark = pytest.mark.peer

OPEN, STORM, CLOSED = 486, 488, 480  # how the flow refuses, unanswered: no audio is needed to tell
FLOW = f"""
steps:
  - when:
      - if: surge("storm")
        do: [hang_up: {STORM}]
      - if: open("office")
        do: [hang_up: {OPEN}]
  - hang_up: {CLOSED}
"""
EXTRA = """
hours: {office: {week: {mon-sun: "00:00-24:00"}}}
surges: {storm: {}}
limits: {calls: 2}
"""


@dataclass
class Desk:
    engine: EngineProcess
    trunk: RawSip
    hotline: tuple[str, int]

    def told(self) -> int:
        """How a call of now is refused."""
        call = self.trunk.call(self.hotline, "95588")
        status = call.expect(f"{OPEN} INVITE", f"{STORM} INVITE", f"{CLOSED} INVITE").status
        assert call.ended.wait(SOON_S)
        return status


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    directory = tmp_path_factory.mktemp("by_hand")
    bank = Bank(directory, flow=FLOW, extra=EXTRA)
    with EngineProcess(directory, bank.text) as engine, RawSip(bank.caller_port) as trunk:
        yield Desk(engine, trunk, ("127.0.0.1", bank.trunk_port))


def test_closed_by_hand_over_reload_and_kill_until_it_is_reset(desk: Desk) -> None:
    assert desk.told() == OPEN
    desk.engine.ask("hours", id="office", op="closed")
    assert desk.told() == CLOSED
    text = desk.engine.file.read_text()
    desk.engine.file.write_text(text.replace('"00:00-24:00"', '"00:00-23:59"'))
    preview = desk.engine.ask("reload", dry_run=True)["changes"]
    assert len(preview) == 7, preview
    assert preview[0] == "hours.office.fri: 00:00-24:00 → 00:00-23:59"
    assert desk.engine.ask("reload")["changes"] == preview
    assert desk.told() == CLOSED
    desk.engine.ask("surge", id="storm", op="on")
    assert desk.told() == STORM
    assert [alarm["name"] for alarm in desk.engine.ask("alarms")["alarms"]] == ["surge:storm"]
    desk.engine.kill()
    desk.engine.start()
    assert desk.engine.ask("overlay")["overlay"] == {"hours:office": "closed", "surge:storm": "on"}
    assert [alarm["name"] for alarm in desk.engine.ask("alarms")["alarms"]] == ["surge:storm"]
    assert desk.told() == STORM
    assert desk.engine.ask("reset", name="surge:storm")["detail"] == "1 taken off"
    wait_until(lambda: not desk.engine.ask("surges")["surges"][0]["on"], "the surge is over")
    assert desk.told() == CLOSED
    assert desk.engine.ask("reset")["detail"] == "1 taken off"
    (calendar,) = desk.engine.ask("calendars")["calendars"]
    assert calendar["by_hand"] is False
    assert desk.told() == (OPEN if calendar["open"] else CLOSED)
    for verb, args in (
        ("hours", {"id": "x", "op": "open"}),
        ("surge", {"id": "x", "op": "on"}),
        ("reset", {"name": "x"}),
    ):
        assert desk.engine.request(verb, **args)["ok"] is False
    assert "may be open, closed, as-planned" in desk.engine.request("hours", id="office", op="shut")["error"]


def test_beyond_the_limit_a_caller_is_told_when_to_come_back(desk: Desk) -> None:
    text = desk.engine.file.read_text()
    flow = desk.engine.directory / "flows" / "main.yaml"
    flow.write_text("steps: [{ring: 20}]")
    desk.engine.file.write_text(text)
    desk.engine.ask("reload")
    waiting: list[Call] = []
    for _ in range(2):
        waiting.append(desk.trunk.call(desk.hotline, "95588"))
        waiting[-1].expect("180 INVITE")
    refused = desk.trunk.call(desk.hotline, "95588").expect("503 INVITE")
    assert refused["retry-after"] == "10"
    for call in waiting:
        call.cancel()
        call.expect("487 INVITE")
    record = next(r for r in desk.engine.records(3) if r["outcome"] == "refused")
    assert record["detail"] == "too many calls"
    desk.engine.wait_idle()
