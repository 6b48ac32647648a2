"""`acd trunks`: what they carry and how they are; taken out of service and back."""

import getpass
from typing import Annotated

import typer

from acd.cli.look import show_list
from acd.cli.options import Config, Control, Json, ask

group = typer.Typer(invoke_without_command=True)
Trunk = Annotated[str, typer.Argument(metavar="ID", help="The trunk.", show_default=False)]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="trunks")


@group.callback()
def trunks(context: typer.Context, control: Control = None, config: Config = None, as_json: Json = False) -> None:
    """The trunks: up, down or blocked, registered or not, and how many calls each carries.

    Example: acd trunks
    """
    if context.invoked_subcommand is None:
        show_list(control, config, "trunks", as_json, None, lambda trunk, _: [*trunk.values()], "No trunk.")


@group.command()
def block(trunk: Trunk, control: Control = None, config: Config = None) -> None:
    """Let no new call through, in or out; those that are up go on. It holds over reload and restart.

    Example: acd trunks block carrier
    """
    _order(control, config, trunk, "block")


@group.command()
def unblock(trunk: Trunk, control: Control = None, config: Config = None) -> None:
    """Let calls through again.

    Example: acd trunks unblock carrier
    """
    _order(control, config, trunk, "unblock")


def _order(control: Control, config: Config, trunk: str, op: str) -> None:
    print(ask(control, config, "trunk", id=trunk, op=op, by=f"cli:{getpass.getuser()}")["detail"])
