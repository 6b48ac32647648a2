"""The configuration in force: the checked one, with what was changed live laid over it, and what live calls still
need of the one before."""

from dataclasses import replace

from acd.core.calls import CallState
from acd.core.context import Core
from acd.core.settings import Settings


def configure(core: Core, settings: Settings) -> None:
    """Take a new configuration. No live call, no counter and no agent's presence changes."""
    state = core.state
    state.configured = settings
    in_use = {call.version for call in state.calls.values() if call.state is not CallState.ENDING}
    state.flows = {version: flows for version, flows in state.flows.items() if version in in_use}
    version = settings.version
    while state.flows.get(version, settings.flows) != settings.flows:
        version += "+"  # two configurations told apart by nothing but their flows
    state.flows[version] = settings.flows
    state.version = version
    core.agents.configure(settings, core.now)
    known = core.agents.settings
    state.departed = {id: agent for id, agent in known.items() if id not in settings.agents}
    apply(core)


def apply(core: Core) -> None:
    """Lay the live changes over the configuration. A removed queue that calls still name takes no new ones."""
    state = core.state
    settings = state.configured
    if settings is None:
        return
    named = {call.record.queue for call in state.calls.values() if call.record.queue is not None}
    queues = dict(settings.queues)
    for id, blocked in state.blocked.items():
        if id in queues:
            queues[id] = replace(queues[id], blocked=blocked)
    for id, queue in state.settings.queues.items():
        if id in named and id not in queues:
            queues[id] = replace(queue, blocked=True)
    state.settings = replace(settings, queues=queues)
    core.dispatcher.configure(state.settings, core.now)
