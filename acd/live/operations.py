"""What an operator may ask over the control socket: the verbs behind `acd status`, `acd agent …`, `acd reload` …"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from acd.config import ConfigError, difference, load
from acd.core import events as ev
from acd.live.trace import Trace

if TYPE_CHECKING:
    from acd.live.hotline import Hotline

Facts: TypeAlias = dict[str, Any]
Make: TypeAlias = Callable[[str], ev.Event]
"""Makes the event from the name of the request."""


class BadRequest(ValueError):
    """The request cannot be understood; the text says what would be right."""


def _text(args: Facts, name: str) -> str:
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} is missing: it should be a text")
    return value


def _text_if_any(args: Facts, name: str) -> str | None:
    return None if args.get(name) is None else _text(args, name)


def _number(args: Facts, name: str) -> float:
    value = args.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{name} is missing: it should be a number")
    return float(value)


def _levels(args: Facts, name: str, most: int) -> dict[str, int] | None:
    """Names with their levels; None puts the agent back to the configuration's."""
    levels = args.get(name)
    if levels is None:
        return None
    if not isinstance(levels, dict) or not all(type(n) is int and 1 <= n <= most for n in levels.values()):
        raise BadRequest(f"{name}: each has a level from 1 to {most}, such as loans={most - 2}")
    return {str(key): level for key, level in levels.items()}


def _teams(args: Facts) -> tuple[str, ...] | None:
    teams = args.get("teams")
    if teams is not None and not isinstance(teams, list):
        raise BadRequest("teams: a list of names")
    return None if teams is None else tuple(map(str, teams))


def _by(args: Facts) -> str:
    return str(args.get("by") or "operator")[:64]


AGENT: Final[dict[str, Callable[[str, Facts], Make]]] = {
    "sign-on": lambda agent, args: lambda request: ev.SignOn(request, _by(args), agent, _text_if_any(args, "at")),
    "sign-off": lambda agent, args: lambda request: ev.SignOff(request, _by(args), agent),
    "ready": lambda agent, args: lambda request: ev.Ready(request, _by(args), agent),
    "break": lambda agent, args: lambda request: ev.Break(request, _by(args), agent, str(args.get("reason") or "")),
    "wrap-up": lambda agent, args: lambda request: ev.ExtendWrapUp(request, _by(args), agent, _number(args, "seconds")),
    "skills": lambda agent, args: lambda request: ev.SetSkills(request, _by(args), agent, _levels(args, "skills", 10)),
    "teams": lambda agent, args: lambda request: ev.SetTeams(request, _by(args), agent, _teams(args)),
    "queues": lambda agent, args: lambda request: ev.SetQueues(request, _by(args), agent, _levels(args, "queues", 9)),
    "consult": lambda agent, args: lambda request: ev.Consult(request, _by(args), agent, _text(args, "to")),
    "transfer": lambda agent, args: lambda request: ev.Transfer(request, _by(args), agent, _text(args, "to")),
    "swap": lambda agent, args: lambda request: ev.Swap(request, _by(args), agent),
    "complete": lambda agent, args: lambda request: ev.CompleteTransfer(request, _by(args), agent),
    "cancel": lambda agent, args: lambda request: ev.CancelTransfer(request, _by(args), agent),
}
CALL: Final[dict[str, Callable[[str, Facts], Make]]] = {
    "hang-up": lambda call, args: lambda request: ev.HangUp(request, _by(args), call),
    "move": lambda call, args: (
        lambda request: ev.MoveCall(
            request,
            _by(args),
            call,
            _text_if_any(args, "queue"),
            None if args.get("tier") is None else int(_number(args, "tier")),
        )
    ),
}
QUEUE: Final[dict[str, Callable[[str, Facts], Make]]] = {
    "block": lambda queue, args: lambda request: ev.BlockQueue(request, _by(args), queue, True),
    "unblock": lambda queue, args: lambda request: ev.BlockQueue(request, _by(args), queue, False),
    "empty": lambda queue, args: lambda request: ev.EmptyQueue(request, _by(args), queue, _text(args, "to")),
}
HOURS: Final[dict[str, Callable[[str, Facts], Make]]] = {
    "open": lambda calendar, args: lambda request: ev.SetHours(request, _by(args), calendar, True),
    "closed": lambda calendar, args: lambda request: ev.SetHours(request, _by(args), calendar, False),
    "as-planned": lambda calendar, args: lambda request: ev.SetHours(request, _by(args), calendar, None),
}
SURGE: Final[dict[str, Callable[[str, Facts], Make]]] = {
    "on": lambda surge, args: lambda request: ev.SetSurge(request, _by(args), surge, True),
    "off": lambda surge, args: lambda request: ev.SetSurge(request, _by(args), surge, False),
    "auto": lambda surge, args: lambda request: ev.SetSurge(request, _by(args), surge, None),
}
"""What may be asked of an agent, a call, a queue, a calendar, a surge, by its name and the request's further
arguments."""


class Operations:
    def __init__(self, hotline: Hotline) -> None:
        self.hotline = hotline
        self._verbs: dict[str, Callable[[Facts], Awaitable[Facts]]] = {
            "status": self._status,
            "view": self._view,
            "queues": lambda args: self._part("queues"),
            "agents": lambda args: self._part("agents"),
            "calls": lambda args: self._part("calls"),
            "trunks": self._trunks,
            "trunk": self._trunk,
            "trace": self._trace,
            "alarms": self._alarms,
            "agent": lambda args: self._order("agent", AGENT, args),
            "call": lambda args: self._order("call", CALL, args),
            "queue": lambda args: self._order("queue", QUEUE, args),
            "hours": lambda args: self._order("calendar", HOURS, args),
            "surge": lambda args: self._order("surge", SURGE, args),
            "calendars": lambda args: self._part("calendars"),
            "surges": lambda args: self._part("surges"),
            "overlay": lambda args: self._part("overlay"),
            "reset": self._reset,
            "reload": self._reload,
            "drain": self._drain,
        }

    async def handle(self, verb: str, args: Facts) -> Facts:
        """One request: ``{"ok": true, "data": …}`` or ``{"ok": false, "error": …}``."""
        if verb not in self._verbs:
            return {"ok": False, "error": f"unknown verb {verb!r}"}
        try:
            return {"ok": True, "data": await self._verbs[verb](args)}
        except (BadRequest, ConfigError) as error:
            return {"ok": False, "error": str(error)}

    def _look(self) -> Facts:
        hotline = self.hotline
        facts: Facts = msgspec.to_builtins(hotline.engine.view(hotline.clock.now()))
        return facts

    async def _status(self, args: Facts) -> Facts:
        hotline = self.hotline
        view, sip, workers = (
            hotline.engine.view(hotline.clock.now()),
            hotline.endpoint.stats(),
            await hotline.media.stats(),
        )
        return {
            "name": hotline.configuration.name,
            "boot": hotline.boot,
            "up_s": round(hotline.clock.now() - hotline.started_at, 3),
            "draining": view.draining,
            "calls": len(view.calls),
            "legs": view.legs,
            "ports": sum(worker["legs"] for worker in workers),
            "timers": view.timers,
            "agents_busy": view.agents_busy,
            "agents_signed_on": sum(agent.presence != "signed_off" for agent in view.agents),
            "waiting": sum(queue.waiting for queue in view.queues),
            "sip": sip,
            "workers": workers,
            "records_waiting": hotline.records.waiting if hotline.records else 0,
            "records_lost": hotline.records.lost if hotline.records else 0,
            "alarms": len(hotline.alarms),
            "surges": [surge.id for surge in view.surges if surge.on],
            "changed_by_hand": len(view.overlay),
        }

    async def _view(self, args: Facts) -> Facts:
        return {**self._look(), **await self._trunks(args), **await self._alarms(args)}

    async def _part(self, name: str) -> Facts:
        look = self._look()
        return {"now": look["now"], "wall_offset_s": look["wall_offset_s"], name: look[name]}

    async def _trunks(self, args: Facts) -> Facts:
        """Each trunk with its calls."""
        calls: dict[str, int] = {}
        for call in self.hotline.engine.view(self.hotline.clock.now()).calls:
            calls[call.source] = calls.get(call.source, 0) + 1
        return {
            "trunks": [
                {
                    "id": trunk.id,
                    "network": trunk.network,
                    "sources": [f"{host}:{port}" if port else host for host, port in trunk.sources],
                    "trusted": trunk.trusted,
                    "codecs": list(trunk.codecs),
                    "calls": calls.get(f"trunk:{trunk.id}", 0),
                    "max_calls": trunk.max_calls,
                    **self.hotline.trunks.view(trunk.id),
                }
                for trunk in self.hotline.configuration.trunks.values()
            ]
        }

    async def _trunk(self, args: Facts) -> Facts:
        name, op = _text(args, "id"), _text(args, "op")
        if op not in ("block", "unblock"):
            raise BadRequest(f"unknown order {op!r} for the trunk; it may be block, unblock")
        try:
            self.hotline.block_trunk(name, op == "block")
        except KeyError:
            raise BadRequest(f"there is no trunk {name!r}") from None
        return {"detail": f"Trunk {name} is {op}ed."}

    async def _trace(self, args: Facts) -> Facts:
        hotline = self.hotline
        call = _text(args, "call")
        offset_s = hotline.clock.now() + hotline.clock.wall_offset_s - asyncio.get_running_loop().time()
        kept, legs, listeners = list(hotline.trace.ring), hotline.trace.legs(call), dict(hotline.endpoint.listeners)
        return {"messages": await asyncio.to_thread(Trace.messages, kept, legs, listeners, offset_s)}

    async def _alarms(self, args: Facts) -> Facts:
        return {
            "alarms": [
                {"name": name, "since": since, "detail": detail}
                for name, (since, detail) in self.hotline.alarms.items()
            ]
        }

    async def _ask(self, make: Make) -> Facts:
        reply = await self.hotline.ask(make)
        if not reply.ok:
            raise BadRequest(reply.detail)
        return {"detail": reply.detail}

    async def _order(self, what: str, orders: dict[str, Callable[[str, Facts], Make]], args: Facts) -> Facts:
        name, op = _text(args, "id"), _text(args, "op")
        if op not in orders:
            raise BadRequest(f"unknown order {op!r} for the {what}; it may be {', '.join(orders)}")
        return await self._ask(orders[op](name, args))

    async def _reset(self, args: Facts) -> Facts:
        name = _text_if_any(args, "name")
        return await self._ask(lambda request: ev.ResetOverlay(request, _by(args), name))

    async def _reload(self, args: Facts) -> Facts:
        hotline = self.hotline
        if args.get("dry_run"):
            fresh = await asyncio.to_thread(load, hotline.configuration.file)
            changes = difference(hotline.configuration, fresh)
        else:
            changes = hotline.reload()
        return {"changes": changes, "overlay": hotline.engine.view(hotline.clock.now()).overlay}

    async def _drain(self, args: Facts) -> Facts:
        facts = await self._ask(lambda request: ev.Drain(request, _by(args)))
        self.hotline.draining = True
        return facts
