"""A flow walked through by hand: what the caller hears is printed, what he presses is typed, time is virtual.

The world is that of the rehearsals, the engine the one that serves calls. `Walk.enter` takes one line and returns what
came of it, so a terminal is needed by nobody but the person.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from acd.config.shell import Hotline
from acd.core import commands as do
from acd.core import events as ev
from acd.core.settings import Number
from acd.flows.rehearsal import CALL, CALLER, CallFrom, Fails, Stage, Trial

HELP: Final = """\
0-9 * #    keys that the caller presses (digits and an end key where some are asked for)
Enter      go on: to the prompt's end, or until something happens
w 30       wait so many seconds
a, r       the agent whose telephone rings answers, rejects
e          the agent ends the conversation
h          the caller hangs up
v          the caller's variables
?          this help
q          quit"""
KEYS: Final = frozenset("0123456789*#ABCD")


class Walk:
    """One call through `flow`, from its first step."""

    def __init__(self, hotline: Hotline, flow: str, call: CallFrom, *, agents: bool = True) -> None:
        """Raises `Fails` when it cannot begin."""
        number = call.to or next(iter(hotline.settings.numbers), "0")
        numbers = {number: Number(number, flow)}
        there = replace(hotline, settings=replace(hotline.settings, numbers=numbers))
        trial = Trial.model_construct(
            test=flow,
            call=call.model_copy(update={"to": number}),
            agents="all" if agents else "none",
            surges=[],
            script=[],
        )
        self.stage = Stage(there, trial)
        self.over = False
        self.begun = self.news()
        """What happens by itself at first."""

    def enter(self, line: str) -> list[str]:
        """One line of a person; returns what came of it. Raises `Fails` when it cannot be done now."""
        word, _, rest = line.strip().partition(" ")
        if word and KEYS.issuperset(word):
            self.stage.presses(word)
        elif word == "w":
            self.stage.waits(_seconds(rest))
        elif word in _WORDS:
            if (said := _WORDS[word](self)) is not None:
                return said
        else:
            raise Fails(f"{line.strip()!r} is nothing that can be done here: ? helps")
        return self.news()

    def news(self) -> list[str]:
        """What the engine has done since this was last asked, as the caller would tell it."""
        seen, self.stage.seen = self.stage.seen, []
        told = [said for command in seen if (said := self._told(command))]
        self.over = self.stage.outcome is not None
        return [f"{self.stage.now:6.1f} s  {line}" for line in told]

    def _told(self, command: do.Command) -> str:
        match command:
            case do.AnswerLeg():
                return "the call is answered"
            case do.ProgressLeg(status=180):
                return "ringing is heard"
            case do.Play(leg=leg, prompts=prompts):
                return f"{'hears' if leg == CALLER else 'the agent hears'}: {', '.join(prompts)}"
            case do.Collect(min=least, max=most, end=end, secret=secret):
                return f"{least} to {most} digits are asked for, {end or 'nothing'} ends them" + ", in secret" * secret
            case do.Publish(topic="call/waiting", facts=facts):
                return f"waits in {facts['queue']}"
            case do.Publish(topic="call/answered", facts=facts):
                return f"talks with agent {facts['agent']} after {facts['wait_s']:g} s"
            case do.StartLeg(to=to):
                return f"the telephone {to.device} rings"
            case do.Hears(leg=leg, source=do.Source(kind="music", name=name)) if leg == CALLER:
                return f"hears music: {name}"
            case do.WriteRecord(record=record):
                return f"the call is over: {record.outcome}" + f" ({record.detail})" * bool(record.detail)
        return ""

    # ----------------------------------------------------------------------------------------------------- the words

    def _on(self) -> None:
        """To the end of what is being played, or the next thing that happens by itself."""
        stage = self.stage
        if stage.playing is not None:
            stage.finish_prompt()
        elif stage.collecting is not None:
            stage.now += stage.collecting.first_s
            stage.types("")
        elif (deadline := stage.engine.deadline()) is not None:
            stage.now = max(stage.now, deadline)
            stage.tell(ev.Woke())
        else:
            raise Fails(f"nothing happens by itself: {stage.state()}")

    def _answers(self) -> None:
        self._rung()
        self.stage.agent("answers")

    def _rejects(self) -> None:
        self._rung()
        self.stage.agent("rejects")

    def _rung(self) -> None:
        if not self.stage.ringing:
            raise Fails(f"no agent's telephone rings: {self.stage.state()}")

    def _ends(self) -> None:
        self.stage.agent("hangs up")

    def _hangs_up(self) -> None:
        self.stage.hangs_up(None)

    def _variables(self) -> list[str]:
        found = self.stage.engine.snapshot().calls
        variables = found[CALL].variables if CALL in found else {}
        return [f"{name} = {value!r}" for name, value in variables.items()]

    def _help(self) -> list[str]:
        return HELP.splitlines()

    def _quits(self) -> None:
        self.stage.leave()
        self.over = True


_WORDS: Final[dict[str, Callable[[Walk], list[str] | None]]] = {
    "": Walk._on,
    "a": Walk._answers,
    "r": Walk._rejects,
    "e": Walk._ends,
    "h": Walk._hangs_up,
    "v": Walk._variables,
    "?": Walk._help,
    "q": Walk._quits,
}


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 < seconds <= 86_400.0:
        raise Fails("wait how many seconds? for example: w 30")
    return seconds
