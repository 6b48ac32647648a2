"""What goes wrong, live: trunks and telephones that fall silent. None says good-bye: the engine has to find out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.desks import struck
from simulator.load.places import REGISTERED, trunk_listener

if TYPE_CHECKING:
    from simulator.desks import Desk
    from simulator.load.stage import Stage
    from simulator.schema import PhonesDownAt, TrunkDownAt


def arrange(stage: Stage) -> None:
    """Let the scenario's faults happen in their time; they end with the exchange's tasks."""
    faults = stage.scenario.model.world.faults
    for trunk in faults.trunk_down:
        stage.troubles.append(stage.exchange.task(_trunk_down(stage, trunk)))
    for phones, desk in struck(stage.scenario, stage.everybody, stage.replication):
        if desk.agent.id in stage.desks:
            stage.troubles.append(stage.exchange.task(_phone_down(stage, phones, desk)))


async def _trunk_down(stage: Stage, at: TrunkDownAt) -> None:
    """Nothing comes from there any more, and nothing gets there; agents at home on it are cut off too."""
    listener = trunk_listener(at.trunk)
    await stage.until(at.at_s)
    exchange = stage.exchange
    stage.trunks_down[at.trunk] += 1
    exchange.quiet.listeners_off.add(listener)
    for phone in list(exchange.phones.values()):
        if phone.session is not None and phone.session.hop.listener == listener:
            exchange.lose(phone)
    try:
        await stage.until(at.at_s + at.lasts_s)
    finally:
        stage.trunks_down[at.trunk] -= 1
        if not stage.trunks_down[at.trunk]:
            exchange.quiet.listeners_off.discard(listener)


async def _phone_down(stage: Stage, at: PhonesDownAt, desk: Desk) -> None:
    """One telephone; its agent is ready again when it is back."""
    place = next(place for place, device in stage.places.devices.items() if device == desk.device)
    await stage.until(at.at_s)
    exchange = stage.exchange
    desk.dead = True
    exchange.quiet.users_off.add(place)
    for phone in list(stage.phones.get(desk.device, ())):
        exchange.lose(phone)
    try:
        await stage.until(at.at_s + at.lasts_s)
    finally:
        desk.dead = False
        exchange.quiet.users_off.discard(place)
    account = stage.places.accounts.get(desk.device)
    if account is not None:
        await exchange.register(REGISTERED, account.registrar, desk.device, account.password)
    if desk.at_work and not desk.resting and not desk.tasks:
        await stage.control.order(desk.agent.id, "ready")
