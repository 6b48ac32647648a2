"""The models, references resolved, to the shell's values."""

import os
import re
import ssl
import wave
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from acd.config import addresses, hours
from acd.config.hours import Calendar
from acd.config.judge import Judge
from acd.config.problem import Severity, did_you_mean, one_of
from acd.config.schema import HoursAt
from acd.config.schema_shell import DeviceAt, DialOutTo, ListenAt, RewriteStep, TargetAt, TrunkAt
from acd.config.shell import (
    Algorithm,
    DeviceShell,
    DialOut,
    DialTarget,
    Listen,
    Log,
    Media,
    Register,
    Rewrite,
    TlsFiles,
    Transport,
    TrunkShell,
)
from acd.config.words import SecretAt
from acd.config.yaml import Step
from acd.records.place import DatabaseAt, Place
from acd.secret import Secret, SecretMissing

ANY_ADDRESS = ("0.0.0.0", "::")
SOCKET_PATH_MAX = 107  # bytes of sun_path
HA1_DIGITS: Final[dict[Algorithm, int]] = {"MD5": 32, "SHA-256": 64}


class ShellHalf(Judge):
    """Addresses, secrets, files."""

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
        tls = self._tls(name, at, [address.transport for address in sip])
        return Listen(name, tuple(sip), advertise, media, media_advertise, tuple(at.digest), tls)

    def _tls(self, name: str, at: ListenAt, transports: list[Transport]) -> TlsFiles | None:
        path = ("listen", name, "tls")
        if at.tls is None:
            if "tls" in transports:
                self.wrong(("listen", name, "sip"), "tls needs a certificate", "add tls: {certificate: …, key: …}")
            return None
        files = {field: getattr(at.tls, field) for field in ("certificate", "key", "ca")}
        found = {field: self.path(text) if text is not None else None for field, text in files.items()}
        certificate, key, ca = found["certificate"], found["key"], found["ca"]
        assert certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:  # no password: OpenSSL would ask at the terminal
            context.load_cert_chain(certificate, key, password=lambda: b"")
        except OSError as error:
            fix = "give a certificate and its key, unencrypted, as PEM"
            self.wrong((*path, "certificate"), f"certificate and key cannot be used: {_why(error)}", fix)
        if ca is not None:
            try:
                context.load_verify_locations(ca)
            except OSError as error:
                self.wrong((*path, "ca"), f"{ca} cannot be used: {_why(error)}", "give certificates as PEM")
        return TlsFiles(certificate, key, ca, at.tls.verify_client)

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
        if not at.sources and at.dial_out is None:
            fix = "give it sources: (where its calls come from) or dial_out:"
            self.wrong(path, "no call can come or go through this trunk", fix, key=True)
        dial_out = None
        if at.dial_out is not None:
            dial_out = self._dial_out(at.dial_out, self.network(at.network, "trunks", path), (*path, "dial_out"))
        network = self.network(at.network, "trunks", path)
        self._speech(at, network, path)
        return TrunkShell(
            name,
            network,
            tuple(sources),
            at.trusted,
            tuple(at.codecs),
            dial_out,
            at.nat,
            tuple(media_from),
            at.limits.calls,
            at.limits.calls_per_s,
            self._register(at, dial_out, path),
            at.probe_s,
            Rewrite(*[tuple([(step.match, step.to) for step in steps]) for steps in _rewrites(at)]),
            srtp=at.srtp,
        )

    def _dial_out(self, at: DialOutTo, network: str, path: tuple[Step, ...]) -> DialOut:
        places = [((*path, "targets", n, "to"), target) for n, target in enumerate(at.targets)]
        if at.to is not None:
            places = [((*path, "to"), TargetAt(to=at.to))]
        targets = []
        nowhere: tuple[str, int | None, Transport | None] = addresses.LOCAL
        for place, target in places:
            to = self.read(addresses.sip_place, target.to, place, nowhere)
            if to[2] is not None:
                self._spoken(network, to[2], place)
            targets.append(DialTarget(*to, target.priority, target.weight))
        if at.certificate is not None and not any(target.transport in ("tls", None) for target in targets):
            fix = "write ;transport=tls behind the URI, or take it away"
            self.wrong((*path, "certificate"), "no target is called over TLS", fix, key=True)
        password = self.secret(at.password, (*path, "password"))
        return DialOut(tuple(targets), at.certificate, at.caller, at.user, password)

    def name_servers(self) -> tuple[tuple[str, int], ...]:
        found = []
        for index, text in enumerate(self.model.dns.servers):
            server = self.read(lambda text: addresses.host_port(text, 53), text, ("dns", "servers", index), None)
            if server is not None:
                found.append(server)
        return tuple(found)

    def _register(self, at: TrunkAt, dial_out: DialOut | None, path: tuple[Step, ...]) -> Register | None:
        asked = at.registration
        if asked is None:
            return None
        if dial_out is None:
            self.wrong((*path, "registration"), "register where?", "add dial_out: {to: …}", key=True)
            return None
        password = self.secret(asked.password, (*path, "registration", "password"))
        assert password is not None
        first = dial_out.targets[0]
        host = f"[{first.host}]" if ":" in first.host else first.host
        uri = f"sip:{host}" if first.port is None else f"sip:{host}:{first.port}"
        return Register(uri, asked.user, password, asked.expires_s)

    def _spoken(self, network: str, transport: Transport, path: tuple[Step, ...]) -> None:
        """We send by a transport only where we listen on it: it is what our Via names."""
        listen = self.model.listen.get(network)
        if listen is not None and not any(text.startswith(f"{transport}:") for text in listen.sip):
            fix = f'add "{transport}:…" to sip: of that network'
            self.wrong(path, f"network {network!r} does not listen on {transport}", fix)

    def _speech(self, at: TrunkAt | DeviceAt, network: str, path: tuple[Step, ...]) -> None:
        """Its audio is in codecs that are installed, and its keys go where nobody reads them."""
        if "G722" in at.codecs and find_spec("G722") is None:
            self.wrong(
                (*path, "codecs", at.codecs.index("G722")), "G722 is not installed", "pip install 'hotline-acd[g722]'"
            )
        if at.srtp == "off":
            return
        if find_spec("pylibsrtp") is None:
            self.wrong((*path, "srtp"), "SRTP is not installed", "pip install 'hotline-acd[srtp]'")
        listen = self.model.listen.get(network)
        if listen is not None and not any(text.startswith(("tls:", "wss:")) for text in listen.sip):
            what = f"the keys are in SDP, and network {network!r} has no tls"
            self.wrong((*path, "srtp"), what, "whoever reads the SIP can hear the call", severity="warning")

    def devices(self) -> dict[str, DeviceShell]:
        return {name: self._device(name, at) for name, at in self.model.devices.items()}

    def _device(self, name: str, at: DeviceAt) -> DeviceShell:
        path: tuple[Step, ...] = ("devices", name)
        ways = [way for way in ("password", "ha1", "contact", "number") if getattr(at, way) not in (None, {})]
        if not ways:
            fix = "give it a password (it registers), a contact, or a number through a trunk"
            self.wrong(path, "nobody knows how to reach this device", fix, key=True)
        for way in ways[1:]:
            self.wrong((*path, way), f"it has a {ways[0]} already", "a device is reached in one way", key=True)
        if at.path and not (at.password or at.ha1):
            fix = "take it away: only what registers has a path"
            self.wrong((*path, "path"), "this device does not register", fix, key=True)
        if at.contact is not None:
            at_contact = self.read(addresses.sip_uri, at.contact, (*path, "contact"), addresses.LOCAL)
            self._spoken(self.network(at.network, "agents", path), at_contact[2], (*path, "contact"))
        if at.number is not None and at.through is None:
            self.wrong((*path, "number"), "through which trunk?", "add through: and a trunk with dial_out", key=True)
        if at.through is not None:
            self.refer("trunk", at.through, self.model.trunks, (*path, "through"))
            trunk = self.model.trunks.get(at.through)
            if trunk is not None and trunk.dial_out is None:
                fix = f"give trunk {at.through} a dial_out: {{to: …}}"
                self.wrong((*path, "through"), f"trunk {at.through!r} does not dial out", fix)
        network = self.network(at.network, "agents", path)
        self._speech(at, network, path)
        return DeviceShell(
            name,
            network,
            self.secret(at.password, (*path, "password")),
            at.contact,
            tuple(at.codecs),
            at.nat,
            at.srtp,
            at.path,
            self._ha1(at, network, (*path, "ha1")),
        )

    def _ha1(self, at: DeviceAt, network: str, path: tuple[Step, ...]) -> tuple[tuple[Algorithm, Secret], ...]:
        found: list[tuple[Algorithm, Secret]] = []
        for algorithm, where in at.ha1.items():
            secret = self.secret(where, (*path, algorithm))
            assert secret is not None
            found.append((algorithm, secret))
            digits = HA1_DIGITS[algorithm]
            with suppress(SecretMissing):  # that has been said
                if not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", secret.reveal()):
                    fix = f"the hash of user:realm:password by {algorithm}, {digits} hexadecimal digits"
                    self.wrong((*path, algorithm), "what is kept there is no HA1", fix, key=True)
        listen = self.model.listen.get(network)
        for algorithm in listen.digest if listen is not None and at.ha1 else ():
            if algorithm not in at.ha1:
                what = f"network {network!r} challenges by {algorithm}, of which there is no HA1"
                self.wrong(path, what, f"add {algorithm}: {{…}}, or leave it out of digest there", key=True)
        return tuple(found)

    def media(self) -> Media:
        at = self.model.media
        first, last = self.read(addresses.port_range, at.ports, ("media", "ports"), (30000, 39999))
        return Media(first, last, at.workers or os.cpu_count() or 1, at.silent_s)

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
            else:
                self.audio(path, ("music", name))
        return found

    def audio(self, path: Path, at: tuple[Step, ...]) -> None:
        """A recording the media workers can play as it is, or one that needs converting."""
        try:
            with wave.open(str(path), "rb") as file:
                if (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1):
                    return
        except EOFError:
            self.wrong(at, f"{path} is empty or cut off", "record it again")
            return
        except OSError as error:
            self.wrong(at, f"{path} cannot be read: {error.strerror}")
            return
        except wave.Error:
            pass  # another coding than PCM
        fix = "convert it (sox IN -r 8000 -b 16 -c 1 OUT), or install hotline-acd[prompts], which does so when it plays"
        self.wrong(at, f"{path} is not 8 kHz, 16 bits, mono", fix, severity="warning")

    def prompts(self) -> dict[str, Path]:
        """Prompts by name: the path of each WAV file in its directory, without the suffix. The first directory wins."""
        found: dict[str, Path] = {}
        for index, text in enumerate(self.model.prompts):
            directory = self.path(text)
            if not directory.is_dir():
                self.wrong(("prompts", index), f"there is no directory {directory}", "paths are relative to this file")
                continue
            for file in sorted(directory.rglob("*.wav")):
                name = file.relative_to(directory).with_suffix("").as_posix()
                if found.setdefault(name, file) is file:
                    self.audio(file, ("prompts", index))
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

    def records(self) -> Place | None:
        at = self.model.records
        if at is None or at.file is not None:
            return self.path(at.file) if at is not None and at.file is not None else None
        return DatabaseAt(at.url or "", self.secret(at.password, ("records", "password")), self.path(at.waiting))

    def timezone(self) -> str:
        return self._zone(self.model.hotline.timezone, ("hotline", "timezone"))

    def _zone(self, zone: str, path: tuple[Step, ...]) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            fix = did_you_mean(zone, available_timezones(), "write an IANA name such as Asia/Shanghai")
            self.wrong(path, f"time zone {zone!r} does not exist", fix)
        return zone

    def calendars(self) -> dict[str, Calendar]:
        return {name: self._calendar(name, at) for name, at in self.model.hours.items()}

    def _calendar(self, name: str, at: HoursAt) -> Calendar:
        path: tuple[Step, ...] = ("hours", name)
        zone = self.model.hotline.timezone if at.timezone is None else self._zone(at.timezone, (*path, "timezone"))
        week: dict[int, hours.Spans] = {}
        none: list[int] = []
        for text, times in at.week.items():
            inside = (*path, "week", text)
            given = self._open_at(times, inside)
            for day in self.read(hours.weekdays, text, inside, none, key=True):
                if day in week:
                    self.wrong(inside, f"{hours.WEEK[day]} stands here twice", "name a day once", key=True)
                week[day] = given
        dates = []
        for text, times in at.dates.items():
            inside = (*path, "dates", text)
            dates.append((self.read(hours.days, text, inside, hours.NEVER, key=True), self._open_at(times, inside)))
        return Calendar(name, zone, tuple(week.get(day, ()) for day in range(7)), tuple(dates))

    def _open_at(self, times: list[str], path: tuple[Step, ...]) -> hours.Spans:
        try:
            return hours.spans(times)
        except ValueError as error:
            self.wrong(path, *map(str, error.args))
            return ()

    # ------------------------------------------------------------------------------------- shared by these

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


def _rewrites(at: TrunkAt) -> tuple[list[RewriteStep], ...]:
    return at.rewrite.called, at.rewrite.caller, at.rewrite.dialled


def _why(error: OSError) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or "not readable"
