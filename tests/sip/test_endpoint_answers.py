"""Who gets which answer: strangers, trunks, accounts, and requests that we do not understand."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from random import Random

import pytest

from sip.endpoint import (
    Account,
    Answered,
    Confirmed,
    Credentials,
    Ended,
    Endpoint,
    EndpointSettings,
    Hop,
    Incoming,
    Listener,
    Peer,
    Progress,
    Registered,
    RegistrationResult,
    SipEvent,
    Way,
)
from sip.message import Request, Response
from sip.parsing import parse
from sip.sources import Trunks, may_send_to
from tests.sip.world import ANSWER, OFFER, Wire, World

GUARDED = (Listener("l", "192.0.2.1", 5060),)
ACCOUNTS = {"1001": Account("1001", "secret"), "1002": Account("1002", "other")}


def only(wire: Wire) -> Response:
    (message,) = wire.sent()
    assert isinstance(message, Response)
    return message


# ----------------------------------------------------------------------------------------------------- who it is


def test_a_trunk_needs_no_digest() -> None:
    wire = Wire(listeners=GUARDED, peers=(Peer("carrier", (("192.0.2.0/24", 0),)),))
    wire.give(wire.request("INVITE", body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    assert event.source == ("trunk", "carrier")
    assert wire.lines() == ["100 INVITE"]


def test_a_100_goes_out_only_where_nothing_else_follows_at_once() -> None:
    wire = Wire()
    wire.endpoint.trace = deque()
    wire.give(wire.request("INVITE", body=OFFER))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.ring()
    assert wire.lines() == ["180 INVITE"]
    assert [data[:11] for _, sent, data, _ in wire.endpoint.trace if sent] == [b"SIP/2.0 180"]
    assert wire.endpoint.stats()["sent"] == 1
    wire.give(wire.request("INVITE", call_id="another", body=OFFER))
    event = wire.events[-1]
    assert isinstance(event, Incoming)
    assert wire.lines() == ["100 INVITE"]  # it has left
    event.session.answer(ANSWER)
    assert wire.lines() == ["200 INVITE"]


@pytest.mark.parametrize(
    ("host", "port", "trunk"),
    [
        ("192.0.2.7", 5060, "exact"),
        ("192.0.2.7", 9, "exact"),
        ("127.0.0.1", 7060, "port"),
        ("127.0.0.1", 7061, None),
        ("10.1.2.3", 5060, "narrow"),
        ("10.9.9.9", 5060, "wide"),
        ("2001:db8::1", 5060, "six"),
        ("not an address", 5060, None),
    ],
)
def test_the_narrowest_source_wins(host: str, port: int, trunk: str | None) -> None:
    peers = (
        Peer("wide", (("10.0.0.0/8", 0),)),
        Peer("narrow", (("10.1.0.0/16", 0),)),
        Peer("exact", (("192.0.2.7", 0),)),
        Peer("port", (("127.0.0.1", 7060),)),
        Peer("six", (("2001:db8::/32", 0),)),
    )
    assert Trunks(peers).find(host, port) == trunk


def test_a_source_that_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match=r"carrier\.example"):
        Trunks((Peer("carrier", (("carrier.example", 0),)),))


@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
def test_a_stranger_is_challenged_and_nothing_is_kept(method: str) -> None:
    wire = Wire(listeners=GUARDED, accounts=ACCOUNTS)
    for _ in range(100):
        wire.give(wire.request(method))
    challenges = wire.sent()
    assert {message.status for message in challenges if isinstance(message, Response)} == {401}
    offered = [value.partition("algorithm=")[2].partition(",")[0] for value in challenges[0].all("WWW-Authenticate")]
    assert offered == ["SHA-256", "MD5"]
    stats = wire.endpoint.stats()
    assert (stats["transactions"], stats["sessions"], stats["timers"]) == (0, 0, 0)
    assert wire.events == []


def test_unknown_user_and_wrong_password_look_the_same() -> None:
    answers = []
    for user, password in (("1001", "wrong"), ("nobody", "wrong")):
        world, phone = _phone()
        phone.register(user, "sip:192.0.2.1", Hop("l", "192.0.2.1", 5060), 0.0, credentials=Credentials(user, password))
        world.run(2)
        answers.append([line for line in world.transcript if line.startswith("192.0.2.1")])
        (result,) = world.heard["192.0.2.2"]
        assert isinstance(result, RegistrationResult)
        assert result.status == 401
    assert answers[0] == answers[1] == ["192.0.2.1 401 REGISTER", "192.0.2.1 401 REGISTER"]


def _phone() -> tuple[World, Endpoint]:
    world = World()
    world.add("192.0.2.1", listeners=GUARDED, accounts=ACCOUNTS)
    return world, world.add("192.0.2.2")


def test_a_phone_registers_is_called_and_calls() -> None:
    world, phone = _phone()
    pbx = world.endpoints["192.0.2.1"]
    hop = Hop("l", "192.0.2.1", 5060)
    credentials = Credentials("1001", "secret")
    phone.register("1001", "sip:192.0.2.1", hop, 0.0, credentials=credentials, expires_s=600)
    world.run(1)
    assert world.heard["192.0.2.2"] == [RegistrationResult("1001", 200, 600, "sip:192.0.2.1")]
    assert world.heard["192.0.2.1"] == [Registered("1001", ("sip:1001@192.0.2.2:5060",))]
    ((contact, where, _),) = pbx.contacts("1001", world.now)
    assert (contact, where) == ("sip:1001@192.0.2.2:5060", Hop("l", "192.0.2.2", 5060))

    phone.invite("out", "sip:95588@192.0.2.1", hop, OFFER, world.now, from_="<sip:1001@x>", credentials=credentials)
    world.run(2)
    incoming = world.heard["192.0.2.1"][-1]
    assert isinstance(incoming, Incoming)
    assert incoming.source == ("account", "1001")
    incoming.session.end(486)
    world.run(100)
    (ended,) = world.ends("192.0.2.2")
    assert (ended.by, ended.cause, ended.status) == ("peer", "busy", 486)

    # It stays registered by itself, and is gone when it says so.
    world.run(5000)
    assert len(pbx.contacts("1001", world.now)) == 1
    phone.register("1001", "sip:192.0.2.1", hop, world.now, credentials=credentials, expires_s=0)
    world.run(5001)
    assert pbx.contacts("1001", world.now) == ()
    assert world.heard["192.0.2.1"][-1] == Registered("1001", ())
    world.run()
    assert world.left() == [(0, 0, 0), (0, 0, 0)]


def test_a_phone_that_falls_silent_is_forgotten() -> None:
    world, phone = _phone()
    hop = Hop("l", "192.0.2.1", 5060)
    phone.register("1001", "sip:192.0.2.1", hop, 0.0, credentials=Credentials("1001", "secret"), expires_s=60)
    world.run(10)
    world.loss = 1.0
    world.run(100)
    assert world.heard["192.0.2.1"][-1] == Registered("1001", ())
    assert world.endpoints["192.0.2.1"].stats()["bindings"] == 0
    statuses = [event.status for event in world.heard["192.0.2.2"] if isinstance(event, RegistrationResult)]
    assert statuses == [200, 408]


def test_only_as_oneself() -> None:
    world, phone = _phone()
    hop = Hop("l", "192.0.2.1", 5060)
    phone.register("1002", "sip:192.0.2.1", hop, 0.0, credentials=Credentials("1001", "secret"))
    world.run(3)
    assert world.heard["192.0.2.2"] == [RegistrationResult("1002", 403, 0, "sip:192.0.2.1")]
    assert world.endpoints["192.0.2.1"].stats()["bindings"] == 0


def test_accounts_removed_by_configure_lose_their_bindings() -> None:
    world, phone = _phone()
    pbx = world.endpoints["192.0.2.1"]
    hop = Hop("l", "192.0.2.1", 5060)
    phone.register("1001", "sip:192.0.2.1", hop, 0.0, credentials=Credentials("1001", "secret"))
    world.run(1)
    pbx.configure(EndpointSettings(GUARDED, accounts=ACCOUNTS))
    assert len(pbx.contacts("1001", 1)) == 1
    pbx.configure(EndpointSettings(GUARDED, accounts={"1002": ACCOUNTS["1002"]}))
    world.settle()
    assert world.heard["192.0.2.1"][-1] == Registered("1001", ())


# ----------------------------------------------------------------------------------- what we do not understand


@pytest.mark.parametrize(
    ("method", "how", "status"),
    [
        ("OPTIONS", {}, 200),
        ("MESSAGE", {}, 405),
        ("SUBSCRIBE", {}, 405),
        ("PUBLISH", {}, 405),
        ("REFER", {}, 405),
        ("BYE", {}, 481),
        ("UPDATE", {}, 481),
        ("INFO", {}, 481),
        ("PRACK", {}, 481),
        ("NOTIFY", {}, 481),
        ("CANCEL", {}, 481),
        ("GRIND", {}, 501),
        ("INVITE", {"to": "<sip:95588@192.0.2.1>;tag=unknown"}, 481),
        ("BYE", {"to": "<sip:95588@192.0.2.1>;tag=unknown"}, 481),
        ("INVITE", {"uri": "urn:service:sos"}, 416),
        ("INVITE", {"lines": "Require: 100rel, tomorrow\r\n"}, 420),
        ("INVITE", {"lines": "Content-Type: text/plain\r\n", "body": b""}, 100),
        ("INVITE", {"cseq": 2**31}, 400),
    ],
)
def test_the_right_answer(method: str, how: dict[str, str], status: int) -> None:
    wire = Wire()
    wire.give(wire.request(method, **how))  # type: ignore[arg-type]  # the table's own keywords
    answer = only(wire)
    assert answer.status == status
    if status == 420:
        assert answer.get("Unsupported") == "tomorrow"
    if status in (200, 405):
        assert "INVITE" in (answer.get("Allow") or "")
    if status == 200:
        assert answer.get("Accept") == "application/sdp"
    assert answer.call_id == "theirs"


def test_a_body_that_is_no_sdp_is_refused() -> None:
    wire = Wire()
    data = wire.request("INVITE", body=b"hello").replace(b"application/sdp", b"text/plain")
    wire.give(data)
    answer = only(wire)
    assert (answer.status, answer.get("Accept")) == (415, "application/sdp")


def test_a_stray_ack_is_ignored() -> None:
    wire = Wire()
    wire.give(wire.request("ACK"))
    wire.give(wire.request("ACK", to="<sip:x@y>;tag=unknown"))
    assert wire.sent() == []


def test_retransmissions_are_absorbed_and_a_merged_request_is_refused() -> None:
    wire = Wire()
    invite = wire.request("INVITE", body=OFFER)
    wire.give(invite)
    wire.give(invite)
    assert wire.lines() == ["100 INVITE", "100 INVITE"]
    assert len(wire.events) == 1
    wire.give(wire.request("INVITE", body=OFFER, branch="z9hG4bK-by-another-way"))
    assert wire.lines() == ["482 INVITE"]
    assert len(wire.events) == 1


def test_overload_is_answered() -> None:
    wire = Wire(max_transactions=3)
    for number in range(5):
        wire.give(wire.request("INVITE", call_id=f"call-{number}"))
    answers = wire.sent()
    assert [message.status for message in answers if isinstance(message, Response)] == [100, 100, 100, 503, 503]
    assert answers[-1].get("Retry-After") == "10"


@pytest.mark.parametrize(
    ("via", "back", "stamp"),
    [
        ("SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKx", 5060, ""),
        ("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKx", 5070, ""),
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx", 5060, ""),
        ("SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKx", 5070, ";received=192.0.2.9"),
        ("SIP/2.0/UDP 10.0.0.9:5070;rport;branch=z9hG4bKx", 40000, "rport=40000"),
        ("SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx;rport", 40000, "received=192.0.2.9"),
        ("SIP / 2.0 / UDP 10.0.0.9 ; branch = z9hG4bKx ; rport", 40000, "rport=40000"),
        ("SIP/2.0/UDP 10.0.0.9;rport=1;received=8.8.8.8;branch=z9hG4bKx", 40000, "received=192.0.2.9"),
        ("SIP/2.0/UDP host.example:5099;branch=z9hG4bKx", 5099, ";received=192.0.2.9"),
    ],
)
def test_answers_go_where_the_request_came_from(via: str, back: int, stamp: str) -> None:
    wire = Wire()
    data = wire.request("OPTIONS").replace(b"SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-1", via.encode())
    wire.endpoint.receive(data, Hop("l", "192.0.2.9", 40000), 0.0)
    ((answer, hop),) = wire.endpoint.outgoing
    assert (hop.host, hop.port) == ("192.0.2.9", back)
    stamped = parse(answer).get("Via") or ""
    assert stamp in stamped
    assert "8.8.8.8" not in stamped


@pytest.mark.parametrize("host", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "ff02::1", "phone.example", ""])
def test_nothing_is_sent_to_where_one_must_not(host: str) -> None:
    assert not may_send_to(host)
    wire = Wire()
    bracketed = f"[{host}]" if ":" in host else host or "x"
    contact = f"<sip:c@{bracketed}:5060>".encode()
    wire.give(wire.request("INVITE", body=OFFER).replace(b"<sip:c@192.0.2.9:5060>", contact))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    event.session.answer(ANSWER)
    wire.give(wire.within(event.session, "ACK", 1))
    wire.endpoint.outgoing.clear()
    event.session.end()
    ((_, hop),) = wire.endpoint.outgoing
    assert hop == Wire.peer  # where it was seen


def test_a_request_of_rfc_2543_is_matched_as_a_whole() -> None:
    wire = Wire()
    invite = wire.request("INVITE", branch="1")
    wire.give(invite)
    wire.give(invite)
    wire.give(wire.request("INVITE", branch="1", call_id="another"))
    assert wire.lines() == ["100 INVITE"] * 3
    assert len(wire.events) == 2


def test_keep_alives_are_not_counted_as_malformed() -> None:
    wire = Wire()
    for data in (b"\r\n\r\n", b"\0", b"", b"\r\n"):
        wire.give(data)
    assert (wire.sent(), wire.endpoint.stats()["malformed"]) == ([], 0)
    wire.give(b"GET / HTTP/1.1\r\n\r\n")
    assert wire.endpoint.stats()["malformed"] == 1


# -------------------------------------------------------------------------------------------------- our challenges


def test_a_challenge_is_answered_once() -> None:
    wire = Wire()
    session, invite = wire.call(credentials=Credentials("me", "pw"))
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"\r\n'
    wire.answer(invite, 401, lines=challenge)
    ack, second = wire.sent()
    assert isinstance(ack, Request)
    assert isinstance(second, Request)
    assert (ack.method, second.method, second.cseq.number) == ("ACK", "INVITE", 2)
    assert second.call_id == invite.call_id
    assert 'username="me"' in (second.get("Authorization") or "")
    wire.answer(second, 401, lines=challenge)
    assert wire.lines() == ["ACK"]
    (ended,) = [event for event in wire.events if isinstance(event, Ended)]
    assert (ended.session, ended.cause, ended.status) == (session, "failed", 401)


def test_a_challenge_after_long_ringing_starts_anew() -> None:
    wire = Wire()
    _, invite = wire.call(credentials=Credentials("me", "pw"))
    wire.answer(invite, 100)
    wire.pass_time(199)
    wire.answer(invite, 401, lines='WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5\r\n')
    assert wire.lines() == ["ACK", "INVITE"]
    wire.pass_time(40)
    ended = wire.events[-1]
    assert isinstance(ended, Ended)
    assert ended.cause == "unreachable"


def test_another_realm_gets_no_digest_of_ours() -> None:
    wire = Wire()
    _, invite = wire.call(credentials=Credentials("me", "pw", realm="trunk"))
    wire.answer(invite, 407, lines='Proxy-Authenticate: Digest realm="evil", nonce="n", algorithm=MD5\r\n')
    assert wire.lines() == ["ACK"]
    assert [type(event) for event in wire.events] == [Ended]


def test_a_challenged_bye_is_sent_again() -> None:
    wire = Wire()
    session, invite = wire.call(credentials=Credentials("me", "pw"))
    wire.answer(invite, 200, body=ANSWER)
    session.end()
    _, bye = wire.sent()
    assert isinstance(bye, Request)
    wire.answer(bye, 407, lines='Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=MD5\r\n')
    (again,) = wire.sent()
    assert isinstance(again, Request)
    assert again.get("Proxy-Authorization")
    wire.answer(again, 200)
    assert isinstance(wire.events[-1], Ended)


# --------------------------------------------------------------------------------------------------------- whole


def test_a_call_as_events() -> None:
    def callee(endpoint: Endpoint, event: SipEvent) -> None:
        if isinstance(event, Incoming):
            event.session.ring(183, ANSWER)
            event.session.answer(ANSWER)

    world = World()
    world.add("192.0.2.1")
    world.add("192.0.2.2", callee)
    session = world.call("192.0.2.1", "192.0.2.2")
    world.run(1)
    session.end(reason='Q.850;cause=16;text="Normal"')
    world.run()
    caller = world.heard["192.0.2.1"]
    assert caller == [
        Progress(session, 183, ANSWER),
        Answered(session, ANSWER),
        Ended(session, "us", "hangup", 0, None),
    ]
    theirs = world.heard["192.0.2.2"]
    assert [type(event) for event in theirs] == [Incoming, Confirmed, Ended]
    assert isinstance(theirs[-1], Ended)
    assert theirs[-1].reason == 'Q.850;cause=16;text="Normal"'
    assert world.transcript == [
        "192.0.2.1 INVITE",
        "192.0.2.2 100 INVITE",
        "192.0.2.2 183 INVITE",
        "192.0.2.2 200 INVITE",
        "192.0.2.1 ACK",
        "192.0.2.1 BYE",
        "192.0.2.2 200 BYE",
    ]
    assert world.left() == [(0, 0, 0), (0, 0, 0)]


def test_an_unreachable_callee_ends_at_once_when_the_transport_says_so() -> None:
    wire = Wire()
    wire.call()
    wire.endpoint.lost(Wire.peer, 0.1)
    (ended,) = wire.happened()
    assert isinstance(ended, Ended)
    assert (ended.by, ended.cause, ended.status) == ("network", "unreachable", 503)


def test_answered_elsewhere() -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", branch="z9hG4bKi"))
    reason = 'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n'
    wire.give(wire.request("CANCEL", branch="z9hG4bKi", lines=reason))
    ended = wire.events[-1]
    assert isinstance(ended, Ended)
    assert (ended.by, ended.cause) == ("peer", "answered_elsewhere")


@pytest.mark.parametrize("answered", [False, True])
def test_a_cancel_is_answered_under_the_tag_of_its_invite(answered: bool) -> None:
    wire = Wire()
    wire.give(wire.request("INVITE", branch="z9hG4bKi", body=OFFER))
    event = wire.events[-1]
    assert isinstance(event, Incoming)
    if answered:
        event.session.answer(ANSWER)
    wire.give(wire.request("CANCEL", branch="z9hG4bKi"))
    tags = {message.to.tag for message in wire.sent() if isinstance(message, Response) and message.status != 100}
    assert tags == {event.session.local_tag}


def test_who_does_not_acknowledge_is_told_of_after_half_a_minute_whatever_becomes_of_the_bye() -> None:
    """§13.3.1.4: the 200 is repeated for 64·T1; then the session is over, and a BYE is sent for good manners."""
    wire = Wire()
    wire.give(wire.request("INVITE", body=OFFER))
    event = wire.events.pop()
    assert isinstance(event, Incoming)
    event.session.answer(ANSWER)
    wire.pass_time(31.9)
    assert wire.events == []
    wire.pass_time(0.2)
    assert wire.events == [Ended(event.session, "network", "not_acknowledged", 0)]
    assert wire.lines()[-1] == "BYE"
    wire.pass_time(64.0)
    assert (len(wire.events), wire.endpoint.stats()["sessions"]) == (1, 0)


def test_why_it_was_refused_is_told() -> None:
    wire = Wire()
    session, invite = wire.call()
    wire.answer(invite, 503, lines='Reason: Q.850;cause=34;text="No circuit available"\r\n')
    assert wire.events == [
        Ended(session, "peer", "failed", 503, None, 'Q.850;cause=34;text="No circuit available"'),
    ]


def test_a_fork_that_answers_too_is_acked_and_ended() -> None:
    wire = Wire()
    session, invite = wire.call()
    wire.answer(invite, 200, tag="first", body=ANSWER)
    wire.answer(invite, 200, tag="second", body=ANSWER)
    wire.answer(invite, 200, tag="first", body=ANSWER)
    sent = [message for message in wire.sent() if isinstance(message, Request)]
    assert [(message.method, message.to.tag) for message in sent] == [
        ("ACK", "first"),
        ("ACK", "second"),
        ("BYE", "second"),
        ("ACK", "first"),
    ]
    assert session.dialog is not None
    assert session.dialog.remote_tag == "first"


def test_a_saved_dialog_is_ended_after_a_restart() -> None:
    def callee(endpoint: Endpoint, event: SipEvent) -> None:
        if isinstance(event, Incoming):
            event.session.answer(ANSWER)

    world = World()
    world.add("192.0.2.1")
    world.add("192.0.2.2", callee)
    session = world.call("192.0.2.1", "192.0.2.2", "leg-7")
    world.run(1)
    saved = json.loads(json.dumps(session.save()))
    reborn = world.add("192.0.2.1")  # the old one is no more
    reborn.bye_saved("leg-7", saved, world.now)
    world.run()
    (ended,) = world.ends("192.0.2.1")
    assert (ended.session.name, ended.by, ended.cause) == ("leg-7", "us", "hangup")
    (theirs,) = world.ends("192.0.2.2")
    assert (theirs.by, theirs.cause) == ("peer", "hangup")
    assert world.left() == [(0, 0, 0), (0, 0, 0)]


def test_a_broken_saved_dialog_is_refused() -> None:
    endpoint = Endpoint(EndpointSettings(GUARDED), Random(1))
    with pytest.raises(ValueError, match="call_id"):
        endpoint.bye_saved("x", {}, 0.0)
    assert endpoint.stats()["sessions"] == 0


def test_registrations_survive_a_restart() -> None:
    world, phone = _phone()
    hop = Hop("l", "192.0.2.1", 5060)
    phone.register("1001", "sip:192.0.2.1", hop, 0.0, credentials=Credentials("1001", "secret"), expires_s=600)
    world.run(100)
    saved = json.loads(json.dumps(world.endpoints["192.0.2.1"].save_bindings(world.now)))
    reborn = Endpoint(EndpointSettings(GUARDED, accounts=ACCOUNTS), Random(1))
    reborn.restore_bindings({**saved, "gone": saved["1001"]}, 7.0)  # another clock
    assert reborn.events == [Registered("1001", ("sip:1001@192.0.2.2:5060",))]
    assert reborn.contacts("1001", 7.0) == (Way("sip:1001@192.0.2.2:5060", Hop("l", "192.0.2.2", 5060)),)
    reborn.wake(500 if (when := reborn.deadline()) is None else when)
    assert reborn.deadline() == pytest.approx(7 + 600 - 100, abs=0.1)
    with pytest.raises(ValueError, match="1002"):
        reborn.restore_bindings({"1002": [["sip:a@b"]]}, 7.0)


TORTURE = Path(__file__).parents[1] / "torture"
MANIFEST = json.loads((TORTURE / "manifest.json").read_text()) if (TORTURE / "manifest.json").exists() else []


@pytest.mark.parametrize("case", MANIFEST, ids=[case["name"] for case in MANIFEST])
@pytest.mark.parametrize("guarded", [False, True])
def test_torture(case: dict[str, object], guarded: bool) -> None:
    """Nothing crashes, and whoever is answered gets one of the answers that are right."""
    wire = Wire(listeners=GUARDED) if guarded else Wire()
    data = (TORTURE / str(case["file"])).read_bytes()
    wire.give(data)
    statuses = [str(message.status) for message in wire.sent() if isinstance(message, Response)]
    accepted = case["accept"]
    assert isinstance(accepted, list)
    if case["name"] == "wsinv" and not guarded:
        accepted = ["481"]  # its To has a tag, and we know no such dialog; a stranger is asked who he is first
    assert set(statuses) <= set(accepted) if case["kind"] == "request" else not statuses
