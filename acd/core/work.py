"""An agent's presence and his work as two tables (DESIGN §6)."""

from enum import StrEnum
from typing import Final


class Presence(StrEnum):
    SIGNED_OFF = "signed_off"
    READY = "ready"
    BREAK = "break"
    NOT_RESPONDING = "not_responding"
    UNREACHABLE = "unreachable"  # signed on, but his device has no binding

    __hash__ = str.__hash__  # the one of Enum is Python code, three times as slow, and tables are asked for every call


class Ask(StrEnum):
    """What changes a presence."""

    SIGN_ON = "sign_on"
    SIGN_OFF = "sign_off"
    READY = "ready"
    BREAK = "break"
    NOT_ANSWERING = "not_answering"  # max_no_answer offers in a row
    DEVICE_LOST = "device_lost"
    DEVICE_BACK = "device_back"

    __hash__ = str.__hash__


class Work(StrEnum):
    OFFERED = "offered"  # his phone rings
    ANSWERED = "answered"  # picked up, not yet accepted (confirm key)
    TALKING = "talking"
    HELD = "held"
    CONSULTING = "consulting"
    RELEASING = "releasing"  # we hung up on him, his BYE is not answered yet
    WRAP_UP = "wrap_up"
    ENDED = "ended"

    __hash__ = str.__hash__


class Input(StrEnum):
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    HOLD = "hold"
    RESUME = "resume"
    CONSULT = "consult"
    CONSULT_ENDED = "consult_ended"
    MISSED = "missed"  # rejected, busy, no answer, unreachable
    WITHDRAWN = "withdrawn"  # caller gone, or someone else was quicker: nothing counts against him
    HUNG_UP = "hung_up"  # by him: he is free at once
    RELEASED = "released"  # by us: free when his BYE is answered
    GONE = "gone"  # that answer came (or his phone ended the leg)
    DONE = "done"  # wrap-up over

    __hash__ = str.__hash__


_OFF, _READY, _BREAK, _DEAF, _LOST = Presence
PRESENCE: Final[dict[tuple[Presence, Ask], Presence]] = {
    (_OFF, Ask.SIGN_ON): _READY,
    (_OFF, Ask.SIGN_OFF): _OFF,
    (_OFF, Ask.NOT_ANSWERING): _OFF,  # he had wished to go
    (_OFF, Ask.DEVICE_LOST): _OFF,
    (_OFF, Ask.DEVICE_BACK): _OFF,
    (_READY, Ask.SIGN_ON): _READY,
    (_READY, Ask.SIGN_OFF): _OFF,
    (_READY, Ask.READY): _READY,
    (_READY, Ask.BREAK): _BREAK,
    (_READY, Ask.NOT_ANSWERING): _DEAF,
    (_READY, Ask.DEVICE_LOST): _LOST,
    (_READY, Ask.DEVICE_BACK): _READY,
    (_BREAK, Ask.SIGN_ON): _BREAK,
    (_BREAK, Ask.SIGN_OFF): _OFF,
    (_BREAK, Ask.READY): _READY,
    (_BREAK, Ask.BREAK): _BREAK,  # another reason
    (_BREAK, Ask.NOT_ANSWERING): _BREAK,
    (_BREAK, Ask.DEVICE_LOST): _BREAK,  # noticed when he is ready again
    (_BREAK, Ask.DEVICE_BACK): _BREAK,
    (_DEAF, Ask.SIGN_ON): _READY,
    (_DEAF, Ask.SIGN_OFF): _OFF,
    (_DEAF, Ask.READY): _READY,
    (_DEAF, Ask.BREAK): _BREAK,
    (_DEAF, Ask.NOT_ANSWERING): _DEAF,
    (_DEAF, Ask.DEVICE_LOST): _DEAF,
    (_DEAF, Ask.DEVICE_BACK): _DEAF,  # his phone being there does not say that he is
    (_LOST, Ask.SIGN_ON): _LOST,
    (_LOST, Ask.SIGN_OFF): _OFF,
    (_LOST, Ask.BREAK): _BREAK,
    (_LOST, Ask.NOT_ANSWERING): _LOST,
    (_LOST, Ask.DEVICE_LOST): _LOST,
    (_LOST, Ask.DEVICE_BACK): _READY,
}
"""An absent pair is a request that a person is refused."""

WORK: Final[dict[tuple[Work, Input], Work]] = {
    (Work.OFFERED, Input.ANSWERED): Work.ANSWERED,
    (Work.OFFERED, Input.ACCEPTED): Work.TALKING,
    (Work.OFFERED, Input.MISSED): Work.ENDED,
    (Work.OFFERED, Input.WITHDRAWN): Work.ENDED,
    (Work.ANSWERED, Input.ACCEPTED): Work.TALKING,
    (Work.ANSWERED, Input.MISSED): Work.ENDED,
    (Work.ANSWERED, Input.WITHDRAWN): Work.RELEASING,  # his phone is off the hook: we hang up on him
    (Work.ANSWERED, Input.RELEASED): Work.RELEASING,
    (Work.ANSWERED, Input.HUNG_UP): Work.ENDED,
    (Work.ANSWERED, Input.GONE): Work.ENDED,
    (Work.TALKING, Input.HOLD): Work.HELD,
    (Work.TALKING, Input.RESUME): Work.TALKING,  # phones repeat their re-INVITEs
    (Work.TALKING, Input.CONSULT): Work.CONSULTING,
    (Work.HELD, Input.HOLD): Work.HELD,
    (Work.HELD, Input.RESUME): Work.TALKING,
    (Work.HELD, Input.CONSULT): Work.CONSULTING,
    (Work.CONSULTING, Input.HOLD): Work.CONSULTING,
    (Work.CONSULTING, Input.RESUME): Work.CONSULTING,
    (Work.CONSULTING, Input.CONSULT_ENDED): Work.TALKING,
    (Work.RELEASING, Input.GONE): Work.WRAP_UP,
    (Work.RELEASING, Input.HUNG_UP): Work.WRAP_UP,  # both hung up at once
    (Work.WRAP_UP, Input.DONE): Work.ENDED,
} | {
    pair: after
    for work in (Work.TALKING, Work.HELD, Work.CONSULTING)
    for pair, after in {
        (work, Input.HUNG_UP): Work.WRAP_UP,
        (work, Input.GONE): Work.WRAP_UP,
        (work, Input.RELEASED): Work.RELEASING,
    }.items()
}
