"""What an operator may ask over the control socket: the verbs behind `acd status`, `acd agent …`, `acd reload` …"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from acd.config import ConfigError, difference, load
from acd.core import events as ev

if TYPE_CHECKING:
    from acd.live.hotline import Hotline

Facts: TypeAlias = dict[str, Any]
BY: Final = "operator"


class BadRequest(ValueError):
    """The request cannot be understood; the text says what would be right."""


def _text(args: Facts, name: str) -> str:
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} is missing: it should be a text")
    return value


def _agent_request(args: Facts) -> Callable[[str], ev.Event]:
    agent, op = _text(args, "id"), _text(args, "op")
    makers: dict[str, Callable[[str], ev.Event]] = {
        "sign-on": lambda request: ev.SignOn(request, BY, agent, args.get("at")),
        "sign-off": lambda request: ev.SignOff(request, BY, agent),
        "ready": lambda request: ev.Ready(request, BY, agent),
        "break": lambda request: ev.Break(request, BY, agent, str(args.get("reason") or "")),
    }
    if op not in makers:
        raise BadRequest(f"an agent cannot {op!r}: {', '.join(makers)}")
    return makers[op]


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
            "alarms": self._alarms,
            "agent": self._agent,
            "call": self._call,
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
            "alarms": len(hotline.alarms),
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
                }
                for trunk in self.hotline.configuration.trunks.values()
            ]
        }

    async def _alarms(self, args: Facts) -> Facts:
        return {
            "alarms": [
                {"name": name, "since": since, "detail": detail}
                for name, (since, detail) in self.hotline.alarms.items()
            ]
        }

    async def _ask(self, make: Callable[[str], ev.Event]) -> Facts:
        reply = await self.hotline.ask(make)
        if not reply.ok:
            raise BadRequest(reply.detail)
        return {"detail": reply.detail}

    async def _agent(self, args: Facts) -> Facts:
        return await self._ask(_agent_request(args))

    async def _call(self, args: Facts) -> Facts:
        call, op = _text(args, "id"), _text(args, "op")
        if op != "hang-up":
            raise BadRequest(f"a call cannot {op!r}: hang-up")
        return await self._ask(lambda request: ev.HangUp(request, BY, call))

    async def _reload(self, args: Facts) -> Facts:
        hotline = self.hotline
        if args.get("dry_run"):
            fresh = await asyncio.to_thread(load, hotline.configuration.file)
            return {"changes": difference(hotline.configuration, fresh)}
        return {"changes": hotline.reload()}

    async def _drain(self, args: Facts) -> Facts:
        facts = await self._ask(lambda request: ev.Drain(request, BY))
        self.hotline.draining = True
        return facts
