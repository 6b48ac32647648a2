"""What must be true of any dispatcher, kept apart from the code that makes it true: a `Watch` sees each step of a
history and each decision, keeps its own simple books, and complains (DESIGN §6, invariants)."""

from typing import Any

from acd.core.agents import Input, Presence, Work
from acd.core.dispatch import RINGING, Offer, Withdraw
from acd.core.ids import AgentId, CallId, QueueId
from tests.core.histories import Decided, Floor, Op
from tests.core.reference import ReferenceDispatcher


class Broken(AssertionError):
    """An invariant does not hold."""


def must(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)


class Watch:
    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.queues = dict(floor.settings.queues)
        self.reloaded = False
        self.keys: dict[CallId, float] = {}  # of all that wait, as they joined
        self.queue_of: dict[CallId, QueueId] = {}
        self.accepted: dict[CallId, AgentId] = {}
        self.talking: set[tuple[CallId, AgentId]] = set()
        self.wrapping: dict[AgentId, float] = {}  # until
        self.penalty: dict[AgentId, float] = {}
        self.away: dict[AgentId, str] = {}  # asked for a break or sign-off, or does not respond
        self.unanswered: dict[AgentId, int] = {}
        self.idle_since: dict[AgentId, float] = {}  # as it was when he was rung

    # ------------------------------------------------------------------------------------------------ the rules

    def decided(self, decided: Decided) -> None:
        """A match was made: each decision is allowed, and none is left to make."""
        now, states = self.floor.now, self.floor.agents.states
        for offer in decided:
            if isinstance(offer, Withdraw):
                self._kept_his_idle_time(offer.agent)
                continue
            agent, contact = offer.agent, offer.contact
            must(agent not in self.away, f"{agent} was rung, though {self.away.get(agent)}")
            must(self.wrapping.get(agent, now) <= now, f"{agent} was rung in wrap-up")
            must(self.penalty.get(agent, now) <= now, f"{agent} was rung before his penalty was over")
            must(contact not in self.accepted, f"{contact} was offered, though {self.accepted.get(contact)} has it")
            self.idle_since[agent] = states[agent].idle_since
        for offer in decided:
            if isinstance(offer, Offer) and offer.agent in self.floor.dispatcher.waiting[offer.contact].rung:
                self._overtook_nobody(offer.contact)
        self._nothing_is_left()
        self._rings_add_up()
        self._forget_the_gone()

    def _nothing_is_left(self) -> None:
        floor = self.floor
        books = ReferenceDispatcher(floor.agents, floor.dispatcher.waiting, floor.random, floor.dispatcher.lanes)
        books.queues = floor.dispatcher.queues
        for waiting in floor.dispatcher.waiting.values():
            for state in () if waiting.rung else floor.agents.states.values():
                left = books.may_match(waiting, state, floor.now)
                must(not left, f"{waiting.contact} and {state.id} were left unmatched")

    def _rings_add_up(self) -> None:
        rung = {(c, a) for c, w in self.floor.dispatcher.waiting.items() for a in w.rung}
        busy = {
            (task.contact, state.id)
            for state in self.floor.agents.states.values()
            for task in state.tasks.values()
            if task.work in (Work.OFFERED, Work.ANSWERED) and task.queue is not None
        }
        must(rung == busy, f"rung for {sorted(rung)}, but ringing {sorted(busy)}")
        for waiting in self.floor.dispatcher.waiting.values():
            several = self.reloaded or self.queues[waiting.queue].strategy in RINGING
            must(len(waiting.rung) <= 1 or several, f"{waiting.contact} rings several phones")

    def _overtook_nobody(self, contact: CallId) -> None:
        """Of those who are alike, nobody who comes first by key waits on (where rings widen, as they should)."""
        chosen = self.floor.dispatcher.waiting[contact]
        if any(ring.needs or ring.teams or ring.sites for ring in self.queues[chosen.queue].rings):
            return
        for other in self.floor.dispatcher.waiting.values():
            traits = ("queue", "tier", "needs", "site", "channel", "preferred")
            alike = all(getattr(other, trait) == getattr(chosen, trait) for trait in traits)
            if alike and chosen.preferred is None and not other.rung and not other.excluded:
                sooner = other.joined_at <= chosen.joined_at and (other.key, other.serial) < (chosen.key, chosen.serial)
                must(not sooner, f"{contact} overtook {other.contact}")

    def _kept_his_idle_time(self, agent: AgentId) -> None:
        since = self.floor.agents.states[agent].idle_since if agent in self.floor.agents.states else None
        kept = self.idle_since.get(agent) in (None, since)
        must(kept, f"{agent} was idle since {self.idle_since.get(agent)}, now {since}")

    # ------------------------------------------------------------------------------------------------ the books

    def saw(self, op: Op, answer: Any) -> None:
        """One step was taken."""
        note = getattr(self, f"_note_{op[0]}", None)
        if note is not None:
            note(answer, *op[1:])
        self._forget_the_gone()
        waiting = self.floor.dispatcher.waiting
        must(list(waiting) == list(self.keys), f"{list(waiting)} wait, {list(self.keys)} should")
        for contact, kept in waiting.items():
            must(kept.key == self.keys[contact], f"{contact} lost its key")
        for state in self.floor.agents.states.values():
            settings = self.floor.agents.settings[state.id]
            for channel, most in settings.capacity.items() if not self.reloaded else ():
                tasks = [task for task in state.tasks.values() if task.channel == channel and task.queue is not None]
                must(len(tasks) <= most, f"{state.id} has {len(tasks)} at once on {channel}")

    def _note_join(self, answer: str | None, contact: CallId, queue: QueueId, how: dict[str, Any]) -> None:
        if answer is None:
            self.keys[contact] = self.floor.now - how.get("credit_s", self.queues[queue].credit_s)
            self.queue_of[contact] = queue
        waiting = [c for c in self.keys if self.queue_of[c] == queue]
        must(len(waiting) <= self.queues[queue].max_length or self.reloaded, f"{queue} is too long")

    def _note_abandon(self, answer: None, contact: CallId) -> None:
        del self.keys[contact]

    def _note_accept(self, withdrawn: list[Withdraw], contact: CallId, agent: AgentId) -> None:
        must(contact not in self.accepted, f"{contact} was connected twice")
        self.accepted[contact] = agent
        self.talking.add((contact, agent))
        del self.keys[contact]
        self.unanswered.pop(agent, None)
        self.idle_since.pop(agent, None)
        for withdraw in withdrawn:
            self._kept_his_idle_time(withdraw.agent)
        for state in self.floor.agents.states.values():
            task = state.tasks.get(contact)
            must(task is None or task.work not in (Work.OFFERED, Work.ANSWERED), f"{state.id} rings on for {contact}")

    def _note_miss(self, answer: None, contact: CallId, agent: AgentId, how: str) -> None:
        queue = self.queues[self.queue_of[contact]]
        delays = {"rejected": queue.rejected_delay_s, "busy": queue.busy_delay_s, "no_answer": queue.no_answer_delay_s}
        self.penalty[agent] = max(self.penalty.get(agent, 0.0), self.floor.now + delays.get(how, 0.0))
        state = self._here().get(agent)
        if how == "no_answer" and state is not None and state.presence is not Presence.UNREACHABLE:
            self.unanswered[agent] = self.unanswered.get(agent, 0) + 1
            if self.unanswered[agent] >= queue.max_no_answer:
                self.away.setdefault(agent, "he does not respond")
        self._kept_his_idle_time(agent)

    def _note_work(self, answer: str, contact: CallId, agent: AgentId, given: Input) -> None:
        self.idle_since.pop(agent, None)
        if given is Input.ACCEPTED:
            self.unanswered.pop(agent, None)
        elif given is Input.DONE:
            self.wrapping.pop(agent, None)
        elif given in (Input.HUNG_UP, Input.RELEASED, Input.GONE) and (contact, agent) in self.talking:
            self.talking.discard((contact, agent))
            wrap_up = self.queues[self.queue_of[contact]].wrap_up
            one_thing = (
                sum(self.floor.agents.settings[agent].capacity.values()) == 1 if agent in self._here() else False
            )
            if wrap_up.kind != "none" and one_thing:
                self.wrapping[agent] = self.floor.now + (wrap_up.timed_s if wrap_up.kind == "timed" else 1e9)

    def _note_ask(self, answer: str, what: str, agent: AgentId, *more: Any) -> None:
        self.idle_since.pop(agent, None)
        if answer != "ok" or what == "set_skills":
            return
        if what == "extend_wrap_up":
            self.wrapping[agent] = self.wrapping.get(agent, 0.0) + more[0]
            return
        if what in ("take_break", "sign_off"):
            self.away[agent] = f"he asked for {what}"
        else:
            self.away.pop(agent, None)
            self.unanswered.pop(agent, None)
        working = [task for task in self.floor.agents.states[agent].tasks.values() if task.work is not Work.WRAP_UP]
        if not working:
            self.wrapping.pop(agent, None)
        if what == "sign_on":
            self.penalty.pop(agent, None)

    def _note_configure(self, answer: None, settings: Any) -> None:
        self.reloaded = True
        self.queues |= settings.queues
        self.idle_since.clear()
        self.wrapping.clear()  # its rules may be others now

    def _note_time(self, answer: None, now: float) -> None:
        self.idle_since.clear()  # a wrap-up may end

    def _here(self) -> dict[AgentId, Any]:
        return self.floor.agents.states

    def _forget_the_gone(self) -> None:
        """A removed agent who is configured again starts anew."""
        for books in (self.wrapping, self.penalty, self.away, self.unanswered, self.idle_since):
            for agent in [agent for agent in books if agent not in self._here()]:
                del books[agent]
