"""Coverage-guided fuzzing of everything a peer's octets reach first: ``python -m tests.sip.fuzz [SECONDS]``.

With atheris installed the coverage of `sip` guides it; without, the torture messages are mutated blindly; it says so.
A message, a value or our error type comes back; anything else is a find, printed with its input, and exit status 1.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random, SystemRandom
from types import ModuleType

from sip.auth import Authorization, Challenge
from sip.framing import Framer
from sip.grammar import parse_params, split_list
from sip.headers import CSeq, MediaType, NameAddr, Parameterised, RAck, Reason, Replaces, Via, tag_of
from sip.message import MalformedRequest, Request, SipError, parse, response_to
from sip.sdp import PCMA, SdpError, agreed, answer
from sip.sdp import parse as parse_sdp
from sip.uri import Uri

TORTURE = Path(__file__).parent.parent / "torture"
TEXTS = (
    *(kind.parse for kind in (NameAddr, Via, CSeq, MediaType, Parameterised, Reason, Replaces, RAck, Uri)),
    *(Authorization.parse, Challenge.parse, parse_params, tag_of, split_list),
)
GLUE = [b"\r\n", b"\r\n ", b'"', b"<", b">", b",", b";", b"\\", b"%00", b"\x00", b"\xff", b":", b"=", b"99999999999"]


def one(data: bytes) -> None:
    """Feed one input to all of it. Raises what nobody may see."""
    whole_message(data)
    text = data.decode("utf-8", "surrogateescape")
    for read in TEXTS:
        with suppress(SipError):
            read(text)
    with suppress(SdpError):
        theirs = parse_sdp(data)
        answer(theirs, "192.0.2.1", 4000, (PCMA,), session_id=1)
        agreed((PCMA,), "sendrecv", theirs)
    with suppress(SipError):
        for framed in Framer().feed(data):
            whole_message(framed)


def whole_message(data: bytes) -> None:
    """What was read can be answered; what was read and is valid is valid again when written."""
    try:
        message = parse(data)
    except MalformedRequest as error:
        message = error.request
    except SipError:
        return
    if isinstance(message, Request):
        parse(response_to(message, 400, to_tag="t").to_bytes())
    try:
        message.validate()
    except SipError:
        return
    if isinstance(message, Request):
        message.stamp("192.0.2.1", 5060)
    try:
        parse(message.to_bytes()).validate()
    except SipError as error:
        raise AssertionError("valid, but not when written") from error


def seeds() -> list[bytes]:
    return [path.read_bytes() for path in sorted(TORTURE.rglob("*.dat"))]


def guided(atheris: ModuleType, seconds: int) -> None:
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-max_len=4096", str(TORTURE)], one)
    atheris.Fuzz()


def blind(seconds: int) -> int:
    seed = SystemRandom().getrandbits(32)
    random = Random(seed)
    corpus = seeds()
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        data = mutated(random, corpus)
        try:
            one(data)
        except Exception:
            traceback.print_exc()
            print(f"after {count} inputs with seed {seed}: {data!r}", file=sys.stderr)
            return 1
        count += 1
    print(f"{count} inputs, seed {seed}, nothing found (blind: install atheris for coverage)")
    return 0


def mutated(random: Random, corpus: list[bytes]) -> bytes:
    data = bytearray(random.choice(corpus))
    for _ in range(random.randint(1, 8)):
        start = random.randrange(len(data) + 1)
        end = min(len(data), start + random.choice((0, 0, 1, 2, 8, 40)))
        other = random.choice(corpus)
        cut = random.randrange(len(other))
        data[start:end] = random.choice(
            (b"", random.choice(GLUE), random.randbytes(random.randint(1, 4)), other[cut : cut + random.randint(1, 60)])
        )
    return bytes(data)


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        return blind(seconds)
    guided(atheris, seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
