"""The checked models, references resolved, to the core's settings and the shell's values.

Every reference and address is judged here, each problem at its own place; the result is meaningful only if none of
them is an error.
"""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from acd.config import addresses
from acd.config.problem import Problem, Severity, did_you_mean, one_of
from acd.config.schema import AgentAt, AnnounceAt, DeviceAt, HotlineFile, ListenAt, QueueAt, SecretAt, TrunkAt
from acd.config.shell import (
    DIGIT_PROMPTS,
    DeviceShell,
    DialOut,
    Limits,
    Listen,
    Log,
    Media,
    Secret,
    SecretMissing,
    TrunkShell,
)
from acd.config.yaml import Document, Step
from acd.core import settings as core

_Found = TypeVar("_Found")
ANY_ADDRESS = ("0.0.0.0", "::")
SOCKET_PATH_MAX = 107  # bytes of sun_path


class Compiler:
    """Walks one configuration; `problems` grows."""

    def __init__(self, document: Document, model: HotlineFile, base: Path) -> None:
        self.document = document
        self.model = model
        self.base = base
        self.problems: list[Problem] = []

    # ------------------------------------------------------------------------------------------- complaints

    def wrong(
        self, path: tuple[Step, ...], what: str, fix: str = "", *, key: bool = False, severity: Severity = "error"
    ) -> None:
        self.problems.append(self.document.problem(path, what, fix, at="key" if key else "value", severity=severity))

    def refer(self, kind: str, name: str, known: Collection[str], path: tuple[Step, ...], *, key: bool = False) -> None:
        """A reference must lead somewhere."""
        if name not in known:
            section = {"network": "listen", "music": "music"}.get(kind, kind + "s")
            otherwise = (
                f"put {name}.wav into a directory of prompts:" if kind == "prompt" else f"declare it under {section}:"
            )
            fix = did_you_mean(name, known, otherwise)
            self.wrong(path, f"{kind} {name!r} does not exist", fix, key=key)

    def read(self, reader: Callable[[str], _Found], text: str, path: tuple[Step, ...], default: _Found) -> _Found:
        """What `reader` makes of a text; its ValueError becomes a problem."""
        try:
            return reader(text)
        except ValueError as error:
            self.wrong(path, *map(str, error.args))
            return default

    def path(self, text: str) -> Path:
        """Relative to the configuration file."""
        return Path(os.path.normpath(self.base / Path(text).expanduser()))

    def network(self, name: str | None, usual: str, path: tuple[Step, ...]) -> str:
        """The listen entry a trunk or device belongs to."""
        if name is not None:
            self.refer("network", name, self.model.listen, (*path, "network"))
            return name
        if usual in self.model.listen:
            return usual
        if len(self.model.listen) == 1:
            return next(iter(self.model.listen))
        fix = f"add network: …, {one_of(self.model.listen)}"
        self.wrong(path, "which network it is on is not clear", fix, key=True)
        return usual

    def secret(self, at: SecretAt | None, path: tuple[Step, ...]) -> Secret | None:
        if at is None:
            return None
        secret = Secret(at.env, self.path(at.file) if at.file is not None else None, at.key)
        try:
            secret.reveal()
        except SecretMissing as missing:
            # An environment differs from host to host, a file is part of what was written.
            severity: Severity = "warning" if at.env is not None else "error"
            of_line = at.key is not None and secret.file is not None and secret.file.is_file()
            field = "env" if at.env is not None else "key" if of_line else "file"
            self.wrong((*path, field), str(missing), severity=severity)
        return secret

    # -------------------------------------------------------------------------------------------- the shell

    def listen(self) -> dict[str, Listen]:
        found = {name: self._listen(name, at) for name, at in self.model.listen.items()}
        seen: dict[tuple[str, str, int], str] = {}
        for name, listen in found.items():
            for index, address in enumerate(listen.sip):
                key = (address.transport, address.host, address.port)
                if address.port and seen.setdefault(key, name) != name:
                    fix = "give each network an address or port of its own"
                    self.wrong(("listen", name, "sip", index), f"{seen[key]!r} listens there already", fix)
        return found

    def _listen(self, name: str, at: ListenAt) -> Listen:
        path = ("listen", name)
        sip = []
        for index, text in enumerate(at.sip):
            address = self.read(addresses.listener, text, (*path, "sip", index), None)
            if address is not None:
                sip.append(address)
        if not at.sip:
            self.wrong((*path, "sip"), "must not be empty", 'write sip: "udp:10.0.0.1:5060"')
        first = sip[0].host if sip else "127.0.0.1"
        media = self.read(addresses.bare_address, at.media, (*path, "media"), first) if at.media else first
        if at.advertise:
            advertise = self.read(addresses.bare_address, at.advertise, (*path, "advertise"), first)
        else:
            advertise = first if first not in ANY_ADDRESS else media
        if advertise in ANY_ADDRESS:
            where = "advertise" if at.advertise else "sip"
            self.wrong(
                (*path, where), f"peers cannot send to {advertise}", "add advertise: the address they reach you at"
            )
        media_advertise = advertise if media in ANY_ADDRESS or (at.advertise and at.media) else media
        return Listen(name, tuple(sip), advertise, media, media_advertise, tuple(at.digest))

    def trunks(self) -> dict[str, TrunkShell]:
        found = {name: self._trunk(name, at) for name, at in self.model.trunks.items()}
        seen: dict[tuple[str, str, int], str] = {}
        for name, trunk in found.items():
            for index, (host, port) in enumerate(trunk.sources):
                first = seen.setdefault((trunk.network, host, port), name)
                if first != name:
                    fix = "a source belongs to one trunk; a port may tell two apart"
                    self.wrong(("trunks", name, "sources", index), f"trunk {first!r} has this source", fix)
        return found

    def _trunk(self, name: str, at: TrunkAt) -> TrunkShell:
        path: tuple[Step, ...] = ("trunks", name)
        sources = []
        for index, text in enumerate(at.sources):
            source = self.read(addresses.source, text, (*path, "sources", index), None)
            if source is not None:
                sources.append(source)
        media_from = [
            self.read(addresses.network, text, (*path, "media_from", index), "")
            for index, text in enumerate(at.media_from)
        ]
        dial_out = None
        if at.dial_out is not None:
            to = self.read(addresses.sip_uri, at.dial_out.to, (*path, "dial_out", "to"), addresses.LOCAL)
            password = self.secret(at.dial_out.password, (*path, "dial_out", "password"))
            dial_out = DialOut(*to, at.dial_out.caller, at.dial_out.user, password)
        return TrunkShell(
            name,
            self.network(at.network, "trunks", path),
            tuple(sources),
            at.trusted,
            tuple(at.codecs),
            dial_out,
            at.nat,
            tuple(media_from),
            at.limits.calls,
        )

    def devices(self) -> dict[str, DeviceShell]:
        return {name: self._device(name, at) for name, at in self.model.devices.items()}

    def _device(self, name: str, at: DeviceAt) -> DeviceShell:
        path: tuple[Step, ...] = ("devices", name)
        ways = [way for way in ("password", "contact", "number") if getattr(at, way) is not None]
        if not ways:
            fix = "give it a password (it registers), a contact, or a number through a trunk"
            self.wrong(path, "nobody knows how to reach this device", fix, key=True)
        for way in ways[1:]:
            self.wrong((*path, way), f"it has a {ways[0]} already", "a device is reached in one way", key=True)
        if at.contact is not None:
            self.read(addresses.sip_uri, at.contact, (*path, "contact"), None)
        if at.number is not None and at.through is None:
            self.wrong((*path, "number"), "through which trunk?", "add through: and a trunk with dial_out", key=True)
        if at.through is not None:
            self.refer("trunk", at.through, self.model.trunks, (*path, "through"))
            trunk = self.model.trunks.get(at.through)
            if trunk is not None and trunk.dial_out is None:
                fix = f"give trunk {at.through} a dial_out: {{to: …}}"
                self.wrong((*path, "through"), f"trunk {at.through!r} does not dial out", fix)
        return DeviceShell(
            name,
            self.network(at.network, "agents", path),
            self.secret(at.password, (*path, "password")),
            at.contact,
            tuple(at.codecs),
            at.nat,
        )

    def media(self) -> Media:
        at = self.model.media
        first, last = self.read(addresses.port_range, at.ports, ("media", "ports"), (30000, 39999))
        workers = os.cpu_count() or 1 if at.workers == "auto" else at.workers
        if not 1 <= workers <= 256:
            self.wrong(("media", "workers"), f"{workers} is out of range", "1 to 256, or auto")
        return Media(first, last, workers, at.silent_s)

    def control(self) -> Path:
        path = self.path(self.model.control)
        if len(os.fsencode(path)) > SOCKET_PATH_MAX:
            fix = f"a socket's path has at most {SOCKET_PATH_MAX} bytes; this is {path}"
            self.wrong(("control",), "the path is too long for a socket", fix)
        return path

    def music(self) -> dict[str, Path]:
        found = {name: self.path(text) for name, text in self.model.music.items()}
        for name, path in found.items():
            if not path.is_file():
                self.wrong(("music", name), f"there is no file {path}", "paths are relative to this file")
        return found

    def prompts(self) -> dict[str, Path]:
        """Prompts by name: the path of each WAV file in its directory, without the suffix. The first directory wins."""
        found: dict[str, Path] = {}
        for index, text in enumerate(self.model.prompts):
            directory = self.path(text)
            if not directory.is_dir():
                self.wrong(("prompts", index), f"there is no directory {directory}", "paths are relative to this file")
                continue
            for file in sorted(directory.rglob("*.wav")):
                found.setdefault(file.relative_to(directory).with_suffix("").as_posix(), file)
        return found

    def flow_files(self) -> dict[str, Path]:
        """Flow files by the flow's name."""
        found: dict[str, Path] = {}
        for index, text in enumerate(self.model.flows):
            path = self.path(text)
            if path.is_dir():
                files = [file for file in sorted(path.glob("*.yaml")) if not file.name.endswith(".test.yaml")]
            elif path.is_file():
                files = [path]
            else:
                self.wrong(("flows", index), f"there is no file or directory {path}", "paths are relative to this file")
                continue
            for file in files:
                if found.setdefault(file.stem, file) != file:
                    fix = f"the first is {found[file.stem]}"
                    self.wrong(("flows", index), f"flow {file.stem!r} twice", fix)
        return found

    def log(self) -> Log:
        at = self.model.log
        return Log(at.level, at.format, self.path(at.file) if at.file is not None else None)

    def limits(self) -> Limits:
        at = self.model.limits
        return Limits(at.calls, at.calls_per_s, at.retry_after_s)

    def timezone(self) -> str:
        zone = self.model.hotline.timezone
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            fix = did_you_mean(zone, available_timezones(), "write an IANA name such as Asia/Shanghai")
            self.wrong(("hotline", "timezone"), f"time zone {zone!r} does not exist", fix)
        return zone

    # --------------------------------------------------------------------------------------------- the core

    def core_devices(self, prompts: Collection[str]) -> dict[str, core.Device]:
        for name, at in self.model.devices.items():
            if at.confirm is not None and "whisper" not in prompts:
                fix = "put whisper.wav into a directory of prompts:, which says what key to press"
                self.wrong(("devices", name, "confirm"), "prompt 'whisper' does not exist", fix, key=True)
        return {name: core.Device(name, at.number, at.through, at.confirm) for name, at in self.model.devices.items()}

    def core_agents(self) -> dict[str, core.Agent]:
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
        capacity: Mapping[str, int] = {"voice": 1} | {str(channel): room for channel, room in at.capacity.items()}
        return core.Agent(
            name,
            at.name,
            at.device,
            dict(at.skills),
            tuple(at.teams),
            at.site,
            dict(at.queues),
            at.sign_on,
            dict(capacity),
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
        return {name: self._queue(name, at, prompts) for name, at in self.model.queues.items()}

    def _queue(self, name: str, at: QueueAt, prompts: Collection[str]) -> core.Queue:
        path: tuple[Step, ...] = ("queues", name)
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
        return core.Queue(
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
            self.refer("flow", at.flow, flows, ("numbers", name, "flow"))
        return {name: core.Number(name, at.flow, at.answer) for name, at in self.model.numbers.items()}


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
)
"""Fields of a queue that mean in YAML what they mean in the core."""
