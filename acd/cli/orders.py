"""The commands that change something in a running engine: agent, call, reload, drain."""

import getpass
from typing import Annotated, Any

import typer

from acd.cli.options import Config, Control, Json, ask
from acd.cli.output import print_json

agent = typer.Typer(no_args_is_help=True)
call = typer.Typer(no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(agent, name="agent")
    app.add_typer(call, name="call")
    app.command()(reload)
    app.command()(drain)


Agent = Annotated[str, typer.Argument(metavar="ID", help="The agent.", show_default=False)]
Call = Annotated[str, typer.Argument(metavar="ID", help="The call, as `acd calls` names it.", show_default=False)]


@agent.callback()
def _agent(context: typer.Context, id: Agent) -> None:
    """Sign an agent on or off, ready or on a break.

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
    _say(ask(control, config, "agent", id=context.obj, op="sign-on", at=at, by=_me()))


@agent.command("sign-off")
def sign_off(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """Go home; in a call: after it.

    Example: acd agent 1001 sign-off
    """
    _say(ask(control, config, "agent", id=context.obj, op="sign-off", by=_me()))


@agent.command()
def ready(context: typer.Context, control: Control = None, config: Config = None) -> None:
    """Back from a break, from not responding, or done with wrap-up.

    Example: acd agent 1001 ready
    """
    _say(ask(control, config, "agent", id=context.obj, op="ready", by=_me()))


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
    _say(ask(control, config, "agent", id=context.obj, op="break", reason=reason, by=_me()))


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
    _say(ask(control, config, "call", id=context.obj, op="hang-up", by=_me()))


def reload(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    control: Control = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read the configuration again; no call is dropped.

    Example: acd reload --dry-run
    """
    data = ask(control, config, "reload", dry_run=dry_run, by=_me())
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


def drain(control: Control = None, config: Config = None) -> None:
    """Take no new calls; the engine ends when the last one does.

    Example: acd drain
    """
    _say(ask(control, config, "drain", by=_me()))


def _say(data: dict[str, Any]) -> None:
    print(data.get("detail") or "Done.")


def _me() -> str:
    """Who asks, for the record."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"
