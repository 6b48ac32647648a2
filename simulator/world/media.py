"""Prompts, keys and look-ups: what callers hear and press, and how long that takes."""

from acd.core import commands as c
from acd.core import events as e
from simulator.distributions import Constant
from simulator.workload import Choices
from simulator.world.agents import confirms, told
from simulator.world.context import Line, Ring, World


def plays(world: World, command: c.Play) -> None:
    on = world.lines.get(command.leg) or world.rings.get(command.leg)
    if on is not None:
        on.op = command.op
        lengths, unknown_s, lasts_s = world.prompts, world.prompt_s, 0.0
        for prompt in command.prompts:
            lasts_s += lengths.get(prompt, unknown_s)
        world.at(world.now + lasts_s * command.repeat, _played, (on, e.PlayEnded(command.op, "finished")))


def _played(world: World, what: tuple[Line | Ring, e.PlayEnded]) -> None:
    on, event = what
    if on.op == event.op and not on.ended:
        on.op = ""
        world.step(event)


def stops(world: World, command: c.Stop) -> None:
    """What is stopped ends in its event too."""
    name = command.op.rpartition(".")[0]  # a caller's operations bear the call's name, a whisper that of its leg
    on = world.lines.get(f"{name}.0") or world.rings.get(name)
    if on is not None and on.op == command.op:
        world.deliver(on, world.latency(), _played, (on, e.PlayEnded(command.op, "stopped")))


def listens(world: World, command: c.Listen) -> None:
    """Somebody is asked for a key. The key that leads out of a queue is pressed in its own time."""
    if command.how == "off":
        return
    line = world.lines.get(command.leg)
    if line is None:
        ring = world.rings.get(command.leg)
        if ring is not None:
            (told if command.how == "forget" else confirms)(world, ring)
    elif not (line.waiting and world.core.keys_out(line.leg.removesuffix(".0"))):
        line.waiting = False
        key, after_s = _next_keys(line)
        if key:
            world.at(world.now + after_s, _presses, (line, key[0]))


def _next_keys(line: Line) -> tuple[str, float]:
    """What he has in mind for this menu or collect; nothing when he is at a loss."""
    if line.pressed >= len(line.caller.keys):
        return "", 0.0
    line.pressed += 1
    return line.caller.keys[line.pressed - 1]


def _presses(world: World, what: tuple[Line, str]) -> None:
    line, key = what
    if not line.ended:
        world.step(e.Digit(line.leg, key))


def collects(world: World, command: c.Collect) -> None:
    line = world.lines.get(command.leg)
    if line is None:
        return
    line.op = command.op
    typed, after_s = _next_keys(line)
    digits = typed.removesuffix(command.end) if command.end else typed
    if not typed:
        how, after_s = "no_input", command.first_s
    elif digits != typed:
        how = "end_key"
    elif len(digits) >= command.max:
        how, digits = "max", digits[: command.max]
    else:
        how, after_s = "timeout", after_s + command.next_s
    value = f"secret:{command.op}" if command.secret and digits else digits
    event = e.Collected(command.op, line.leg, value, len(digits), how)  # type: ignore[arg-type] # one of the four
    world.at(world.now + after_s, _collected, (line, event))


def _collected(world: World, what: tuple[Line, e.Collected]) -> None:
    line, event = what
    if line.op == event.op and not line.ended:
        line.op = ""
        world.step(event)


def looks_up(world: World, command: c.LookUp) -> None:
    """As the scenario says of that source; one that it does not know finds nothing, at once."""
    at = world.scenario.model.world.lookups.get(command.source)
    if at is None:
        world.at(world.now, _looked_up, e.LookedUp(command.op, "missing", {}))
        return
    takes = at.takes.build()
    takes_s = takes.mean if isinstance(takes, Constant) else takes.quantile(world.network())
    if takes_s >= command.timeout_s:
        world.at(world.now + command.timeout_s, _looked_up, e.LookedUp(command.op, "timeout", {}))
        return
    row = {name: Choices(choice).pick(world.network()) for name, choice in at.row.items()}
    found = e.LookedUp(command.op, at.outcome, row if at.outcome == "found" else {})
    world.at(world.now + takes_s, _looked_up, found)


def _looked_up(world: World, event: e.LookedUp) -> None:
    world.step(event)
