"""The journal: what happened and what was commanded, so that it can be recovered, replayed and explained."""

from acd.journal.codec import Header, JournalError
from acd.journal.recovery import Recovered, recover
from acd.journal.replay import Difference, ReplayResult, replay
from acd.journal.writer import JournalWriter

__all__ = [
    "Difference",
    "Header",
    "JournalError",
    "JournalWriter",
    "Recovered",
    "ReplayResult",
    "recover",
    "replay",
]
