"""The commands that change something in a running engine: agent, call, queue, reload, drain."""

import getpass
from typing import Annotated, Any

import typer

from acd.cli.options import UNUSABLE, Config, Control, Json, ask, fail
from acd.cli.output import print_json

agent = typer.Typer(no_args_is_help=True)
call = typer.Typer(no_args_is_help=True)
queue = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(agent, name="agent")
    app.add_typer(call, name="call")
    app.add_typer(queue, name="queue")
    app.command()(reload)
    app.command()(drain)


Agent = Annotated[str, typer.Argument(metavar="ID", help="The agent.", show_default=False)]
Call = Annotated[str, typer.Argument(metavar="ID", help="The call, as `acd calls` names it.", show_default=False)]
Queue = Annotated[str, typer.Argument(metavar="ID", help="The queue.", show_default=False)]


@agent.callback()
def _agent(context: typer.Context, id: Agent) -> None:
    """Sign an agent on or off, ready or on a break; his skills, his wrap-up, his transfers.

    Example: acd agent 1001 sign-on --at desk-17
    """
    context.obj = id


@agent.command("sign-on")
def sign_on(
    context: typer.Context,
    at: Annotated[str | None, typer.Option("--at", metavar="DEVICE", help="Where; else at his own device.")] = None,
    control: Control = None,
    config: Config = None,
) -> None:
    """Begin to work, at a device.

    Example: acd agent 1001 sign-on --at desk-17
    """
    say(ask(control, config, "agent", id=context.obj, op="sign-on", at=at, by=me()))


@agent.command("sign-off")
def sign_off(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """Go home; in a call: after it.

    Example: acd agent 1001 sign-off
    """
    say(ask(control, config, "agent", id=context.obj, op="sign-off", by=me()))


@agent.command()
def ready(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """Back from a break, from not responding, or done with wrap-up.

    Example: acd agent 1001 ready
    """
    say(ask(control, config, "agent", id=context.obj, op="ready", by=me()))


@agent.command("break")
def take_break(
    context: typer.Context,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why: lunch, training …", show_default=False)],
    control: Control = None,
    config: Config = None,
) -> None:
    """Take a break, for a reason; in a call: after it.

    Example: acd agent 1001 break lunch
    """
    say(ask(control, config, "agent", id=context.obj, op="break", reason=reason, by=me()))


@agent.command()
def skills(
    context: typer.Context,
    levels: Annotated[
        list[str] | None, typer.Argument(metavar="SKILL=LEVEL", help="All he has from now on.", show_default=False)
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Back to the configuration's.")] = False,
    control: Control = None,
    config: Config = None,
) -> None:
    """Change an agent's skills at once; it holds over reload and restart until --reset.

    Example: acd agent 1001 skills loans=7 english=4
    """
    wanted = _wanted(levels, reset, "name the skills with their levels, such as loans=7, or --reset")
    say(ask(control, config, "agent", id=context.obj, op="skills", skills=_leveled(wanted), by=me()))


@agent.command()
def queues(
    context: typer.Context,
    levels: Annotated[
        list[str] | None, typer.Argument(metavar="QUEUE=LEVEL", help="1 is offered first; others are 1.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Back to the configuration's.")] = False,
    control: Control = None,
    config: Config = None,
) -> None:
    """Change for which queues an agent is asked first; it holds over reload and restart until --reset.

    Example: acd agent 1001 queues loans=1 cards=3
    """
    wanted = _wanted(levels, reset, "name the queues with their levels, such as cards=3, or --reset")
    say(ask(control, config, "agent", id=context.obj, op="queues", queues=_leveled(wanted), by=me()))


@agent.command()
def teams(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="TEAM", help="All he is in from now on.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Back to the configuration's.")] = False,
    control: Control = None,
    config: Config = None,
) -> None:
    """Put an agent into other teams at once; it holds over reload and restart until --reset.

    Example: acd agent 1001 teams night
    """
    wanted = _wanted(names, reset, "name the teams, or --reset")
    say(ask(control, config, "agent", id=context.obj, op="teams", teams=wanted, by=me()))


def _wanted(given: list[str] | None, reset: bool, otherwise: str) -> list[str] | None:
    if bool(given) == reset:
        fail(UNUSABLE, otherwise)
    return None if reset else given


def _leveled(texts: list[str] | None) -> dict[str, int] | None:
    return None if texts is None else dict(map(_level, texts))


def _level(text: str) -> tuple[str, int]:
    name, equals, level = text.partition("=")
    if not (name and equals and level.isascii() and level.isdigit()):
        fail(UNUSABLE, f"{text!r} is a name without a level: write for example loans=7")
    return name, int(level)


@agent.command("wrap-up")
def wrap_up(
    context: typer.Context,
    seconds: Annotated[float, typer.Argument(min=0, max=86400, help="So much longer.", show_default=False)],
    control: Control = None,
    config: Config = None,
) -> None:
    """Give an agent more time after a call.

    Example: acd agent 1001 wrap-up 30
    """
    say(ask(control, config, "agent", id=context.obj, op="wrap-up", seconds=seconds, by=me()))


@agent.command()
def consult(
    context: typer.Context,
    to: Annotated[str, typer.Argument(metavar="TO", help="agent:ID or device:ID.", show_default=False)],
    control: Control = None,
    config: Config = None,
) -> None:
    """Put the caller on hold and call somebody for the agent: the first half of a warm transfer.

    A number outside is called only if a rule under dialling: in the configuration allows it.

    Example: acd agent 1001 consult agent:1002
    """
    say(ask(control, config, "agent", id=context.obj, op="consult", to=to, by=me()))


@agent.command()
def transfer(
    context: typer.Context,
    to: Annotated[
        str, typer.Argument(metavar="TO", help="agent:ID, device:ID, queue:ID, or as dialled.", show_default=False)
    ],
    control: Control = None,
    config: Config = None,
) -> None:
    """Send the agent's caller on to somebody else, blind. Who does not take him leaves him with the agent.

    Example: acd agent 1001 transfer queue:cards
    """
    say(ask(control, config, "agent", id=context.obj, op="transfer", to=to, by=me()))


@agent.command()
def swap(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """Change between the caller and the party consulted.

    Example: acd agent 1001 swap
    """
    say(ask(control, config, "agent", id=context.obj, op="swap", by=me()))


@agent.command()
def complete(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """Leave the caller with the party consulted.

    Example: acd agent 1001 complete
    """
    say(ask(control, config, "agent", id=context.obj, op="complete", by=me()))


@agent.command()
def cancel(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """Drop the party consulted and go back to the caller.

    Example: acd agent 1001 cancel
    """
    say(ask(control, config, "agent", id=context.obj, op="cancel", by=me()))


@call.callback()
def _call(context: typer.Context, id: Call) -> None:
    """Do something with one call.

    Example: acd call 3-17 hang-up
    """
    context.obj = id


@call.command("hang-up")
def hang_up(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """End the call: every leg of it.

    Example: acd call 3-17 hang-up
    """
    say(ask(control, config, "call", id=context.obj, op="hang-up", by=me()))


@call.command()
def move(
    context: typer.Context,
    queue: Annotated[str | None, typer.Option("--queue", help="To this queue.")] = None,
    tier: Annotated[int | None, typer.Option("--tier", min=0, max=99, help="0 goes first.")] = None,
    control: Control = None,
    config: Config = None,
) -> None:
    """Move a waiting call to another queue or tier; it keeps the time it has waited.

    Example: acd call 3-17 move --queue loans --tier 0
    """
    if queue is None and tier is None:
        fail(UNUSABLE, "move it where? --queue NAME, --tier N, or both")
    say(ask(control, config, "call", id=context.obj, op="move", queue=queue, tier=tier, by=me()))


@queue.callback()
def _queue(context: typer.Context, id: Queue) -> None:
    """Block a queue, open it again, or empty it.

    Example: acd queue loans block
    """
    context.obj = id


@queue.command()
def block(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """Take no new calls into it; those who wait stay. It holds over reload and restart until unblock.

    Example: acd queue loans block
    """
    say(ask(control, config, "queue", id=context.obj, op="block", by=me()))


@queue.command()
def unblock(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """Take calls into it again.

    Example: acd queue loans unblock
    """
    say(ask(control, config, "queue", id=context.obj, op="unblock", by=me()))


@queue.command()
def empty(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="QUEUE", help="Where they go.", show_default=False)],
    control: Control = None,
    config: Config = None,
) -> None:
    """Move everybody who waits to another queue, with the time waited. Block the queue first to drain it for good.

    Example: acd queue loans empty --to general
    """
    say(ask(control, config, "queue", id=context.obj, op="empty", to=to, by=me()))


def reload(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    control: Control = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read the configuration again; no call is dropped.

    Example: acd reload --dry-run
    """
    data = ask(control, config, "reload", dry_run=dry_run, by=me())
    if as_json:
        print_json(data)
        return
    changes = data.get("changes", [])
    for change in changes:
        print(change)
    if not changes:
        print("Nothing has changed.")
    elif dry_run:
        print("Nothing was done (--dry-run).")
    for name, value in data.get("overlay", {}).items():
        print(f"Laid over it by hand: {name} {value} (acd overlay)")


def drain(control: Control = None, config: Config = None) -> None:
    """Take no new calls; the engine ends when the last one does.

    Example: acd drain
    """
    say(ask(control, config, "drain", by=me()))


def say(data: dict[str, Any]) -> None:
    """What the engine answered to an order."""
    print(data.get("detail") or "Done.")


def me() -> str:
    """Who asks, for the record."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"
