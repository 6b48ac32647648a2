"""Everything that a peer's octets reach first, for the fuzzer: which imports this when it is ready to watch."""

from __future__ import annotations

from contextlib import suppress

from media import rtcp, rtp
from sip.auth import Authorization, Challenge
from sip.building import Reply
from sip.framing import Framer
from sip.grammar import parse_params, split_list
from sip.headers import CSeq, MediaType, NameAddr, Parameterised, RAck, Reason, Replaces, Via, tag_of
from sip.message import Request, SipError
from sip.negotiation import agreed, answer
from sip.parsing import parse
from sip.sdp import PCMA, SdpError
from sip.sdp import parse as parse_sdp
from sip.settings import Hop
from sip.uri import Uri
from sip.vias import top_via

HOP = Hop("l", "192.0.2.1", 5060)
TEXTS = (
    *(kind.parse for kind in (NameAddr, Via, CSeq, MediaType, Parameterised, Reason, Replaces, RAck, Uri)),
    *(Authorization.parse, Challenge.parse, parse_params, tag_of, split_list),
)


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
    rtp.parse(data)
    rtcp.parse(data)
    with suppress(SipError):
        for framed in Framer().feed(data):
            whole_message(framed)


def whole_message(data: bytes) -> None:
    """What was read and is valid can be answered, by something that can be read."""
    try:
        message = parse(data)
        message.validate()
    except SipError:
        return
    if isinstance(message, Request):
        stamped = top_via(message, HOP).stamped
        answer = parse(Reply(message, stamped, message.get("To") or "").to_bytes(200))
        assert answer.call_id == message.call_id
