"""`may_match` (DESIGN §6), over pools and demands: what is left of it once these know each other."""

from typing import TypeAlias

from acd.core.pools import Demand, Entry, Held, Line, Member, blocked
from acd.core.waiting import Place

Link: TypeAlias = tuple[Line, Demand, tuple[Held, ...]]


def fits(place: Place, member: Member) -> bool:
    """`may_match`: he can be rung on its channel, and nothing of this contact is in the way."""
    demand = place.demand
    for seat in member.seats:
        pool = seat.pool
        if pool.channel == demand.channel:
            return (
                seat.entry is not None
                and place.only in (None, member.id)
                and member.id not in place.waiting.excluded
                and demand.level(pool) is not None
                and not blocked(tuple(held for held in demand.held if held in pool.held))
            )
    return False


def eligible(place: Place, member: Member) -> bool:
    """All of `may_match` that does not depend on what agents are doing."""
    if place.only not in (None, member.id) or member.id in place.waiting.excluded:
        return False
    return level_for(place, member) is not None


def level_for(place: Place, member: Member) -> int | None:
    """The preference level at which an agent may serve a contact, or None."""
    levels = (place.demand.level(seat.pool) for seat in member.seats)
    return next((level for level in levels if level is not None), None)


def first(member: Member, links: list[Link]) -> Entry | None:
    """The first contact among those whom an agent may serve at one rank."""
    best: Entry | None = None
    for line, demand, held in links:
        head = line.head
        if head is not None and (best is None or head < best) and not (held and blocked(held)):
            best = head
        if demand.odd:
            for excluded, others in demand.odd.items():
                odd = others.head
                if odd is None or member.id in excluded or (held and blocked(held)):
                    continue
                if best is None or odd < best:
                    best = odd
    return best
