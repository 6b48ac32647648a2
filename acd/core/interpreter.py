"""The flow interpreter: it leads a caller through his steps until one of them waits for something.

Where he stands is `call.path`: an index into the flow's steps, then for each nesting the branch (a key, a case's
number, ``otherwise``) and the index in there. Nothing else is kept, so it can be written down at any moment.
"""

from collections.abc import Callable, Collection
from typing import Any, Final

from acd.core.calls import Call, CallState, LegState, PathItem
from acd.core.commands import PROMPTS, Collect, Play, Stop
from acd.core.conditions import value_of
from acd.core.context import Core
from acd.core.events import Collected
from acd.core.flow import (
    Answer,
    CollectDigits,
    Enqueue,
    GoTo,
    HangUpStep,
    Menu,
    RingTone,
    Say,
    Set,
    Step,
    When,
)
from acd.core.queueing import SHORTEST_S, join, leave
from acd.core.records import close_segment, in_flow, outcome_of
from acd.core.release import answer, end_call, give_early_media, ring_back, watch_unanswered

QUEUE: Final = "queue"
"""``queue:loans`` is the flow of who is sent to a queue: to wait there, and no more. No other flow has a colon."""
DIRECT: Final = "direct:"
"""The flow, without a step, of a call from one telephone of ours to another."""
STEPS_AT_ONCE: Final = 1000  # a flow that goes round without ever waiting is broken off
_ARRIVED: Final = LegState.ARRIVED  # a name of its own: see `calls`
_WAITING: Final = CallState.WAITING
_FLOW: Final = CallState.FLOW


def start(core: Core, call: Call, flow: str) -> None:
    """Begin at the first step."""
    call.flow = flow
    call.path = [0]
    run(core, call)


def run(core: Core, call: Call) -> None:
    """Do steps until one waits or the call has ended."""
    for _ in range(STEPS_AT_ONCE):
        step = current(core, call)
        if step is None:
            finish(core, call, 480)
            return
        if not DO[type(step)](core, call, step):
            return
    end_call(core, call, "failed", "engine", status=500, detail="flow goes round without waiting")


def current(core: Core, call: Call) -> Step | None:
    """The step the call stands at; the end of a branch leads behind the step it belongs to, None at the flow's end."""
    path = call.path
    try:
        known = core.steps[call.version][call.flow]
    except KeyError:
        known = core.steps.setdefault(call.version, {}).setdefault(call.flow, {})
    while path:
        where = tuple(path)
        step = known.get(where)
        if step is None:
            step = known[where] = _step_at(core, call, where)
        if step is not None:
            return step
        del path[-2:]
        if path:
            path[-1] += 1  # type: ignore[operator] # the last item is an index
    return None


def _step_at(core: Core, call: Call, path: tuple[PathItem, ...]) -> Step | None:
    """The step at a path of the call's flow, None behind the last of its branch."""
    kind, _, queue = call.flow.partition(":")
    if kind == QUEUE:
        steps: tuple[Step, ...] = (Enqueue(queue),)
    elif call.flow == DIRECT:
        steps = ()
    else:
        steps = core.state.flows[call.version][call.flow].steps
    for at in range(1, len(path), 2):
        steps = branch(steps[path[at - 1]], path[at])  # type: ignore[index] # every even item is an index
    index = path[-1]
    return steps[index] if index < len(steps) else None  # type: ignore[index,operator] # and so is the last


def branch(step: Step, name: PathItem) -> tuple[Step, ...]:
    """The steps nested in `step` under `name`."""
    if isinstance(step, When):
        return step.otherwise if isinstance(name, str) else step.cases[name].steps
    if name == "otherwise":
        assert isinstance(step, (Menu, CollectDigits))
        return step.otherwise
    assert isinstance(step, (Menu, Enqueue))
    return step.keys[str(name)]


def onward(call: Call) -> bool:
    """Behind this step. Returns True: go on at once."""
    call.path[-1] += 1  # type: ignore[operator] # the last item is an index
    return True


def into(call: Call, name: PathItem) -> bool:
    """Into a branch of this step. Returns True: go on at once."""
    call.path += (name, 0)
    return True


def finish(core: Core, call: Call, status: int) -> None:
    """The flow has ended by itself: so does the call."""
    close_segment(core, call, "ended")
    end_call(core, call, outcome_of(call, "self_service"), call.record.released_by or "engine", status=status)


# ------------------------------------------------------------------------------------------------- what a step does


def _answer(core: Core, call: Call, step: Answer) -> bool:
    answer(core, call)
    return onward(call)


def _ring(core: Core, call: Call, step: RingTone) -> bool:
    leg = core.caller(call)
    if leg.state is not _ARRIVED:
        return onward(call)
    _waits(core, call)
    ring_back(core, leg)
    core.timers.set(("step", call.id), core.now + max(step.seconds, SHORTEST_S))
    watch_unanswered(core, call)
    return False


def _say(core: Core, call: Call, step: Say) -> bool:
    prompts = spoken(call, step.prompts)
    if not prompts:
        return onward(call)
    leg = core.caller(call)
    give_early_media(core, leg)
    core.listen_no_more(leg)
    _play(core, call, prompts, step.barge_in)
    if leg.state is _ARRIVED:
        watch_unanswered(core, call)
    return False


def _menu(core: Core, call: Call, step: Menu) -> bool:
    answer(core, call)
    call.tries = 0
    return _ask(core, call, step.prompts, step.timeout_s)


def _ask(core: Core, call: Call, prompts: tuple[str, ...], timeout_s: float) -> bool:
    prompts = spoken(call, prompts)
    if prompts:
        _play(core, call, prompts, barge_in=True)
    else:
        _waits(core, call)
        core.timers.set(("step", call.id), core.now + max(timeout_s, SHORTEST_S))
    core.listen(core.caller(call))
    return False


def _collect(core: Core, call: Call, step: CollectDigits) -> bool:
    answer(core, call)
    core.listen_no_more(core.caller(call))
    call.tries = 0
    return _ask_digits(core, call, step, step.prompts)


def _ask_digits(core: Core, call: Call, step: CollectDigits, prompts: tuple[str, ...]) -> bool:
    prompts = spoken(call, prompts)
    if prompts:
        _play(core, call, prompts, barge_in=True)
    else:
        _gather(core, call, step)
    return False


def _gather(core: Core, call: Call, step: CollectDigits) -> None:
    """What was typed during the prompt waits in the shell: it stopped the prompt and is collected now."""
    _waits(core, call)
    call.op = core.name_op(call)
    call.collecting = True
    core.out.append(
        Collect(call.op, call.caller_leg, step.min, step.max, step.end, step.first_s, step.next_s, step.secret)
    )


def _set(core: Core, call: Call, step: Set) -> bool:
    for name, expr in step.values.items():
        value = value_of(core, expr, call.variables)
        call.variables[name] = str(value) if isinstance(value, list) else value
    return onward(call)


def _when(core: Core, call: Call, step: When) -> bool:
    for number, case in enumerate(step.cases):
        if value_of(core, case.condition, call.variables):
            return into(call, number)
    return into(call, "otherwise") if step.otherwise else onward(call)


def _queue(core: Core, call: Call, step: Enqueue, already_s: float = 0.0) -> bool:
    if join(core, call, step, already_s) is not None:
        return onward(call)
    leg = core.caller(call)
    if step.keys:
        core.listen(leg)
    else:
        core.listen_no_more(leg)
    return False


def _go_to(core: Core, call: Call, step: GoTo) -> bool:
    close_segment(core, call, "go_to")
    call.flow = step.flow
    call.path = [0]
    return True


def _hang_up(core: Core, call: Call, step: HangUpStep) -> bool:
    finish(core, call, step.status)
    return False


DO: Final[dict[type[Step], Callable[[Core, Call, Any], bool]]] = {
    Answer: _answer,
    RingTone: _ring,
    Say: _say,
    Menu: _menu,
    CollectDigits: _collect,
    Set: _set,
    When: _when,
    Enqueue: _queue,
    GoTo: _go_to,
    HangUpStep: _hang_up,
}
"""Every step: True when the next one follows at once, False when this one waits (or ended the call)."""


def _waits(core: Core, call: Call) -> None:
    """The caller is with his flow: when the call ends now, it is not an agent's hang-up that ended it."""
    call.record.released_by = ""
    in_flow(core, call)


def spoken(call: Call, prompts: tuple[str, ...]) -> tuple[str, ...]:
    """The prompts with ``digits:{account}`` filled in; where the variable holds no figure, nothing is said of it."""
    for prompt in prompts:
        if "{" in prompt:
            break
    else:
        return prompts
    said = []
    for prompt in prompts:
        kind, brace, name = prompt.partition("{")
        figure = str(call.variables.get(name.rstrip("}"))) if brace else ""
        if not brace or (figure.isascii() and figure.isdecimal()):
            said.append(kind + figure)
    return tuple(said)


def _play(core: Core, call: Call, prompts: tuple[str, ...], barge_in: bool) -> None:
    _waits(core, call)
    call.op = core.name_op(call)
    call.collecting = False
    core.hears(call.legs[call.caller_leg], PROMPTS)
    core.out.append(Play(call.op, call.caller_leg, prompts, 1, barge_in))


# ---------------------------------------------------------------------------------------------- what a step waits for


def played(core: Core, call: Call) -> None:
    """The prompts of the step at hand are over."""
    call.op = None
    step = current(core, call)
    if isinstance(step, Menu):
        core.timers.set(("step", call.id), core.now + max(step.timeout_s, SHORTEST_S))
    elif isinstance(step, CollectDigits):
        _gather(core, call, step)
    else:
        onward(call)
        run(core, call)


def collected(core: Core, call: Call, event: Collected) -> None:
    """Digits are there, or were not given."""
    call.op = None
    step = current(core, call)
    assert isinstance(step, CollectDigits)
    if event.how != "no_input" and event.length >= step.min:
        call.variables[step.variable] = event.value
        onward(call)
    elif call.tries < step.retries:
        call.tries += 1
        _ask_digits(core, call, step, step.wrong + step.prompts)
        return
    elif step.otherwise:
        into(call, "otherwise")
    else:
        onward(call)
    run(core, call)


def pressed(core: Core, call: Call, digit: str) -> None:
    """A key, in a menu or while waiting. In any other step it came too late."""
    leg = core.caller(call)
    leg.listening = "off"  # one digit at a time
    step = current(core, call)
    if call.state is _WAITING:
        assert isinstance(step, Enqueue)
        if digit in step.keys:
            _stop(core, call)
            left_queue(core, call, "key_pressed", digit)
        elif step.keys:
            core.listen(leg)
        return
    if call.state is not _FLOW or not isinstance(step, Menu):
        return
    _stop(core, call)
    core.timers.cancel(("step", call.id))
    if digit not in step.keys:
        _again(core, call, step, step.wrong)
        return
    if step.variable is not None:
        call.variables[step.variable] = digit
    into(call, digit)
    run(core, call)


def _stop(core: Core, call: Call) -> None:
    if call.op is not None:
        core.out.append(Stop(call.op))
        call.op = None


def keys_out(core: Core, call: Call) -> Collection[str]:
    """The keys that lead out of the queue he waits in."""
    step = current(core, call) if call.state is CallState.WAITING else None
    return step.keys if isinstance(step, Enqueue) else ()


def step_due(core: Core, call: Call) -> None:
    """The time of this step is over: nobody pressed a key, or it has rung long enough."""
    step = current(core, call)
    if isinstance(step, Menu):
        _again(core, call, step, step.silent)
    else:
        onward(call)
        run(core, call)


def _again(core: Core, call: Call, step: Menu, first: tuple[str, ...]) -> None:
    if call.tries < step.retries:
        call.tries += 1
        _ask(core, call, first + step.prompts, step.timeout_s)
        return
    if step.otherwise:
        into(call, "otherwise")
    else:
        onward(call)
    run(core, call)


def left_queue(core: Core, call: Call, result: str, key: str | None = None) -> None:
    """Nobody served the caller in this queue: his flow goes on, behind the step or in a key's branch."""
    leave(core, call, result)
    if key is None:
        core.listen_no_more(core.caller(call))  # its keys are none of the next step's
        onward(call)
    else:
        into(call, key)
    run(core, call)


def served(core: Core, call: Call) -> None:
    """The agent has hung up: what stands behind the queue step follows, a survey for example."""
    call.variables["queue_result"] = "answered"
    onward(call)
    run(core, call)


def go_to(core: Core, call: Call, flow: str) -> None:
    """The caller is sent to another flow, at its first step."""
    call.record.released_by = ""
    call.flow, call.path = flow, [0]
    run(core, call)


def put_back(core: Core, call: Call) -> None:
    """Nobody has the caller any more whom an agent had sent on: he waits again in the queue he was served from, as if
    he had never left it."""
    step = current(core, call)
    since = call.waiting_since
    if not isinstance(step, Enqueue) or since is None:
        onward(call)
        run(core, call)
    elif _queue(core, call, step, core.now - since):
        run(core, call)
