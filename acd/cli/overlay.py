"""What a person lays over the configuration for a while: opening hours and surges by hand, and the list of it all."""

from typing import Annotated, Any

import typer

from acd.cli.look import Row, show_list
from acd.cli.options import UNUSABLE, Config, Control, Json, ask, fail
from acd.cli.orders import me, say
from acd.cli.output import duration, iso, print_json, print_table

HOURS = ("open", "closed", "as-planned")
SURGE = ("on", "off", "auto")


def register(app: typer.Typer) -> None:
    for command in (hours, surge, overlay):
        app.command()(command)


def hours(
    calendar: Annotated[str | None, typer.Argument(metavar="CALENDAR", help="One of them.")] = None,
    state: Annotated[str | None, typer.Argument(metavar="|".join(HOURS), help="What it is from now on.")] = None,
    control: Control = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """What is open and when that changes; or close and open in an emergency, over reload and restart.

    Example: acd hours office closed
    """
    if _ordered("hours", calendar, state, HOURS, control, config):
        return
    columns = ["calendar", "is", "why", "planned to change"]
    show_list(control, config, "calendars", as_json, columns, _calendar, "No calendar.")


def surge(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One of them.")] = None,
    state: Annotated[str | None, typer.Argument(metavar="|".join(SURGE), help="What it is from now on.")] = None,
    control: Control = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Which surges are on; or put one on or off by hand, or leave it to its condition again (auto).

    Example: acd surge storm on
    """
    if _ordered("surge", name, state, SURGE, control, config):
        return
    show_list(control, config, "surges", as_json, ["surge", "is", "why", "for>"], _surge, "No surge.")


def overlay(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One change, such as hours:office.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Take it off; without a name: all of them.")] = False,
    control: Control = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """What was changed live and holds over reload and restart; --reset goes back to the configuration.

    Example: acd overlay hours:office --reset
    """
    if reset:
        say(ask(control, config, "reset", name=name, by=me()))
        return
    found = ask(control, config, "overlay")["overlay"]
    if name is not None:
        found = {each: value for each, value in found.items() if each == name}
    if as_json:
        print_json(found)
    else:
        print_table(["what", "is"], list(found.items()), empty="Nothing was changed live.")


def _ordered(
    verb: str, name: str | None, state: str | None, states: tuple[str, ...], control: Any, config: Any
) -> bool:
    """Give the order, if one is meant."""
    if name is None:
        return False
    if state not in states:
        fail(UNUSABLE, f"{name} should be what? {', '.join(states[:-1])} or {states[-1]}")
    say(ask(control, config, verb, id=name, op=state, by=me()))
    return True


def _calendar(at: dict[str, Any], data: Any) -> Row:
    change = iso(at["next_change_at"]) if at["next_change_at"] is not None else None
    return [at["id"], "open" if at["open"] else "closed", "by hand" if at["by_hand"] else "as planned", change]


def _surge(at: dict[str, Any], data: Any) -> Row:
    lasting = duration(data["now"] - at["since"]) if at["since"] is not None else None
    return [at["id"], "on" if at["on"] else "off", "by hand" if at["by_hand"] else "auto", lasting]
