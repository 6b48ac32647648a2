"""What a caller will do: made before he calls, from a seed, so that a run can be repeated and judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, Literal


@dataclass(slots=True, frozen=True)
class Script:
    """One caller. Times in seconds; `keys` are (seconds after the answer, key)."""

    caller: str
    name: str
    called: str
    keys: tuple[tuple[float, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    patience_s: float = 300.0  # from the answer of the hotline to that of an agent
    gives_up_s: float | None = None  # a telephone rings for him, nobody picks it up, and so long after that he leaves
    talk_s: float = 3.0
    hangs_up: Literal["caller", "agent"] = "caller"
    rating: str = ""  # pressed in the survey, if the agent hung up
    gap_s: float = 0.0  # before the next caller


KINDS: Final[tuple[tuple[int, str, str, tuple[tuple[str, str], ...]], ...]] = (
    (30, "1", "Loans", ()),
    (25, "2", "Cards", ()),
    (15, "0", "General", ()),
    (10, "3", "Lost card", ()),
    (12, "", "Senior", (("X-Caller-Age", "71"),)),
    (8, "", "Important", (("X-Caller-Vip", "yes"),)),
)
"""(share in percent, key in the menu, name, headers of the trunk) of the bank's callers."""


def bank_callers(seed: int, *, called: str = "95588") -> Iterator[Script]:
    """Callers of the bank example, without end: what the menu offers, the senior and VIP lanes, one in ten who loses
    patience in his queue, one in two whose agent hangs up first."""
    random = Random(seed)
    serial = 0
    while True:
        serial += 1
        _, key, name, headers = random.choices(KINDS, [kind[0] for kind in KINDS])[0]
        impatient = random.random() < 0.1
        by_agent = random.random() < 0.5
        yield Script(
            caller=f"137{seed % 100:02d}{serial:06d}",
            name=name,
            called=called,
            keys=((1.0 + random.random(), key),) if key else (),
            headers=headers,
            gives_up_s=1.0 + 3.0 * random.random() if impatient else None,
            talk_s=2.0 + 4.0 * random.random(),
            hangs_up="agent" if by_agent else "caller",
            rating=random.choice("12345") if by_agent else "",
            gap_s=min(3.0, random.expovariate(1.0)),
        )
