"""A line that stays up between calls: an agent at home is called once, and each further caller is whispered to him on
the same leg.

Between calls such a leg belongs to no call (`Leg.call` is empty) and stands in `State.nailed` by its agent. It ends
when he is no longer ready at that device, when it has lasted long enough, or by his own hang-up; then he is called as
others are.
"""

from collections.abc import Iterable

from acd.core.agents import Input, Presence
from acd.core.calls import Call, Leg, LegState
from acd.core.commands import SILENCE, EndLeg, Listen
from acd.core.context import Core
from acd.core.ids import AgentId


def stays(core: Core, leg: Leg) -> bool:
    """Whether the leg outlives the call it is in."""
    if leg.nailed_until <= core.now or leg.agent is None or leg.state is not LegState.UP:
        return False
    if core.state.draining or leg.agent in core.state.nailed:  # he has capacity for two, and one line is enough
        return False
    return _wanted(core, leg.agent, leg)


def begins(core: Core, leg: Leg) -> None:
    """A person has taken a call on it: its time runs from the first."""
    device = core.state.settings.devices.get(leg.device or "")
    if device is not None and device.nailed_up_s and not leg.nailed_until:
        leg.nailed_until = core.now + device.nailed_up_s


def keep(core: Core, leg: Leg) -> None:
    """Its call is over, the line stays up: nothing is heard on it."""
    agent = leg.agent
    assert agent is not None
    core.tell_agent(leg, Input.GONE)
    del core.state.calls[leg.call].legs[leg.id]
    leg.call, leg.role, leg.agent, leg.queue = "", "agent", None, None
    leg.accepted = leg.on_hold = False
    core.state.nailed[agent] = leg
    core.timers.set(("nailed", leg.id), leg.nailed_until)
    core.hears(leg, SILENCE)
    if not _wanted(core, agent, leg):  # what he had wished for came now
        let_go(core, agent)


def take(core: Core, call: Call, agent: AgentId) -> Leg | None:
    """The line of this agent, for this call; None if he has none."""
    leg = core.state.nailed.pop(agent, None)
    if leg is None:
        return None
    core.timers.cancel(("nailed", leg.id))
    leg.call, leg.since, leg.listening = call.id, core.now, "off"
    core.out.append(Listen(leg.id, "forget"))  # a key of an hour ago takes no call
    call.legs[leg.id] = leg
    return leg


def look(core: Core, agents: Iterable[AgentId]) -> None:
    """These have changed: who is no longer there to be called needs no line."""
    for agent in agents:
        leg = core.state.nailed.get(agent)
        if leg is not None and not _wanted(core, agent, leg):
            let_go(core, agent)


def let_go(core: Core, agent: AgentId) -> None:
    """Hang up. `LegEnded` finds nothing any more."""
    leg = core.state.nailed.pop(agent)
    _forget(core, leg)
    core.out.append(EndLeg(leg.id))


def let_go_all(core: Core) -> None:
    for agent in list(core.state.nailed):
        let_go(core, agent)


def lapse(core: Core, name: str) -> None:
    """It has lasted long enough, or says nothing any more."""
    for agent, leg in core.state.nailed.items():
        if leg.id == name:
            let_go(core, agent)
            return


def ended(core: Core, leg: Leg) -> None:
    """He has hung up between calls, or the line is lost."""
    for agent, other in core.state.nailed.items():
        if other is leg:
            del core.state.nailed[agent]
            break
    _forget(core, leg)


def _forget(core: Core, leg: Leg) -> None:
    core.legs.pop(leg.id, None)
    core.timers.cancel(("nailed", leg.id))


def _wanted(core: Core, agent: AgentId, leg: Leg) -> bool:
    """Its agent is ready there, asks for nothing else, and his device is still one that is kept up."""
    state, device = core.state.agents.get(agent), core.state.settings.devices.get(leg.device or "")
    return (
        state is not None
        and device is not None
        and state.presence is Presence.READY
        and state.device == leg.device
        and not state.leaving
        and bool(device.nailed_up_s)
    )
