"""Everything that a peer's octets reach first, for the fuzzer: which imports this when it is ready to watch."""

from __future__ import annotations

from contextlib import suppress

from media import rtcp, rtp
from sip.auth import Authorization, Challenge
from sip.framing import Framer
from sip.grammar import parse_params, split_list
from sip.headers import CSeq, MediaType, NameAddr, Parameterised, RAck, Reason, Replaces, Via, tag_of
from sip.message import Request, SipError, response_to
from sip.parsing import MalformedRequest, parse
from sip.sdp import PCMA, SdpError, agreed, answer
from sip.sdp import parse as parse_sdp
from sip.uri import Uri

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
