"""The world as a transcript: what the engine was told and what it commanded, to the hundredth of a second."""

from collections.abc import Iterable
from typing import Any

import pytest

from acd.config.hours import Calendar, spans
from acd.core import commands as c
from acd.core import events as e
from acd.core.engine import Engine
from acd.core.events import Event
from acd.core.flow import Case, Enqueue, HangUpStep, Menu, Say, Step, When
from acd.core.settings import Agent, Device, Queue, Settings, WrapUp
from simulator.results import Replication
from simulator.scenario import Scenario
from simulator.world import play
from tests.simulator.hotlines import hotline, scenario

SHOWN = {
    e.LegArrived: "arrives",
    e.LegRinging: "rings",
    e.LegAnswered: "answered",
    e.LegEnded: "ended",
    e.Digit: "digit",
    e.PlayEnded: "played",
    e.Collected: "collected",
    e.LegHeld: "held",
    e.MediaLost: "lost",
    e.DeviceDown: "down",
    e.DeviceUp: "up",
    e.SignOn: "signs on",
    e.SignOff: "signs off",
    e.Break: "break",
    e.Ready: "ready",
    c.StartLeg: "> start",
    c.EndLeg: "> end",
    c.WriteRecord: "> record",
}


class Watched(Engine):
    """The engine, with a transcript of what matters."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def step(self, event: Event, now: float) -> list[c.Command]:
        commands = super().step(event, now)
        shown = sorted(commands, key=lambda command: isinstance(command, c.WriteRecord))  # a record is nobody's cue
        if now > 0 or isinstance(event, e.LegArrived):
            self.said += [f"{now:.2f} {line}" for line in _lines([event, *shown])]
        return commands


def _lines(things: Iterable[Any]) -> Iterable[str]:
    for thing in things:
        word = SHOWN.get(type(thing))
        if word is None:
            continue
        detail = next(
            (str(getattr(thing, name)) for name in ("leg", "op", "agent", "device") if hasattr(thing, name)), ""
        )
        for more in ("by", "cause", "reason", "digit", "how", "held"):
            said = getattr(thing, more, None)
            if said is not None and (more != "by" or isinstance(thing, e.LegEnded)):
                detail += f" {said}"
        if isinstance(thing, c.WriteRecord):
            detail = f"{thing.record.outcome} after {thing.record.wait_s:.2f}"
        yield f"{word} {detail}"


def day(
    calls_at: list[str],
    *,
    patience: str = "never",
    talk: str = "60",
    latency: float = 0.1,
    more: str = "",
    caller: str = "",
    handling: str = "",
    faults: str = "",
) -> Scenario:
    """Calls at the instants given, as CSV rows would; each caller and agent does the same."""
    found = scenario(
        f"""\
        version: 1
        run: {{start: "2026-03-02T08:00:00+00:00", length_s: 600, replications: 1}}
        arrivals: {{caller: {{per_hour: 0}}}}
        callers: {{caller: {{number: main, patience: {patience}{caller}}}}}
        handling: [{{talk: {talk}{handling}}}]
        world: {{latency: {latency}, faults: {{{faults}}}}}
        {more}"""
    )
    found.calls["caller"] = [float(at) for at in calls_at]
    return found


def watch(settings: Settings, given: Scenario) -> tuple[list[str], dict[str, float | None]]:
    core = Watched()
    book = play(settings, given, 0, core=core)
    return core.said, Replication.of(0, book).total


def test_chats_at_once_and_a_call_on_top() -> None:
    """Two chats at once, the third waits for the first to end; calls of the same day come on top of chats."""
    able = Agent("a0", device="d0", capacity={"voice": 1, "chat": 2}, interrupts={"voice": ("chat",)})
    given = scenario("""\
        version: 1
        run: {start: "2026-03-02T08:00:00+00:00", length_s: 600, replications: 1}
        arrivals: {chat: {per_hour: 0}, call: {per_hour: 0}}
        callers:
          chat: {number: main, patience: never, channel: chat}
          call: {number: main, patience: never}
        handling: [{talk: 60}]
        world: {latency: 0}
        """)
    given.calls |= {"chat": [10.0, 11.0, 12.0], "call": [20.0, 21.0]}
    said, total = watch(hotline(people=[able]), given)
    assert [line for line in said if "arrives" in line or "start" in line] == [
        "10.00 arrives 1-2.0",
        "10.00 > start 1-2.1",
        "11.00 arrives 1-3.0",
        "11.00 > start 1-3.1",
        "12.00 arrives 1-4.0",
        "20.00 arrives 1-5.0",
        "20.00 > start 1-5.1",
        "21.00 arrives 1-6.0",
        "82.00 > start 1-4.1",  # no chat came on top of a call
        "82.00 > start 1-6.1",
    ]
    assert total["answered"] == 5


def test_a_plain_call() -> None:
    """Latency 0.1 s each way, the agent picks up after 2 s, they talk for 60 s, the caller hangs up."""
    said, total = watch(hotline(1), day(["10"]))
    assert said == [
        "10.00 arrives 1-2.0",
        "10.00 > start 1-2.1",
        "10.10 answered 1-2.0",
        "10.20 rings 1-2.1",
        "12.20 answered 1-2.1",
        "72.30 ended 1-2.0 peer hangup",
        "72.30 > end 1-2.1 hangup",
        "72.30 > record answered after 2.20",
        "72.50 ended 1-2.1 us hangup",
    ]
    assert (total["answered"], total["probability_of_wait"]) == (1, 0)
    assert total["mean_wait_s"] == pytest.approx(2.2)
    assert total["mean_ring_s"] == pytest.approx(2.2)
    assert total["mean_talk_s"] == pytest.approx(60.1)
    assert total["occupancy"] == pytest.approx(62.5 / 600)


def test_the_agent_hangs_up_first() -> None:
    said, _ = watch(hotline(1), day(["10"], handling=", agent_ends: 1"))
    assert said[-5:] == [
        "12.20 answered 1-2.1",
        "72.30 ended 1-2.1 peer hangup",
        "72.30 > end 1-2.0 hangup",
        "72.30 > record answered after 2.20",
        "72.50 ended 1-2.0 us hangup",
    ]


def test_an_answer_crosses_the_callers_hang_up() -> None:
    """He gives up at 12.10; the telephone is picked up at 12.10 as well, before our cancel of 12.20 can reach it."""
    said, total = watch(hotline(1), day(["10"], patience="2.05"))
    assert said[4:] == [
        "12.15 ended 1-2.0 peer hangup",
        "12.15 > end 1-2.1 cancelled",
        "12.15 > record abandoned after 2.15",
        "12.20 answered 1-2.1",
        "12.35 ended 1-2.1 us cancelled",
    ]
    assert (total["abandoned"], total["answered"]) == (1, 0)


def test_a_cancel_that_is_in_time() -> None:
    said, _ = watch(hotline(1), day(["10"], patience="1.5"))
    assert said[4:] == [
        "11.60 ended 1-2.0 peer hangup",
        "11.60 > end 1-2.1 cancelled",
        "11.60 > record abandoned after 1.60",
        "11.80 ended 1-2.1 us cancelled",
    ]


def test_the_second_caller_waits_for_the_first() -> None:
    said, total = watch(hotline(1), day(["10", "20"]))
    assert "20.00 > start 1-3.1" not in said
    assert "72.50 > start 1-3.1" in said  # when his BYE is answered, not before
    assert total["probability_of_wait"] == 0.5


def test_nobody_picks_up_and_another_is_asked() -> None:
    people = [Agent("a0", device="d0"), Agent("a1", device="d1")]
    queue = Queue("main", strategy="in_order", ring_s=10, no_answer_delay_s=30, max_no_answer=1)
    more = "agents: {behaviour: [{agents: [a0], no_answer: 1}]}"
    said, total = watch(hotline(queues={"main": queue}, people=people), day(["10"], more=more))
    assert [line for line in said if "start" in line or "no_answer" in line or "ready" in line] == [
        "10.00 > start 1-3.1",
        "20.00 > end 1-3.1 no_answer",
        "20.00 > start 1-3.2",
        "20.20 ended 1-3.1 us no_answer",
        "80.00 ready a0",  # he has noticed that he was taken off
    ]
    assert total["mean_wait_s"] == pytest.approx(12.2)


def test_a_rejected_call() -> None:
    people = [Agent("a0", device="d0"), Agent("a1", device="d1")]
    queue = Queue("main", strategy="in_order")
    more = "agents: {behaviour: [{agents: [a0], reject: 1}]}"
    said, _ = watch(hotline(queues={"main": queue}, people=people), day(["10"], more=more))
    assert said[4:6] == ["12.20 ended 1-3.1 peer rejected", "12.20 > start 1-3.2"]


def test_wrap_up_until_he_says_so() -> None:
    queue = Queue("main", wrap_up=WrapUp("until_done"))
    said, total = watch(hotline(1, queues={"main": queue}), day(["10", "20"], handling=", wrap_up: 15"))
    assert "87.50 ready a0" in said
    assert "87.50 > start 1-3.1" in said
    assert total["mean_wrap_up_s"] == 15


def test_timed_wrap_up_counts_from_the_hang_up() -> None:
    queue = Queue("main", wrap_up=WrapUp("timed", 15))
    said, total = watch(hotline(1, queues={"main": queue}), day(["10", "20"]))
    assert "87.30 > start 1-3.1" in said
    assert total["mean_handling_s"] == pytest.approx(2.2 + 60.1 + 15)


def test_hold_in_the_middle() -> None:
    said, total = watch(hotline(1), day(["10"], handling=", hold: {share: 1, lasts: 20}"))
    assert [line for line in said if "held" in line] == ["42.20 held 1-2.1 True", "62.20 held 1-2.1 False"]
    assert total["mean_hold_s"] == pytest.approx(20)
    assert total["mean_handling_s"] == pytest.approx(2.2 + 60.1 + 20)
    assert total["mean_talk_s"] == pytest.approx(60.1)


def test_a_home_agent_presses_the_key() -> None:
    settings = hotline(1)
    settings.devices["d0"] = Device("d0", number="13800001234", through="carrier", confirm_key="1")
    said, total = watch(settings, day(["10"]))
    assert said[4:7] == ["12.20 answered 1-2.1", "13.80 digit 1-2.1 1", "13.90 played 1-2.1.w stopped"]
    assert total["mean_wait_s"] == pytest.approx(3.8)


def test_an_agent_sends_his_caller_on() -> None:
    """To a queue of its own agents: another talk, and whoever takes it keeps it."""
    queues = {name: Queue(name, {name: 1}, nobody_signed_on="wait") for name in ("main", "cards")}
    people = [Agent("a0", device="d0", skills={"main": 5}), Agent("a1", device="d1", skills={"cards": 5})]
    sent = ", transfer: {share: 1, to: cards}"
    said, total = watch(hotline(queues=queues, people=people), day(["10"], patience="30", handling=sent))
    assert said[4:] == [
        "12.20 answered 1-3.1",
        "72.20 > end 1-3.1 hangup",
        "72.20 > start 1-3.2",
        "72.40 ended 1-3.1 us hangup",
        "72.40 rings 1-3.2",
        "74.40 answered 1-3.2",
        "134.50 ended 1-3.0 peer hangup",
        "134.50 > end 1-3.2 hangup",
        "134.50 > record answered after 4.40",
        "134.70 ended 1-3.2 us hangup",
    ]
    assert total["answered"] == 1
    assert total["mean_talk_s"] == pytest.approx(120.1)


MENU: tuple[Step, ...] = (
    Say(("welcome",), barge_in=False),
    Menu(("menu",), {"1": (Enqueue("main"),), "2": ()}, timeout_s=5, retries=1),
    HangUpStep(),
)


def test_prompts_and_keys_take_their_time() -> None:
    more_caller = ', keys: [{press: "1", after: 3}]'
    said, total = watch(hotline(1, flow=MENU), day(["10"], caller=more_caller))
    assert said[:6] == [
        "10.00 arrives 1-2.0",
        "10.10 answered 1-2.0",
        "14.00 played 1-2.p1 finished",
        "17.00 digit 1-2.0 1",
        "17.00 > start 1-2.1",
        "17.10 played 1-2.p2 stopped",
    ]
    assert total["answered"] == 1


CALL_BACK = (Enqueue("main", keys={"9": (Say(("call-back",)), HangUpStep())}), HangUpStep())


def test_a_key_leads_out_of_the_queue() -> None:
    said, total = watch(hotline(0, flow=CALL_BACK), day(["10"], caller=', waiting_key: {press: "9", after: 7}'))
    assert said[2:] == [
        "17.00 digit 1-1.0 9",
        "21.00 played 1-1.p1 finished",
        "21.00 > end 1-1.0 hangup",
        "21.00 > record key_pressed after 7.00",
        "21.20 ended 1-1.0 us hangup",
    ]
    assert total["key_pressed"] == 1


def test_a_key_that_this_queue_has_not_leads_nowhere() -> None:
    key = ', waiting_key: {press: "1", after: 7}'
    said, total = watch(hotline(0, flow=CALL_BACK), day(["10"], patience="20", caller=key))
    assert total["abandoned"] == 1
    assert not any("digit" in line for line in said)


TWO_STEPS = (
    Enqueue("main", max_wait_s=20, keys={"1": ()}),
    Enqueue("main", keys={"9": (Say(("call-back",)), HangUpStep())}),
    HangUpStep(),
)


@pytest.mark.parametrize(
    ("after", "pressed"),
    [(7, "32.00"), (25, "35.00")],  # on joining the second step, which has the key; or there, when it comes to his mind
)
def test_the_key_is_that_of_the_step_and_not_of_the_queue(after: int, pressed: str) -> None:
    key = f', waiting_key: {{press: "9", after: {after}}}'
    said, total = watch(hotline(0, flow=TWO_STEPS), day(["10"], caller=key))
    assert [line for line in said if "digit" in line] == [f"{pressed} digit 1-1.0 9"]
    assert total["key_pressed"] == 1


def test_who_has_waited_long_enough_is_asked_and_answers() -> None:
    menu = Menu(("sorry",), {"9": (Say(("call-back",)), HangUpStep())})
    flow = (Enqueue("main", max_wait_s=20, keys={"1": ()}), menu, HangUpStep())
    said, total = watch(hotline(0, flow=flow), day(["10"], caller=', keys: [{press: "9", after: 3}]'))
    assert [line for line in said if "digit" in line] == ["33.00 digit 1-1.0 9"]
    assert total["max_wait"] == 1


def test_patience_that_ended_on_the_way_to_another_queue_ends_there() -> None:
    flow = (Enqueue("main", keys={"9": (Say(("to-others",)), Enqueue("main"))}), HangUpStep())
    key = ', waiting_key: {press: "9", after: 7}'
    said, total = watch(hotline(0, flow=flow), day(["10"], patience="9", caller=key))
    assert said[-2:] == ["21.10 ended 1-1.0 peer hangup", "21.10 > record abandoned after 11.10"]
    assert total["abandoned"] == 1


def test_who_is_served_before_presses_nothing() -> None:
    said, total = watch(hotline(1, flow=CALL_BACK), day(["10"], caller=', waiting_key: {press: "9", after: 7}'))
    assert total["answered"] == 1
    assert not any("digit" in line for line in said)


def test_who_presses_nothing_is_asked_again_and_leaves() -> None:
    said, total = watch(hotline(1, flow=MENU), day(["10"]))
    assert said[2:] == [
        "14.00 played 1-2.p1 finished",
        "18.00 played 1-2.p2 finished",
        "27.00 played 1-2.p3 finished",
        "32.00 > end 1-2.0 hangup",
        "32.00 > record self_service after 0.00",
        "32.20 ended 1-2.0 us hangup",
    ]
    assert (total["self_service"], total["queued"], total["mean_wait_s"]) == (1, 0, None)


def test_a_break_asked_for_in_a_call_comes_after_it() -> None:
    more = """\
agents: {roster: [{start: "08:00", end: "16:00", breaks: [{at: "08:01", lasts_s: 100, reason: tea}]}]}"""
    said, total = watch(hotline(1), day(["10", "20"], more=more))
    assert [line for line in said if "break" in line or "ready" in line or "start" in line] == [
        "10.00 > start 1-2.1",
        "60.00 break a0 tea",
        "172.50 ready a0",  # 100 s from the end of the call
        "172.50 > start 1-3.1",
    ]
    assert total["mean_agents"] == pytest.approx(500 / 600)


def test_the_shift_ends_in_a_call() -> None:
    more = 'agents: {roster: [{start: "07:00", end: "08:01"}]}'
    said, total = watch(hotline(1), day(["10"], more=more))
    assert said[-4:] == [
        "72.30 ended 1-2.0 peer hangup",
        "72.30 > end 1-2.1 hangup",
        "72.30 > record answered after 2.20",
        "72.50 ended 1-2.1 us hangup",
    ]
    assert "60.00 signs off a0" in said
    assert total["mean_agents"] == pytest.approx(72.5 / 600)


def test_a_desk_shared_by_two_shifts() -> None:
    """The early shift's last call keeps it; the late shift signs on when it is free."""
    people = [Agent("early", device="d0"), Agent("late", device="d0")]
    more = """\
agents: {roster: [{agents: [early], start: "07:00", end: "08:01"}, {agents: [late], start: "08:01", end: "16:00"}]}"""
    said, total = watch(hotline(people=people), day(["10", "65"], more=more))
    assert [line for line in said if "sign" in line or "start" in line] == [
        "10.00 > start 1-2.1",
        "60.00 signs off early",
        "72.50 signs on late",
        "72.50 > start 1-4.1",
    ]
    assert total["answered"] == 2


def test_opening_hours() -> None:
    """Open to 08:01 by the clock of Greenwich: the second caller is told to call again."""
    week = tuple(spans(["07:00-08:01"]) for _ in range(7))
    flow = (When((Case(["open", "office"], (Enqueue("main"),)),), (HangUpStep(),)),)
    core = Watched()
    calendars = {"office": Calendar("office", "UTC", week, ())}
    book = play(hotline(1, flow=flow), day(["59", "61"]), 0, hours=calendars, core=core)
    assert dict(book.total.outcomes) == {"answered": 1, "self_service": 1}


def test_a_dead_trunk_cuts_its_calls_and_brings_no_more() -> None:
    faults = "trunk_down: [{trunk: carrier, at_s: 30, lasts_s: 60}]"
    said, total = watch(hotline(2), day(["10", "40", "100"], faults=faults))
    assert "30.10 ended 1-3.0 network failed" in said
    assert [line for line in said if "arrives" in line] == ["10.00 arrives 1-3.0", "100.00 arrives 1-4.0"]
    assert (total["offered"], total["unreached"]) == (2, 1)


def test_dead_telephones_are_found_out() -> None:
    """d0 dies while a0 talks, d1 before it rings: both calls are lost on them, and both come back."""
    people = [Agent("a0", device="d0"), Agent("a1", device="d1")]
    queue = Queue("main", strategy="in_order", ring_s=10, nobody_signed_on="wait")
    faults = "phones_down: [{at_s: 20, lasts_s: 100}]"
    settings = hotline(queues={"main": queue}, people=people)
    said, total = watch(settings, day(["10", "25"], talk="200", faults=faults))
    assert [line for line in said if line.split()[1] in ("lost", "down", "up") or "record" in line] == [
        "50.00 lost 1-3.1 silent",
        "50.00 > record media_lost after 2.20",
        "50.00 down d0",
        "50.00 down d1",
        "120.00 up d0",
        "120.00 up d1",
        "322.30 > record answered after 97.20",
    ]
    assert (total["answered"], total["media_lost"]) == (1, 1)


def test_the_run_ends_and_who_waits_for_ever_is_counted() -> None:
    queue = Queue("main", nobody_signed_on="wait")
    said, total = watch(hotline(0, queues={"main": queue}), day(["10"]))
    assert (total["unfinished"], total["offered"], total["queued"]) == (1, 1, 1)
    assert total["mean_queue_length"] == pytest.approx(590 / 600)
    assert said[-1] == "10.10 answered 1-1.0"
