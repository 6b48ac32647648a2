"""The models, references resolved, to the core's settings."""

import re
from collections.abc import Collection
from typing import TypeAlias

from acd.config.asked import judge_asked
from acd.config.judge import Judge
from acd.config.schema import AgentAt, AnnounceAt, QueueAt, SurgeAt
from acd.config.schema_shell import DialRuleAt
from acd.config.shell import DIGIT_PROMPTS
from acd.config.yaml import Step
from acd.core import settings as core
from acd.core.flow import Expr
from acd.core.pools import at_stage
from acd.flows import expressions

Stage: TypeAlias = tuple[tuple[tuple[str, int], ...], tuple[str, ...], tuple[str, ...]]
"""What a queue asks for at some time: skills with levels, teams, sites."""

PLAIN_QUEUE_FIELDS = (
    "ring_s",
    "ring_step_s",
    "rejected_delay_s",
    "busy_delay_s",
    "no_answer_delay_s",
    "max_no_answer",
    "exclude_after_reject_s",
    "max_length",
    "max_wait_s",
    "max_expected_wait_s",
    "nobody_signed_on",
    "preferred_for_s",
    "own_site_for_s",
    "target_s",
    "short_abandon_s",
    "patience_s",
    "handle_s",
    "blocked",
    "hours",
)
"""Fields of a queue that mean in YAML what they mean in the core."""


class CoreHalf(Judge):
    """Agents, queues, numbers."""

    def devices(self, prompts: Collection[str]) -> dict[str, core.Device]:
        for name, at in self.model.devices.items():
            if at.confirm is not None and "whisper" not in prompts:
                fix = "put whisper.wav into a directory of prompts:, which says what key to press"
                self.wrong(("devices", name, "confirm"), "prompt 'whisper' does not exist", fix, key=True)
            if at.nailed_up_s and at.confirm is None:
                fix = "add confirm: key: a caller who comes without ringing has to be taken"
                self.wrong(("devices", name, "nailed_up_s"), "it says nothing without confirm:", fix, key=True)
        return {
            name: core.Device(name, at.number, at.through, at.confirm, at.nailed_up_s)
            for name, at in self.model.devices.items()
        }

    def agents(self) -> dict[str, core.Agent]:
        return {name: self._agent(name, at) for name, at in self.model.agents.items()}

    def _agent(self, name: str, at: AgentAt) -> core.Agent:
        path: tuple[Step, ...] = ("agents", name)
        if at.device is not None:
            self.refer("device", at.device, self.model.devices, (*path, "device"))
        elif at.sign_on == "at_start":
            self.wrong(path, "signs on at start, but at which device?", "add device: …", key=True)
        self._skills(at.skills, (*path, "skills"))
        self._groups(at.teams, at.site, path)
        for queue in at.queues:
            self.refer("queue", queue, self.model.queues, (*path, "queues", queue), key=True)
        capacity = {"voice": 1} | {str(channel): room for channel, room in at.capacity.items()}
        return core.Agent(
            name,
            at.name,
            at.device,
            dict(at.skills),
            tuple(at.teams),
            at.site,
            dict(at.queues),
            at.sign_on,
            capacity,
            {str(channel): tuple(map(str, below)) for channel, below in at.interrupts.items()},
        )

    def _skills(self, skills: Collection[str], path: tuple[Step, ...]) -> None:
        for skill in skills:
            self.refer("skill", skill, self.model.skills, (*path, skill), key=True)

    def _groups(self, teams: Collection[str], site: str, path: tuple[Step, ...]) -> None:
        for index, team in enumerate(teams):
            self.refer("team", team, self.model.teams, (*path, "teams", index))
        if site:
            self.refer("site", site, self.model.sites, (*path, "site"))

    def _sites(self, sites: Collection[str], path: tuple[Step, ...]) -> None:
        for index, site in enumerate(sites):
            self.refer("site", site, self.model.sites, (*path, "sites", index))

    def queues(self, prompts: Collection[str]) -> dict[str, core.Queue]:
        return {name: self._queue(name, at, prompts, ("queues", name)) for name, at in self.model.queues.items()}

    def surges(self, prompts: Collection[str]) -> dict[str, core.Surge]:
        return {name: self._surge(name, at, prompts) for name, at in self.model.surges.items()}

    def _surge(self, name: str, at: SurgeAt, prompts: Collection[str]) -> core.Surge:
        path: tuple[Step, ...] = ("surges", name)
        if at.until is not None and at.when is None:
            fix = "add when: …, or take until away: by hand it is put off by hand"
            self.wrong((*path, "until"), "nothing but a hand puts it on", fix, key=True)
        queues = {}
        for queue, other in at.queues.items():
            inside = (*path, "queues", queue)
            self.refer("queue", queue, self.model.queues, inside, key=True)
            if queue in self.model.queues:
                changed = {field: getattr(other, field) for field in other.model_fields_set}
                meanwhile = self.model.queues[queue].model_copy(update=changed)
                queues[queue] = self._queue(queue, meanwhile, prompts, inside)
        return core.Surge(
            name,
            self._condition(at.when, (*path, "when")),
            self._condition(at.until, (*path, "until")),
            at.least_s,
            queues,
        )

    def _condition(self, given: str | bool | None, path: tuple[Step, ...]) -> Expr:
        """A condition that knows the hotline and no caller."""
        if not isinstance(given, str):
            return given
        try:
            tree, names, asked = expressions.parse(given)
        except expressions.ExpressionError as error:
            self.problems.append(self.document.inside(path, error.offset, error.what, error.fix))
            return None
        for name, offset in names.items():
            what, fix = f"no caller is at hand who has a {name!r}", 'ask the hotline: waiting("loans") > 20'
            self.problems.append(self.document.inside(path, offset, what, fix))
        known: dict[str, Collection[str]] = {
            "queues": self.model.queues,
            "hours": self.model.hours,
            "surges": self.model.surges,
        }
        self.problems += judge_asked(self.document, path, asked, known)
        return tree

    def _widening(self, queue: core.Queue, path: tuple[Step, ...]) -> None:
        """A ring takes the place of what was asked for before it: one that asks for more leaves callers with fewer."""
        for index in range(len(queue.rings)):
            if _narrower(at_stage(queue, index), at_stage(queue, index + 1)):
                what, fix = "this ring narrows: it asks for all that was asked before it, and more", "ask for less"
                self.wrong((*path, "rings", index), what, fix)

    def _queue(self, name: str, at: QueueAt, prompts: Collection[str], path: tuple[Step, ...]) -> core.Queue:
        self._hours(at.hours, path)
        self._skills(at.needs, (*path, "needs"))
        self._groups(at.teams, "", path)
        self._sites(at.sites, path)
        if at.music not in self.model.music and (at.music != "default" or self.model.music):
            self.refer("music", at.music, self.model.music, (*path, "music"))
        rings = []
        for index, ring in enumerate(at.rings):
            inside = (*path, "rings", index)
            self._skills(ring.needs or {}, (*inside, "needs"))
            self._groups(ring.teams or [], "", inside)
            self._sites(ring.sites or [], inside)
            if index and ring.after_s <= at.rings[index - 1].after_s:
                self.wrong((*inside, "after_s"), "not later than the ring before it", "order rings by after_s")
            rings.append(
                core.Ring(
                    ring.after_s,
                    None if ring.needs is None else dict(ring.needs),
                    None if ring.teams is None else tuple(ring.teams),
                    None if ring.sites is None else tuple(ring.sites),
                )
            )
        announce = None
        if at.announce is not None:
            self._announced(at.announce, (*path, "announce"), prompts)
            announce = core.Announce(
                at.announce.every_s, tuple(at.announce.prompts), at.announce.position, at.announce.expected_wait
            )
        queue = core.Queue(
            id=name,
            needs=dict(at.needs),
            teams=tuple(at.teams),
            sites=tuple(at.sites),
            strategy=at.strategy,
            tier=at.tier,
            credit_s=at.credit_s,
            level_delays_s=tuple(at.level_delays_s),
            rings=tuple(rings),
            wrap_up=core.WrapUp(at.wrap_up.kind, at.wrap_up.timed_s),
            music=at.music,
            reserve=core.Reserve(at.reserve.agents, at.reserve.reserve_for_s) if at.reserve else None,
            announce=announce,
            **{name: getattr(at, name) for name in PLAIN_QUEUE_FIELDS},
        )
        self._widening(queue, path)
        return queue

    def _announced(self, at: AnnounceAt, path: tuple[Step, ...], prompts: Collection[str]) -> None:
        """The prompts named, and those the engine says by itself."""
        for index, prompt in enumerate(at.prompts):
            self.refer("prompt", prompt, prompts, (*path, "prompts", index))
        said = {
            "position": ("queue_position", *DIGIT_PROMPTS),
            "expected_wait": ("expected_wait", "minutes", *DIGIT_PROMPTS),
        }
        for field, names in said.items():
            lacking = [name for name in names if name not in prompts]
            if getattr(at, field) and lacking:
                fix = f"put {lacking[0]}.wav into a directory of prompts:"
                self.wrong((*path, field), f"prompt {lacking[0]!r}, which this needs, does not exist", fix, key=True)

    def numbers(self, flows: Collection[str]) -> dict[str, core.Number]:
        for name, at in self.model.numbers.items():
            path: tuple[Step, ...] = ("numbers", name)
            self.refer("flow", at.flow, flows, (*path, "flow"))
            self._hours(at.hours, path)
            if at.closed is not None:
                self.refer("flow", at.closed, flows, (*path, "closed"))
            if (at.hours is None) != (at.closed is None):
                given, missing = ("hours", "closed") if at.closed is None else ("closed", "hours")
                self.wrong((*path, given), f"it says nothing without {missing}:", f"add {missing}: …", key=True)
        return {
            name: core.Number(name, at.flow, at.answer, at.hours, at.closed) for name, at in self.model.numbers.items()
        }

    def dialling(self) -> tuple[core.DialRule, ...]:
        return tuple([self._dial_rule(at, ("dialling", "allow", n)) for n, at in enumerate(self.model.dialling.allow)])

    def _dial_rule(self, at: DialRuleAt, path: tuple[Step, ...]) -> core.DialRule:
        for index, text in enumerate(at.numbers):
            try:
                anything = re.fullmatch(text, "00" + "9" * 14) is not None
            except re.error as error:
                fix = r"a regular expression for the whole number, such as '0[2-9]\d{8,10}'"
                self.wrong((*path, "numbers", index), f"{text!r} is no pattern: {error}", fix)
                continue
            if anything and at.special and not (at.teams or at.sites or at.queues):
                fix = "say which numbers, or who may dial them"
                self.wrong((*path, "numbers", index), "everybody may dial the whole world", fix, severity="warning")
        self.refer("trunk", at.through, self.model.trunks, (*path, "through"))
        trunk = self.model.trunks.get(at.through)
        if trunk is not None and trunk.dial_out is None:
            fix = f"give trunk {at.through} a dial_out: {{to: …}}"
            self.wrong((*path, "through"), f"trunk {at.through!r} does not dial out", fix)
        self._groups(at.teams, "", path)
        self._sites(at.sites, (*path, "sites"))
        for index, queue in enumerate(at.queues):
            self.refer("queue", queue, self.model.queues, (*path, "queues", index))
        return core.DialRule(
            tuple(at.numbers), at.through, tuple(at.teams), tuple(at.sites), tuple(at.queues), at.special
        )

    def _hours(self, calendar: str | None, path: tuple[Step, ...]) -> None:
        if calendar is not None:
            self.refer("calendar", calendar, self.model.hours, (*path, "hours"))


def _narrower(before: Stage, after: Stage) -> bool:
    """Whether who is reached after must have been reached before, but not the other way round."""
    return _covers(before, after) and not _covers(after, before)


def _covers(wide: Stage, narrow: Stage) -> bool:
    """Whether all that `wide` asks for is asked for by `narrow`, too."""
    asked = dict(narrow[0])
    stricter = all(asked.get(skill, 0) >= level for skill, level in wide[0])
    groups = zip(wide[1:], narrow[1:], strict=True)
    return stricter and all(not of or (set(some) <= set(of) and some) for of, some in groups)
