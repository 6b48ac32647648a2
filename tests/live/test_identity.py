"""Whose number a call has, and who may see it (RFC 3261 §20, RFC 3323, RFC 3325)."""

from pathlib import Path

import pytest

from acd.live import identity
from sip.message import Request
from sip.parsing import parse
from tests.live.bank import Bank
from tests.live.harness import EngineProcess
from tests.live.rawsip import RawSip

PAI = 'P-Asserted-Identity: "Ann Li" <sip:139@carrier.example>\r\n'


def invite(lines: str) -> Request:
    request = parse(
        f"INVITE sip:95588@bank SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n"
        'From: "Bob" <sip:110@x>;tag=1\r\n'
        f"To: <sip:95588@bank>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n".encode()
    )
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(
    ("lines", "trusted", "caller", "name"),
    [
        (PAI, True, "139", "Ann Li"),
        (PAI, False, "110", "Bob"),
        ("", True, "110", "Bob"),
        ("P-Asserted-Identity: <<<\r\nP-Asserted-Identity: <tel:+86139>\r\n", True, "+86139", "Bob"),
        ("P-Preferred-Identity: <sip:139@x>\r\nRemote-Party-ID: <sip:139@x>\r\n", True, "110", "Bob"),
    ],
)
def test_only_a_trusted_trunk_asserts_who_calls(lines: str, trusted: bool, caller: str, name: str) -> None:
    who = identity.read(invite(lines), trusted=trusted)
    assert (who.caller, who.caller_name, who.asserted, who.private) == (caller, name, trusted, False)


@pytest.mark.parametrize(
    ("value", "private"),
    [("id", True), ("header;ID", True), ("user; critical", True), ("none", False), ("header;session", False),
     ("history", False), ("identity", False), ("", False)],
)  # fmt: skip
def test_who_wants_privacy(value: str, private: bool) -> None:
    assert identity.read(invite(f"Privacy: {value}\r\n"), trusted=False).private is private


@pytest.mark.peer
def test_who_wants_privacy_is_shown_to_no_telephone_and_recorded_with_his_number(tmp_path: Path) -> None:
    bank = Bank(tmp_path, flow="steps: [answer, {queue: loans}]")
    with (
        EngineProcess(tmp_path, bank.text) as engine,
        RawSip(bank.caller_port) as trunk,
        RawSip(bank.agent_port) as desk,
    ):
        caller = trunk.call(
            ("127.0.0.1", bank.trunk_port), "95588", caller="anonymous", name="Ann Li",
            lines="P-Asserted-Identity: <sip:13912345678@carrier.example>\r\nPrivacy: id\r\n",
        )  # fmt: skip
        caller.connect()
        agent = desk.ringing("a1")
        assert agent.invite is not None
        assert agent.invite["from"].startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')
        assert (agent.invite["privacy"], agent.invite["p-asserted-identity"]) == ("id", "")
        assert not any(word in value for word in ("1391", "Ann") for _, value in agent.invite.headers)
        agent.pick_up(desk.sink)
        agent.expect("ACK")
        caller.bye()
        agent.expect("BYE")
        assert engine.last_record()["caller"] == "13912345678"
        engine.wait_idle()
