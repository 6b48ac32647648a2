"""Class of service: who may dial out, and through which trunk. Nobody, but for what a rule allows (DESIGN §5).

A rule names numbers by patterns for the whole number and who may dial them, by the agent's teams and sites and by the
queue his caller came from. Numbers that begin with one of the `special` prefixes – international, premium rate – need a
rule that allows these in so many words.
"""

import re
from typing import Final

from acd.core.agents import Refused
from acd.core.ids import AgentId, QueueId, TrunkId
from acd.core.settings import Agent, DialRule, Settings

NUMBER: Final = re.compile(r"\+?[0-9*#]{1,32}", re.ASCII)
WRITTEN: Final = str.maketrans("", "", " -./()")


def dialled(text: str) -> str:
    """The number as it is dialled: without the signs that people group it by. Raises `Refused`."""
    number = text.translate(WRITTEN)
    if NUMBER.fullmatch(number) is None:
        raise Refused(f"{text!r} is no number: digits, * and #, perhaps a + before them")
    return number


def trunk_for(settings: Settings, number: str, agent: AgentId, queue: QueueId | None) -> TrunkId:
    """The trunk through which this agent may dial this number, by the first rule that allows it. Raises `Refused` with
    the reason."""
    special = _special(settings, number)
    who = settings.agents.get(agent) or Agent(agent)
    matching = [rule for rule in settings.dialling if any(re.fullmatch(one, number) for one in rule.numbers)]
    for rule in matching:
        if (rule.special or special is None) and _is_meant(rule, who, queue):
            return rule.through
    if not settings.dialling:
        raise Refused(f"{number} may not be dialled: no rule under dialling: allows any number")
    if not matching:
        raise Refused(f"{number} may not be dialled: no rule allows that number")
    if special is not None and not any(rule.special for rule in matching):
        raise Refused(f"{number} may not be dialled: numbers with {special} need a rule with special: true")
    raise Refused(f"{number} may not be dialled by agent {agent}: no rule allows it to him")


def anybody_may(settings: Settings, number: str, trunk: TrunkId) -> bool:
    """Whether a rule that asks for nobody in particular allows the number through this trunk: a number that the carrier
    names in the place of the one that was dialled."""
    special = _special(settings, number)
    return any(
        rule.through == trunk
        and (rule.special or special is None)
        and not (rule.teams or rule.sites or rule.queues)
        and any(re.fullmatch(one, number) for one in rule.numbers)
        for rule in settings.dialling
    )


def _special(settings: Settings, number: str) -> str | None:
    return next((prefix for prefix in settings.special if number.startswith(prefix)), None)


def _is_meant(rule: DialRule, agent: Agent, queue: QueueId | None) -> bool:
    return (
        (not rule.teams or not set(rule.teams).isdisjoint(agent.teams))
        and (not rule.sites or agent.site in rule.sites)
        and (not rule.queues or queue in rule.queues)
    )
