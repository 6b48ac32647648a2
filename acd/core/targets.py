"""Who is meant by what an agent names or dials: a colleague, a device, a queue, a number of the hotline, or outside."""

from dataclasses import dataclass

from acd.core import dialling
from acd.core.agents import Presence, Refused
from acd.core.calls import Call
from acd.core.commands import Target
from acd.core.conditions import flow_of
from acd.core.context import Core
from acd.core.ids import AgentId
from acd.core.interpreter import QUEUE


class NotThere(Refused):
    """He cannot be had now; `status` says it in SIP."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(slots=True, frozen=True)
class Party:
    """Somebody to ring, with the agent who sits there; or a flow to go on in."""

    rings: Target | None = None
    agent: AgentId | None = None
    confirm_key: str | None = None
    flow: str = ""


def find(core: Core, call: Call, by: AgentId, text: str) -> Party:
    """``agent:ID``, ``device:ID``, ``queue:ID``; or as dialled: a number of the hotline, an agent, a device, a queue, a
    number outside, in this order. Raises `NotThere`."""
    return within(core, call, by, text) or _outside(core, call, by, text)


def within(core: Core, call: Call, by: AgentId, text: str) -> Party | None:
    """The same without numbers outside: None for one. Raises `NotThere`."""
    settings = core.state.settings
    kind, colon, name = text.partition(":")
    if not colon:
        if text in settings.numbers:
            return _flow(core, call, flow_of(core, settings.numbers[text]))
        name = text
        kind = "agent" if text in core.state.agents else "device" if text in settings.devices else QUEUE
    if kind == "agent":
        return _agent(core, by, name)
    if kind == "device":
        return _device(core, by, name)
    if kind == QUEUE and name in (core.state.configured or settings).queues:  # not what a reload has removed
        return Party(flow=f"{QUEUE}:{name}")
    if colon:
        raise NotThere(404, f"there is no {kind} {name}")
    return None


def _outside(core: Core, call: Call, by: AgentId, text: str) -> Party:
    leg = core.legs.get(call.agent_leg or "")
    try:
        number = dialling.dialled(text)
    except Refused:
        raise NotThere(404, f"{text!r} is no agent, device, queue or number") from None
    try:
        through = dialling.trunk_for(core.state.settings, number, by, leg.queue if leg is not None else None)
    except Refused as why:
        raise NotThere(403, str(why)) from None
    return Party(Target(None, number, through))


def _flow(core: Core, call: Call, flow: str) -> Party:
    if flow not in core.state.flows[call.version]:
        raise NotThere(404, f"there was no flow {flow} when this call began")
    return Party(flow=flow)


def _agent(core: Core, by: AgentId, name: AgentId) -> Party:
    state = core.state.agents.get(name)
    if state is None:
        raise NotThere(404, f"there is no agent {name}")
    if name == by:
        raise NotThere(486, "nobody consults himself")
    if state.presence is not Presence.READY or state.tasks or state.device is None:
        why = "busy" if state.tasks else state.presence.replace("_", " ")
        raise NotThere(486 if state.tasks else 480, f"agent {name} is {why}")
    return _at(core, state.device, name)


def _device(core: Core, by: AgentId, name: str) -> Party:
    if name not in core.state.settings.devices:
        raise NotThere(404, f"there is no device {name}")
    for state in core.state.agents.values():
        if state.device == name and state.presence is not Presence.SIGNED_OFF:
            return _agent(core, by, state.id)
    return _at(core, name, None)


def _at(core: Core, device: str, agent: AgentId | None) -> Party:
    to = core.state.settings.devices.get(device)
    if to is None:  # configured no longer
        raise NotThere(404, f"there is no device {device}")
    return Party(Target(device, to.number, to.through if to.number is not None else None), agent, to.confirm_key)
