"""Telephones and trunks over TCP and TLS: baresip registers and is called back on its connection, SIPp is a trunk."""

import hashlib
import shutil
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sip.framing import Framer
from sip.message import Response
from sip.parsing import parse
from tests.live.bank import MENU, WELCOME, Bank
from tests.live.ear import Ear, write_tone
from tests.live.harness import SOON_S, EngineProcess, agent_leg, free_port, wait_until
from tests.live.peers.baresip import Baresip
from tests.live.peers.linphone import Linphone
from tests.live.rawsip import RawSip, sdp
from tests.sip.certificates import Authority

pytestmark = pytest.mark.peer

DEVICES = """
  desk: {password: {file: passwords, key: DESK}, codecs: [PCMA]}
  home: {password: {file: passwords, key: HOME}, codecs: [PCMA]}
"""
AGENTS = '  "2001": {name: Desk, device: desk, skills: {loans: 5}}\n'


class Hotline:
    """Agents' phones on UDP, TCP and TLS, the trunk on UDP and TCP."""

    def __init__(self, directory: Path) -> None:
        (directory / "passwords").write_text("DESK=desk-word\nHOME=home-word\n")
        self.authority = Authority(directory)
        certificate, key = self.authority.certificate("engine")
        self.bank = bank = Bank(
            directory, devices=DEVICES, more_agents=AGENTS,
            device="codecs: [PCMA], network: trunks",
            queue="{needs: {loans: 1}, wrap_up: none, nobody_signed_on: wait}",
        )  # fmt: skip
        self.tls_port = free_port()
        self.ports = {"udp": bank.phone_port, "tcp": bank.phone_port, "tls": self.tls_port}
        text = bank.text.replace(
            f'"udp:127.0.0.1:{bank.phone_port}", ',
            f'["udp:127.0.0.1:{bank.phone_port}", "tcp:127.0.0.1:{bank.phone_port}", "tls:127.0.0.1:{self.tls_port}"], '
            f"tls: {{certificate: {certificate}, key: {key}}}, ",
        )
        text = text.replace(
            f'"udp:127.0.0.1:{bank.trunk_port}"',
            f'["udp:127.0.0.1:{bank.trunk_port}", "tcp:127.0.0.1:{bank.trunk_port}"]',
        )
        text = text.replace(f'"127.0.0.1:{bank.caller_port}"', '"127.0.0.1"')
        text = text.replace(
            f'"sip:a1@127.0.0.1:{bank.agent_port}"', f'"sip:a1@127.0.0.1:{bank.agent_port};transport=tcp"'
        )
        self.engine = EngineProcess(directory, text)

    def phone(self, directory: Path, user: str, transport: str, **how: Any) -> Baresip:
        voice = write_tone(directory / f"{user}.wav", {"desk": 1100.0, "home": 900.0}[user], 30.0)
        config = f"sip_cafile {self.authority.ca}\n" if transport == "tls" else ""
        return Baresip(directory, user=user, password=f"{user}-word", registrar=("127.0.0.1", self.ports[transport]),
                       voice=voice, transport=transport, config=config, **how)  # fmt: skip

    def ready(self, agent: str) -> bool:
        return _signs_on(self.engine, agent)


@pytest.fixture(scope="module")
def hotline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hotline]:
    hotline = Hotline(tmp_path_factory.mktemp("transports"))
    with hotline.engine:
        yield hotline
        hotline.engine.wait_idle()


@pytest.mark.parametrize(("caller", "agent"), [("tcp", "tls"), ("tls", "tcp")])
def test_baresip_calls_and_a_registered_baresip_answers(
    hotline: Hotline, tmp_path: Path, caller: str, agent: str
) -> None:
    hotline.engine.ask("agent", id="1001", op="sign-off")
    with hotline.phone(tmp_path, "desk", agent, answers=True) as desk, hotline.phone(tmp_path, "home", caller) as home:
        desk.registered()
        home.registered()
        wait_until(lambda: hotline.ready("2001"), "the agent is ready")
        home.tell("dial", f"sip:95588@127.0.0.1:{hotline.ports[caller]};transport={caller}")
        home.wait_for_tone(WELCOME)
        home.wait_for_tone(MENU)
        home.tell("sndcode", "1")
        desk.wait_for_tone(900.0)
        home.wait_for_tone(1100.0)
        home.tell("hangup")
        hotline.engine.wait_idle()
    wait_until(lambda: not _up(hotline, "2001"), "a phone that is gone has no binding any more")
    assert hotline.engine.last_record()["released_by"] == "caller"


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_registered_linphone_answers_and_hangs_up(hotline: Hotline, tmp_path: Path, transport: str) -> None:
    hotline.engine.ask("agent", id="1001", op="sign-off")
    voice = write_tone(tmp_path / "voice.wav", 1100.0, 30.0)
    with (
        Linphone(tmp_path, user="desk", password="desk-word", port=hotline.ports[transport], transport=transport,
                 ca=hotline.authority.ca, answers=True) as desk,
        hotline.phone(tmp_path, "home", "tls") as home,
    ):  # fmt: skip
        home.registered()
        wait_until(lambda: hotline.ready("2001"), "the agent is ready")
        desk.speaks(voice)
        home.tell("dial", f"sip:95588@127.0.0.1:{hotline.tls_port};transport=tls")
        home.wait_for_tone(MENU)
        home.tell("sndcode", "1")
        home.wait_for_tone(1100.0)
        desk.hangs_up()
        hotline.engine.wait_idle()
    assert hotline.engine.last_record()["released_by"] == "agent"


@pytest.mark.parametrize("password", ["desk-word", "another"])
def test_a_linphone_registers_by_sha_256_where_only_its_hash_is_kept(tmp_path: Path, password: str) -> None:
    ha1 = hashlib.sha256(b"desk:bank:desk-word").hexdigest()
    (tmp_path / "hashes").write_text(f"DESK={ha1}\n")
    devices = "  desk: {ha1: {SHA-256: {file: hashes, key: DESK}}, codecs: [PCMA]}\n"
    bank = Bank(tmp_path, agents=0, digest="[SHA-256]", devices=devices, more_agents=AGENTS)
    udp = f'"udp:127.0.0.1:{bank.phone_port}"'
    text = bank.text.replace(udp, f'[{udp}, "tcp:127.0.0.1:{bank.phone_port}"]')
    with (
        EngineProcess(tmp_path, text) as engine,
        Linphone(tmp_path, user="desk", password=password, port=bank.phone_port, transport="tcp",
                 ca=tmp_path / "none") as desk,
    ):  # fmt: skip
        wait_until(lambda: "algorithm=SHA-256, " in desk.complaints().partition("\nAuthorization:")[2], "by SHA-256")
        if password == "desk-word":
            wait_until(lambda: _signs_on(engine, "2001"), "the agent is ready")
        else:
            wait_until(lambda: desk.complaints().count("401 Unauthorized") > 1, "it is refused")
            assert not _signs_on(engine, "2001")
    assert ha1 not in engine.log.read_text()


def test_a_linphone_that_believes_somebody_else_does_not_register(hotline: Hotline, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    with Linphone(tmp_path, user="desk", password="desk-word", port=hotline.tls_port, transport="tls",
                  ca=other.ca) as desk:  # fmt: skip
        wait_until(lambda: "Certificate verification failed" in desk.complaints(), "it says why")
        assert not hotline.ready("2001")


def test_who_guesses_a_password_raises_an_alarm_and_the_phone_itself_registers(
    hotline: Hotline, tmp_path: Path
) -> None:
    with RawSip(free_port()) as guesser:
        target = ("127.0.0.1", hotline.bank.phone_port)
        statuses = [guesser.register(target, "nobody", f"guess {n}") for n in range(12)]
        assert statuses == [401] * 8 + [503] * 4
    [alarm] = [a for a in hotline.engine.ask("alarms")["alarms"] if a["name"].startswith("password_guessing")]
    assert alarm["detail"] == "nobody there is locked out for 60 s"
    with hotline.phone(tmp_path, "desk", "tcp") as desk:
        desk.registered()


def test_a_flood_of_calls_over_a_connection_that_breaks_leaves_no_call_and_no_port(hotline: Hotline) -> None:
    port = hotline.bank.trunk_port
    with socket.create_connection(("127.0.0.1", port)) as trunk:
        for n in range(100):
            trunk.sendall(
                f"INVITE sip:95588@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKflood{n}\r\n"
                f"From: <sip:1@127.0.0.1>;tag={n}\r\nTo: <sip:95588@127.0.0.1>\r\nCall-ID: flood-{n}\r\n"
                f"CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:1@127.0.0.1:9;transport=tcp>\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(sdp(9000))}\r\n\r\n{sdp(9000)}".encode()
            )
        wait_until(lambda: hotline.engine.ask("status")["calls"] == 100, "all have come")
        trunk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    hotline.engine.wait_idle()
    wait_until(lambda: [r["caller"] for r in hotline.engine.records(100)].count("1") == 100, "each is recorded, once")


def test_sipp_is_the_trunk_and_the_agent_over_tcp(hotline: Hotline) -> None:
    bank = hotline.bank
    wait_until(lambda: hotline.ready("1001"), "the agent is ready")
    with Ear() as caller, Ear() as agent:
        by_tcp = ("-t", "t1")
        with (
            bank.phone(agent, "agent_hangs_up", extra=by_tcp) as phone,
            bank.caller(caller, "caller_stays", extra=by_tcp) as trunk,
        ):
            caller.wait_for_tone(WELCOME)
            caller.press("1")
            agent.codec = 8
            caller.reaches(agent, 900.0)
            phone.hang_up(agent_leg(hotline.engine), tcp=True)
            trunk.done()
    hotline.engine.wait_idle()


def test_sips_is_refused_without_tls_and_served_with_it(hotline: Hotline) -> None:
    uri, port = f"sips:95588@127.0.0.1:{hotline.tls_port}", hotline.tls_port

    def say(method: str, cseq: int, via: str, lines: str = "", to: str = "", body: str = "") -> bytes:
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{via} 127.0.0.1:9;branch=z9hG4bKsips{method}{cseq}\r\n"
            f"From: <sips:desk@127.0.0.1>;tag=1\r\nTo: <{uri}>{to}\r\nCall-ID: sips-{via}\r\nCSeq: {cseq} {method}\r\n"
            f"Max-Forwards: 70\r\nContact: <sips:desk@127.0.0.1:9>\r\n{lines}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    with socket.create_connection(("127.0.0.1", hotline.ports["tcp"]), SOON_S) as clear:
        clear.sendall(say("INVITE", 1, "TCP", "Content-Type: application/sdp\r\n", body=sdp(9000)))
        refused = _final(clear)
        assert (refused.status, refused.get("Warning")) == (480, '380 hotline "SIPS Not Allowed"')

    context = ssl.create_default_context(cafile=str(hotline.authority.ca))
    with (
        socket.create_connection(("127.0.0.1", port), SOON_S) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as phone,
    ):
        phone.sendall(say("INVITE", 1, "TLS", "Content-Type: application/sdp\r\n", body=sdp(9000)))
        taken = _final(phone)
        assert (taken.status, taken.get("Contact")) == (200, f"<sips:127.0.0.1:{port}>")
        phone.sendall(say("ACK", 1, "TLS", to=f";tag={taken.to.tag}"))
        phone.sendall(say("BYE", 2, "TLS", to=f";tag={taken.to.tag}"))
        assert _final(phone).status == 200
    hotline.engine.wait_idle()


def _final(connection: socket.socket) -> Response:
    """The next final response on a connection that carries nothing else."""
    framer = Framer()
    while True:
        data = connection.recv(65536)
        assert data, "the connection was closed"
        for whole in framer.feed(data):
            message = parse(whole)
            if isinstance(message, Response) and message.status >= 200:
                return message


def test_a_certificate_is_replaced_by_a_reload_and_no_registration_ends(hotline: Hotline, tmp_path: Path) -> None:
    ours, other = hotline.authority, Authority(tmp_path, "other")
    files = [ours.directory / name for name in ("engine.pem", "engine.key")]
    kept = [file.read_bytes() for file in files]
    with hotline.phone(tmp_path, "desk", "tls") as desk:
        desk.registered()
        wait_until(lambda: hotline.ready("2001"), "the agent is ready")
        assert _believes(hotline.tls_port, ours)
        try:
            for new, file in zip(other.certificate("engine"), files, strict=True):
                shutil.copy(new, file)
            hotline.engine.ask("reload")
            assert _believes(hotline.tls_port, other)
            assert not _believes(hotline.tls_port, ours)
        finally:
            for data, file in zip(kept, files, strict=True):
                file.write_bytes(data)
            hotline.engine.ask("reload")
        assert _believes(hotline.tls_port, ours)
        assert _up(hotline, "2001")


def _believes(port: int, authority: Authority) -> bool:
    """Whether somebody who trusts this authority would connect."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    try:
        with (
            socket.create_connection(("127.0.0.1", port), SOON_S) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            return True
    except ssl.SSLCertVerificationError:
        return False


def _signs_on(engine: EngineProcess, agent: str) -> bool:
    engine.request("agent", id=agent, op="sign-on")
    return _ready(engine, agent)


def _up(hotline: Hotline, agent: str) -> bool:
    return _ready(hotline.engine, agent)


def _ready(engine: EngineProcess, agent: str) -> bool:
    return any(a["id"] == agent and a["presence"] == "ready" for a in engine.ask("agents")["agents"])
