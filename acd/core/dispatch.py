"""The dispatcher: which waiting call goes to which agent, exactly as DESIGN §6 says, in microseconds.

It stands alone: the engine and the simulator both use it through the few methods below, and it knows only contacts,
queues and `AgentState`s. `match` is the one place that decides.
"""

from collections.abc import Mapping

from acd.core.deciding import Decider
from acd.core.expected_wait import expected_wait_s
from acd.core.floor import RINGING, Offer, Withdraw
from acd.core.ids import AgentId, CallId, QueueId, SkillId
from acd.core.waiting import Waiting

__all__ = ["RINGING", "Dispatcher", "Offer", "Waiting", "Withdraw"]


class Dispatcher(Decider):
    """Who waits, who may serve, and the pairs that follow.

    A snapshot holds `waiting`, `lanes` and `queues`, in which removed ones live on until they are empty; all else is
    built from them.
    """

    # ------------------------------------------------------------------------------------------- joining, leaving

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
        length = self._length.get(queue, 0)
        if q is None or q.blocked:
            return "blocked"
        if length >= q.max_length:
            return "queue_full"
        if self.agents.changed:
            self._absorb(now)
        serial = self._serial + 1
        waiting = Waiting(
            contact,
            queue,
            tuple(sorted(needs.items())) if needs else (),
            q.tier if tier is None else tier,
            now - (q.credit_s if credit_s is None else credit_s),
            serial,
            now,
            preferred,
            now + q.preferred_for_s if preferred is not None else 0.0,
            site,
            channel,
            {},
            {},
        )
        if q.nobody_signed_on == "leave" and not self._room.plan(waiting).signed_on:
            return "nobody_signed_on"
        if q.max_expected_wait_s is not None and (self._expected(waiting, now) or 0.0) > q.max_expected_wait_s:
            return "expected_wait_too_long"
        lane = self.lanes.get(queue) or self._lane(queue)
        lane.joined = self._serial = serial
        self.waiting[contact] = self._fresh[contact] = waiting
        self._length[queue] = length + 1
        return None

    def leave(self, contact: CallId) -> None:
        """It waits no longer (abandoned, max wait, moved …) or was accepted. Nothing happens if it does not wait.
        Agents still rung for it are the caller's to withdraw."""
        waiting = self.waiting.pop(contact, None)
        if waiting is not None:
            if waiting.queued and not waiting.rung:
                self._backlog(waiting, -1)
            self._forget(waiting)

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
        if not waiting.rung:
            self._rings_no_more(contact)
            self._fresh[contact] = waiting
            if waiting.queued:
                self._backlog(waiting, 1)

    def accepted(self, contact: CallId, agent: AgentId, now: float | None = None) -> list[Withdraw]:
        """First acceptance wins; the others stop ringing. The contact waits no longer. `now`: of the last `match` if
        not given."""
        waiting = self.waiting.pop(contact, None)
        if waiting is None:
            return []
        if waiting.queued:
            self.lanes[waiting.queue].taken_since += 1
        rung = waiting.rung
        if len(rung) == 1 and not self._rung:  # as most often: it stands nowhere
            self._length[waiting.queue] -= 1
            return []
        if waiting.queued and not rung:
            self._backlog(waiting, -1)
        self._forget(waiting)
        return self._withdraw(waiting, [a for a in rung if a != agent], self._now if now is None else now)

    def change_tier(self, contact: CallId, tier: int) -> None:
        """Move a waiting contact to another tier; its key stays. Nothing happens if it does not wait."""
        waiting = self.waiting.get(contact)
        if waiting is not None:
            self._look_again([contact])
            waiting.tier = tier

    # ----------------------------------------------------------------------------------------------- announcing

    def position(self, contact: CallId, now: float) -> int:
        """1 is next. What was announced never rises: that is the caller's business."""
        return self._ahead(self.waiting[contact]) + 1

    def expected_wait_s(self, contact: CallId, now: float) -> float | None:
        """DESIGN §6; None when nobody signed on may serve."""
        return self._expected(self.waiting[contact], now)

    def length(self, queue: QueueId) -> int:
        """How many are in it, those being rung for included."""
        return self._length.get(queue, 0)

    def prospect(self, queue: QueueId, now: float) -> tuple[int, float | None]:
        """For somebody who joined at this instant: how many are signed on who may ever serve him, and the wait he
        could expect (None with nobody signed on)."""
        q = self.queues.get(queue)
        if q is None:
            return 0, None
        if self.agents.changed:
            self._absorb(now)
        waiting = Waiting("", queue, (), q.tier, now - q.credit_s, self._serial + 1, now)
        return self._signed_on(waiting), self._expected(waiting, now)

    def stranded(self) -> list[CallId]:
        """Contacts that nobody signed on may ever serve, in queues that such contacts leave. To be asked after
        sign-offs and skill changes, and a `match`."""
        if not self._market.deserted():
            return []
        return [
            w.contact
            for w in self.waiting.values()
            if not w.rung and self.queues[w.queue].nobody_signed_on == "leave" and not self._anybody(w)
        ]

    # ------------------------------------------------------------------------------------------------- counting

    def _forget(self, w: Waiting) -> None:
        """It has left `waiting`."""
        self._length[w.queue] -= 1
        place = self._room.placed.get(w.contact)
        if place is not None:
            self._room.take_up(place)
            return
        self._fresh.pop(w.contact, None)
        if self._rung:
            self._rings_no_more(w.contact)

    def _anybody(self, w: Waiting) -> bool:
        """Whether somebody is signed on who may serve it, in whichever ring."""
        return self._room.plan(w).signed_on > 0

    def _signed_on(self, w: Waiting) -> int:
        """How many are signed on who may serve it, in whichever ring."""
        return self._room.plan(w).signed_on

    def _ahead(self, w: Waiting) -> int:
        place = (w.tier, w.key, w.serial)
        fresh = [o for o in self._fresh.values() if o.queue == w.queue and (o.tier, o.key, o.serial) < place]
        return self._room.ahead(w) + len(fresh)

    def _expected(self, w: Waiting, now: float) -> float | None:
        queue, signed_on = self.queues[w.queue], self._signed_on(w)
        if not signed_on:
            return None
        rate = self._lane(w.queue).rate(now) or signed_on / queue.handle_s
        return expected_wait_s(self._ahead(w), rate, queue.patience_s)
