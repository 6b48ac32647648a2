"""Whatever a peer sends, at whatever moment: no exception, no session left, one end each."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from sip.endpoint import Account, Answered, Credentials, Ended, Endpoint, Hop, Incoming, Listener, Offered, SipEvent
from tests.sip.world import ANSWER, OFFER, World

A, B = "192.0.2.1", "192.0.2.2"

# What tends to break a parser, put in anywhere.
SHARDS = [
    b"", b"\r\n", b" ", b"\t", b"\0", b"\xff\xfe", b'"', b"<", b">", b";", b",", b":", b"@", b"=", b"[", b"]", b"%",
    b"\\", b";tag=", b"4294967296", b"-1", b"99999999999999999999", b"\r\n\r\n", b"Via: x\r\n", b"To: <sip:x>;tag=\r\n",
    b"Record-Route: <sip:strict>\r\n", b"Record-Route: <<>\r\n", b"Contact: *\r\n", b"Contact: <sip:a b@[::>\r\n",
    b"Require: a\r\n", b"Content-Length: 9999\r\n", b"l: 0\r\n", b"CSeq: 7 ACK\r\n", b"Expires: x\r\n", b"sip:",
    b"Authorization: Digest\r\n", b"WWW-Authenticate: Digest realm=\r\n", b"Retry-After: soon\r\n",
    b"Max-Forwards: 0\r\n",
]  # fmt: skip
WORDS = [b"INVITE", b"ACK", b"BYE", b"CANCEL", b"UPDATE", b"REGISTER", b"OPTIONS", b"INFO", b"PRACK", b"REFER", b"x"]
STATUS = [b"SIP/2.0 %d" % status for status in (100, 180, 200, 202, 302, 401, 407, 408, 481, 486, 487, 491, 503, 699)]


def spoilt(data: bytes, random: Random) -> bytes:
    """The message with a few changes, of which some leave it valid."""
    for _ in range(random.randint(1, 3)):
        match random.randrange(6):
            case 0:
                cut = random.randrange(len(data) + 1)
                data = data[:cut] + random.choice(SHARDS) + data[cut + random.choice([0, 0, 1, 5, 40]) :]
            case 1:
                old, new = random.choice(WORDS), random.choice(WORDS)
                data = data.replace(old, new, random.choice([1, 9]))
            case 2 if data.startswith(b"SIP/2.0 "):
                data = random.choice(STATUS) + data[11:]
            case 3:
                lines = data.split(b"\r\n")
                random.shuffle(lines)
                data = b"\r\n".join(lines) if random.random() < 0.2 else b"\r\n".join(lines[:-2]) + b"\r\n\r\n"
            case 4:
                lines = data.split(b"\r\n")
                del lines[random.randrange(len(lines))]
                data = b"\r\n".join(lines)
            case _:
                lines = data.split(b"\r\n")
                place = random.randrange(1, len(lines) + 1)
                lines.insert(place, random.choice(SHARDS).rstrip(b"\r\n"))
                data = b"\r\n".join(lines)
    return data


class Spoiler(World):
    """Delivers each message, and now and then a spoilt copy of one before, after or instead of it."""

    def _deliver(self, source: str, data: bytes, host: str) -> None:
        random = self.random
        copies = [spoilt(data, random) for _ in range(random.randrange(3))]
        if random.random() < 0.8:
            copies.insert(random.randrange(len(copies) + 1), data)
        for copy in copies:
            self.endpoints[host].receive(copy, Hop("l", source, 5060), self.now)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_nothing_a_peer_says_breaks_us(seed: int) -> None:
    def hear(endpoint: Endpoint, event: SipEvent) -> None:
        match event:
            case Incoming(session):
                session.ring()
                world.at(world.now + 1, lambda: session.answer(ANSWER))
                world.at(world.now + 200, session.end)  # a caller who never hangs up
            case Answered(session):
                world.at(world.now + 1, lambda: session.reinvite(OFFER))
                world.at(world.now + 5, session.end)
            case Offered(session):
                session.accept(ANSWER)

    world = Spoiler(seed)
    guarded = (Listener("l", B, 5060),)
    world.add(A, hear)
    world.add(B, hear, listeners=guarded, accounts={"1001": Account("1001", "pw")})
    hop, credentials = Hop("l", B, 5060), Credentials("1001", "pw")
    world.endpoints[A].register("1001", f"sip:{B}", hop, 0.0, credentials=credentials)
    for number in range(4):
        headers = (("Require", "100rel"),) if world.random.random() < 0.5 else ()
        session = world.call(A, B, f"call-{number}", credentials=credentials, headers=headers, reliable=True)
        world.at(world.now + 300, session.end)
        world.run(world.now + 3)
    world.run(400)
    world.endpoints[A].register("1001", f"sip:{B}", hop, world.now, credentials=credentials, expires_s=0)
    world.run(10_000)
    for host in (A, B):
        begun = {id(event.session) for event in world.heard[host] if isinstance(event, Incoming)}
        ends = Counter(id(event.session) for event in world.heard[host] if isinstance(event, Ended))
        assert set(ends.values()) <= {1}
        assert begun <= set(ends)
    assert world.left() == [(0, 0, 0), (0, 0, 0)]
    assert len(world.ends(A)) >= 4


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_noise(data: bytes) -> None:
    world = World()
    endpoint = world.add(A)
    endpoint.receive(data, Hop("l", B, 5060), 0.0)
    assert endpoint.stats()["sessions"] == 0
