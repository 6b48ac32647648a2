"""Surges: named states of the hotline while more goes on than usual (a typhoon, an upgrade that went wrong).

While anybody calls, the conditions are looked at every `LOOK_S`; a hotline at rest is woken by nothing. A surge that is
on lays its queues over the configured ones, flows read it, and an alarm stands.
"""

from typing import Final

from acd.core.commands import Alarm
from acd.core.conditions import value_of
from acd.core.context import Core
from acd.core.overlay import apply
from acd.core.settings import Surge
from acd.core.state import SurgeState

LOOK_S: Final = 5.0
_LOOK: Final = ("look", "")


def somebody_calls(core: Core) -> None:
    """The first call after a rest: how it stands may be long past."""
    surges = core.state.settings.surges
    if surges and _LOOK not in core.timers.at and any([surge.on is not None for surge in surges.values()]):  # noqa: C419 - there are few, and a generator takes longer
        look(core)


def look(core: Core) -> None:
    """Put each surge on or off, as its condition or somebody's hand says; look again while there is a reason to."""
    state = core.state
    changed = False
    for id, surge in state.settings.surges.items():
        now_on = state.surges.get(id) or SurgeState()
        wanted = _wanted(core, surge, now_on)
        if wanted != now_on.on:
            changed = True
            state.surges[id] = SurgeState(wanted, core.now)
            _tell(core, id, wanted)
    for id in [id for id in state.surges if id not in state.settings.surges]:  # configured no longer
        if state.surges.pop(id).on:
            changed = True
            _tell(core, id, False)
    if changed:
        apply(core)
    core.timers.cancel(_LOOK)
    if any(surge.on is not None and _moves(core, id) for id, surge in state.settings.surges.items()):
        core.timers.set(_LOOK, core.now + LOOK_S)


def tell(core: Core) -> None:
    """A shell that begins anew knows of no alarm."""
    for id, surge in core.state.surges.items():
        if surge.on:
            _tell(core, id, True)


def _wanted(core: Core, surge: Surge, state: SurgeState) -> bool:
    by_hand = core.state.surges_set.get(surge.id)
    if by_hand is not None:
        return by_hand
    if surge.on is None:
        return False
    if not state.on:
        return bool(value_of(core, surge.on, {}))
    if core.now < state.since + surge.least_s:
        return True
    return not value_of(core, surge.off, {}) if surge.off is not None else bool(value_of(core, surge.on, {}))


def _moves(core: Core, id: str) -> bool:
    """Whether time or callers may change it."""
    on = id in core.state.surges and core.state.surges[id].on
    return id not in core.state.surges_set and (on or core.state.live > 0)


def _tell(core: Core, id: str, on: bool) -> None:
    by = "set by hand" if id in core.state.surges_set else "by its condition"
    core.out.append(Alarm(f"surge:{id}", on, by if on else ""))
