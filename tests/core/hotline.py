"""The small hotline of these tests: three numbers, two queues, four agents."""

from acd.core.flow import (
    Answer,
    Case,
    CollectDigits,
    Enqueue,
    Flow,
    HangUpStep,
    Menu,
    RingTone,
    Say,
    Set,
    Step,
    When,
)
from acd.core.settings import Agent, Device, Number, Queue, Settings, Trunk, WrapUp

SURVEY = Menu(prompts=("rate_us",), keys=dict.fromkeys("12345", ()), timeout_s=5.0, retries=0, variable="rating")


def flow(*steps: Step) -> Flow:
    return Flow("main", steps)


MAIN = flow(
    Answer(),
    Say(("welcome",)),
    Menu(
        ("main_menu",),
        keys={"1": (Enqueue("loans"),), "2": (Enqueue("cards"),)},
        retries=1,
        otherwise=(Enqueue("cards"),),
    ),
    HangUpStep(),
)

PLAIN = flow(Enqueue("loans"))


def hotline(
    main: Flow = MAIN,
    *,
    answer: str = "by_flow",
    agents: int = 2,
    confirm: tuple[int, ...] = (),
    queue: Queue | None = None,
    **more: object,
) -> Settings:
    """Agents 1001, 1002 … at desk-1, desk-2 …, all signed on; those in `confirm` sit at home-N and confirm by key 1."""
    names = range(1, agents + 1)
    devices = {
        f"home-{n}" if n in confirm else f"desk-{n}": Device(f"home-{n}", "1380000000" + str(n), "carrier", "1")
        if n in confirm
        else Device(f"desk-{n}")
        for n in names
    }
    settings = Settings(
        version="v1",
        trunks={"carrier": Trunk("carrier", trusted=True)},
        devices=devices,
        agents={
            f"100{n}": Agent(
                f"100{n}",
                name=f"Agent {n}",
                device=f"home-{n}" if n in confirm else f"desk-{n}",
                skills={"loans": 5, "cards": 5},
                sign_on="at_start",
            )
            for n in names
        },
        queues={
            "loans": queue if queue is not None else Queue("loans", needs={"loans": 3}, wrap_up=WrapUp("timed", 10.0)),
            "cards": Queue("cards", needs={"cards": 1}),
        },
        numbers={"95588": Number("95588", "main", answer)},  # type: ignore[arg-type] # one of three words
        flows={"main": main},
    )
    for name, value in more.items():
        setattr(settings, name, value)
    return settings


__all__ = [
    "MAIN",
    "PLAIN",
    "SURVEY",
    "Case",
    "CollectDigits",
    "RingTone",
    "Set",
    "When",
    "flow",
    "hotline",
]
