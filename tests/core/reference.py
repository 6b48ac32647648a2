"""The dispatcher once more, naive and obviously right: it scans everything, every time, and remembers nothing.

It is what DESIGN §6 says, read aloud; the indexed one must decide the same, always.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random

from acd.core.agents import Agents, AgentState, Input, Presence, Work
from acd.core.dispatch import Offer, Waiting, Withdraw
from acd.core.expected_wait import Lane, expected_wait_s
from acd.core.ids import AgentId, CallId, QueueId, SkillId
from acd.core.settings import Queue, Settings


class ReferenceDispatcher:
    """Who waits, who may serve, and the pairs that follow.

    The best pair first: among all pairs for which `may_match` holds the smallest (tier, preference level, key, call
    serial, strategy tuple, agent serial); again until there is none. A snapshot holds `waiting` and `lanes`.
    """

    def __init__(
        self,
        agents: Agents,
        waiting: dict[CallId, Waiting] | None,
        random: Random,
        lanes: dict[QueueId, Lane] | None = None,
        queues: dict[QueueId, Queue] | None = None,
    ) -> None:
        self.agents = agents
        self.waiting = waiting if waiting is not None else {}
        self.lanes = lanes if lanes is not None else {}
        self.queues = queues if queues is not None else {}
        self._random = random
        self._urgency = False
        self._serial = max((w.serial for w in self.waiting.values()), default=0)
        self._now = 0.0

    def configure(self, settings: Settings, now: float) -> None:
        """A queue that is no longer configured takes no new contacts and lives until it is empty."""
        left = {
            id: replace(queue, blocked=True, reserve=None)
            for id, queue in self.queues.items()
            if id not in settings.queues
        }
        self.queues = settings.queues | left
        self._urgency = settings.order_by == "urgency"

    def join(
        self,
        contact: CallId,
        queue: QueueId,
        now: float,
        *,
        needs: Mapping[SkillId, int] | None = None,
        tier: int | None = None,
        credit_s: float | None = None,
        preferred: AgentId | None = None,
        site: str = "",
        channel: str = "voice",
    ) -> str | None:
        """Let a contact wait. Returns None, or why it may not: queue_full, nobody_signed_on, expected_wait_too_long,
        blocked. A contact waits in one queue at a time."""
        q = self.queues.get(queue)
        if q is None:
            return "blocked"
        self._serial += 1
        waiting = Waiting(
            contact,
            queue,
            tuple(sorted(needs.items())) if needs else (),
            q.tier if tier is None else tier,
            now - (q.credit_s if credit_s is None else credit_s),
            self._serial,
            now,
            preferred,
            now + q.preferred_for_s if preferred is not None else 0.0,
            site,
            channel,
        )
        if q.blocked:
            return "blocked"
        if sum(w.queue == queue for w in self.waiting.values()) >= q.max_length:
            return "queue_full"
        if q.nobody_signed_on == "leave" and not self._signed_on(waiting):
            return "nobody_signed_on"
        if q.max_expected_wait_s is not None and (self._expected(waiting, now) or 0.0) > q.max_expected_wait_s:
            return "expected_wait_too_long"
        self.waiting[contact] = waiting
        return None

    def leave(self, contact: CallId) -> None:
        """It waits no longer (abandoned, max wait, moved …) or was accepted. Nothing happens if it does not wait.
        Agents still rung for it are the caller's to withdraw."""
        waiting = self.waiting.pop(contact, None)
        if waiting is not None and waiting.queued and not waiting.rung:
            self._lane(waiting.queue).backlog -= 1

    def put_back(self, contact: CallId, agent: AgentId, now: float, *, exclude: bool) -> None:
        """An offer came to nothing: the contact waits again with the key it had, `exclude`d from that agent if he
        rejected it. While other phones still ring for it, it goes on ringing there."""
        waiting = self.waiting.get(contact)
        if waiting is None or waiting.rung.pop(agent, None) is None:
            return
        if exclude:
            waiting.excluded[agent] = now + self.queues[waiting.queue].exclude_after_reject_s
        if agent == waiting.preferred:
            waiting.preferred_until = now
        if not waiting.rung and waiting.queued:
            self._lane(waiting.queue).backlog += 1

    def accepted(self, contact: CallId, agent: AgentId, now: float | None = None) -> list[Withdraw]:
        """First acceptance wins; the others stop ringing. The contact waits no longer. `now`: of the last `match` if
        not given."""
        waiting = self.waiting.pop(contact, None)
        if waiting is None:
            return []
        if waiting.queued:
            self._lane(waiting.queue).taken_since += 1
            self._lane(waiting.queue).backlog -= not waiting.rung
        return self._withdraw(waiting, [a for a in waiting.rung if a != agent], self._now if now is None else now)

    def change_tier(self, contact: CallId, tier: int) -> None:
        if contact in self.waiting:
            self.waiting[contact].tier = tier

    # ------------------------------------------------------------------------------------------------- deciding

    def match(self, now: float) -> list[Offer | Withdraw]:
        """Decide. Every offer returned has been booked with `Agents.offer`; call it after every change, once a step."""
        self._now = now
        self.agents.wake(now)
        done: list[Offer | Withdraw] = []
        for waiting in [w for w in self._ringing() if len(w.rung) > 1 and not self._alone(w, w.rung, now)]:
            done += self._withdraw(waiting, self._beside_the_longest_idle(waiting), now)
        while pair := min(self._pairs(now), default=None):
            done += self._decide(self.waiting[pair[-2]], pair[1], now)
        for waiting in self._ringing():
            done += self._ring_more(waiting, now)
        for waiting in self.waiting.values():
            if not waiting.rung and not waiting.queued:
                waiting.queued = True
                self._lane(waiting.queue).backlog += 1
        for lane in self.lanes.values():
            if (lane.backlog > 0) != (lane.settled_at is not None):
                lane.settle(now)
        return done

    def may_match(self, waiting: Waiting, state: AgentState, now: float) -> bool:
        """The only predicate."""
        return (
            self.agents.free(state, waiting.channel)
            and now >= state.not_before
            and self.eligible(waiting, state, now)
            and self._reserves_left(waiting, state, now)
        )

    def eligible(self, waiting: Waiting, state: AgentState, now: float) -> bool:
        """All of `may_match` that does not depend on what the agents are doing."""
        queue = self.queues[waiting.queue]
        if not self._takes(state, waiting.channel):
            return False
        if now < waiting.excluded.get(state.id, now):
            return False
        preferred = self.agents.states.get(waiting.preferred or "")
        window = preferred is not None and preferred.presence is Presence.READY and now < waiting.preferred_until
        if window and state is not preferred:
            return False
        level = self.level(state, queue)
        if level <= len(queue.level_delays_s) and now < waiting.joined_at + queue.level_delays_s[level - 1]:
            return False
        at_home = bool(waiting.site) and now < waiting.joined_at + queue.own_site_for_s
        if at_home and self.agents.settings[state.id].site != waiting.site:
            return False
        stage = sum(now >= waiting.joined_at + ring.after_s for ring in queue.rings)
        return self._serves(state, queue, stage, waiting.needs)

    def _takes(self, state: AgentState, channel: str) -> bool:
        return not state.leaving and self.agents.settings[state.id].capacity.get(channel, 0) > 0

    def level(self, state: AgentState, queue: Queue) -> int:
        return self.agents.settings[state.id].queues.get(queue.id, 1)

    def deadline(self) -> float | None:
        """The next instant at which `may_match` can change for somebody by time alone."""
        return min((at for w in self.waiting.values() for at in self._instants(w) if at > self._now), default=None)

    # ------------------------------------------------------------------------------------------------ announcing

    def position(self, contact: CallId, now: float) -> int:
        """1 is next. What was announced never rises: that is the caller's business."""
        return self._ahead(self.waiting[contact]) + 1

    def expected_wait_s(self, contact: CallId, now: float) -> float | None:
        """DESIGN §6; None when nobody signed on may serve."""
        return self._expected(self.waiting[contact], now)

    def stranded(self) -> list[CallId]:
        """Contacts that nobody signed on may ever serve, in queues that such contacts leave."""
        return [
            w.contact
            for w in self.waiting.values()
            if not w.rung and self.queues[w.queue].nobody_signed_on == "leave" and not self._signed_on(w)
        ]

    # --------------------------------------------------------------------------------------------------- details

    def _pairs(self, now: float) -> Iterator[tuple[tuple[object, ...], list[AgentState], CallId, int]]:
        for w in self.waiting.values():
            if w.rung:
                continue
            candidates = [s for s in self.agents.states.values() if self.may_match(w, s, now)]
            if candidates:
                level = min(self.level(s, self.queues[w.queue]) for s in candidates)
                urgency = (w.key - now) / self.queues[w.queue].target_s if self._urgency else w.key
                yield (w.tier, level, urgency, w.key, w.serial), candidates, w.contact, level

    def _decide(self, w: Waiting, candidates: list[AgentState], now: float) -> list[Offer | Withdraw]:
        queue = self.queues[w.queue]
        if queue.strategy == "ring_all" and self._alone(w, {s.id: 0.0 for s in candidates}, now):
            ranked = sorted(candidates, key=lambda s: (self.level(s, queue), s.idle_since, s.serial))
            return [self._offer(w, s, now) for s in ranked if self.may_match(w, s, now)]
        level = min(self.level(s, queue) for s in candidates)
        best = [s for s in candidates if self.level(s, queue) == level]
        if queue.strategy == "random":
            best.sort(key=lambda s: s.serial)
            chosen = best[int(self._random.random() * len(best))] if len(best) > 1 else best[0]
        else:
            chosen = min(best, key=lambda s: (self.strategy(w, s, now), s.serial))
        return [self._offer(w, chosen, now)]

    def strategy(self, w: Waiting, s: AgentState, now: float) -> tuple[float, ...]:
        queue = self.queues[w.queue]
        skills = self.agents.skills(s.id)
        needs = self._needs(queue, sum(now >= w.joined_at + ring.after_s for ring in queue.rings), w.needs)
        skilled = sum(skills[skill] for skill in sorted(needs)) if needs else sum(skills.values())
        signed_on_s = now - s.signed_on_at
        match queue.strategy:
            case "most_skilled":
                return (-skilled, s.idle_since)
            case "least_skilled":
                return (skilled, len(skills), s.idle_since)
            case "least_occupied":
                busy_s = s.busy_s + (now - s.busy_since if s.busy_since is not None else 0.0)
                return (busy_s / signed_on_s if signed_on_s > 0.0 else 0.0, s.idle_since)
            case "fewest_calls":
                return (s.calls / signed_on_s if signed_on_s > 0.0 else 0.0, s.idle_since)
            case "round_robin":
                return (float(s.serial <= self._lane(w.queue).last_serial), float(s.serial))
            case "in_order":
                return (float(s.serial),)
            case _:
                return (s.idle_since,)

    def _offer(self, w: Waiting, s: AgentState, now: float) -> Offer:
        if not w.rung and w.queued:
            self._lane(w.queue).backlog -= 1
        self.agents.offer(s.id, w.contact, w.queue, now, w.channel)
        w.rung[s.id] = now
        w.next_ring_at = now + self.queues[w.queue].ring_step_s
        if self.queues[w.queue].strategy == "round_robin":
            self._lane(w.queue).last_serial = s.serial
        return Offer(w.contact, w.queue, s.id)

    def _withdraw(self, w: Waiting, losers: list[AgentId], now: float) -> list[Withdraw]:
        for agent in losers:
            del w.rung[agent]
            self.agents.advance(agent, w.contact, Input.WITHDRAWN, now)
        return [Withdraw(w.contact, agent) for agent in losers]

    def _ringing(self) -> list[Waiting]:
        """Contacts being rung for by the two ringing strategies, in order."""
        ringing = ("ring_all", "ring_progressively")
        rung = [w for w in self.waiting.values() if w.rung and self.queues[w.queue].strategy in ringing]
        return sorted(rung, key=lambda w: (w.tier, w.key, w.serial))

    def _alone(self, w: Waiting, agents: Mapping[AgentId, float], now: float) -> bool:
        """Whether no other contact waits for those agents; one that is being rung for waits still."""
        states = [self.agents.states[a] for a in agents if a in self.agents.states]
        others = [o for o in self.waiting.values() if o is not w]
        return not any(self.eligible(o, s, now) for o in others for s in states)

    def _beside_the_longest_idle(self, w: Waiting) -> list[AgentId]:
        """Whom to withdraw: all phones that still ring save one; none rings on if somebody has picked up."""
        ringing = [self.agents.states[a] for a in w.rung]
        ringing = [s for s in ringing if w.contact in s.tasks and s.tasks[w.contact].work is Work.OFFERED]
        ringing.sort(key=lambda s: (s.idle_since, s.serial))
        return [s.id for s in (ringing[1:] if len(ringing) == len(w.rung) else ringing)]

    def _ring_more(self, w: Waiting, now: float) -> list[Offer | Withdraw]:
        queue = self.queues[w.queue]
        progressively = queue.strategy == "ring_progressively"
        if progressively and now < w.next_ring_at:
            return []
        free = [s for s in self.agents.states.values() if s.id not in w.rung and self.may_match(w, s, now)]
        if not free or not self._alone(w, w.rung | {s.id: now for s in free}, now):
            return []
        free.sort(key=lambda s: (self.level(s, queue), s.idle_since, s.serial))
        if progressively:
            free = free[:1]
        return [self._offer(w, s, now) for s in free if self.may_match(w, s, now)]

    def _reserves_left(self, w: Waiting, s: AgentState, now: float) -> bool:
        for lane in self.queues.values():
            reserve = lane.reserve
            if reserve is None or lane.tier >= w.tier or lane.id == w.queue or not self._serves(s, lane, 0):
                continue
            if now < w.joined_at + reserve.reserve_for_s:
                others = [o for o in self.agents.states.values() if o is not s and self.agents.free(o, w.channel)]
                if sum(self._serves(o, lane, 0) for o in others) < reserve.agents:
                    return False
        return True

    def _needs(self, queue: Queue, stage: int, own: tuple[tuple[SkillId, int], ...] = ()) -> dict[SkillId, int]:
        needs = queue.needs
        for ring in queue.rings[:stage]:
            needs = needs if ring.needs is None else ring.needs
        return needs | {skill: max(level, needs.get(skill, 0)) for skill, level in own}

    def _serves(self, s: AgentState, queue: Queue, stage: int, own: tuple[tuple[SkillId, int], ...] = ()) -> bool:
        teams, sites = queue.teams, queue.sites
        for ring in queue.rings[:stage]:
            teams = teams if ring.teams is None else ring.teams
            sites = sites if ring.sites is None else ring.sites
        settings, skills = self.agents.settings[s.id], self.agents.skills(s.id)
        return (
            (not teams or any(team in teams for team in settings.teams))
            and (not sites or settings.site in sites)
            and all(skills.get(skill, 0) >= level for skill, level in self._needs(queue, stage, own).items())
        )

    def _signed_on(self, w: Waiting) -> int:
        """How many are signed on who may serve it, in whichever ring."""
        queue = self.queues[w.queue]
        stages = range(len(queue.rings) + 1)
        return sum(
            any(self._serves(s, queue, stage, w.needs) for stage in stages)
            for s in self.agents.states.values()
            if s.presence is not Presence.SIGNED_OFF and self._takes(s, w.channel)
        )

    def _ahead(self, w: Waiting) -> int:
        place = (w.tier, w.key, w.serial)
        return sum(
            (o.tier, o.key, o.serial) < place for o in self.waiting.values() if o.queue == w.queue and not o.rung
        )

    def _expected(self, w: Waiting, now: float) -> float | None:
        queue, signed_on = self.queues[w.queue], self._signed_on(w)
        if not signed_on:
            return None
        rate = self._lane(w.queue).rate(now) or signed_on / queue.handle_s
        return expected_wait_s(self._ahead(w), rate, queue.patience_s)

    def _instants(self, w: Waiting) -> Iterator[float]:
        queue = self.queues[w.queue]
        for ring in queue.rings:
            yield w.joined_at + ring.after_s
        for delay_s in queue.level_delays_s:
            yield w.joined_at + delay_s
        for lane in self.queues.values():
            if lane.reserve is not None and lane.tier < w.tier and lane.id != w.queue:
                yield w.joined_at + lane.reserve.reserve_for_s
        yield w.preferred_until
        if w.site:
            yield w.joined_at + queue.own_site_for_s
        yield from w.excluded.values()
        if w.rung and queue.strategy == "ring_progressively":
            yield w.next_ring_at

    def _lane(self, queue: QueueId) -> Lane:
        return self.lanes.setdefault(queue, Lane())
