"""The commands that look and change nothing: status, queues, agents, calls, alarms, top."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from acd.cli.client import NoEngine, Refused, connected
from acd.cli.options import NO, UNUSABLE, Config, Control, Json, ask, control_path, fail
from acd.cli.output import duration, iso, print_json, print_table, with_times

Row = Sequence[object]


def register(app: typer.Typer) -> None:
    for command in (status, queues, agents, calls, alarms, top):
        app.command()(command)


def status(control: Control = None, config: Config = None, as_json: Json = False) -> None:
    """How the engine is: calls, legs, media ports, timers, agents at work.

    Example: acd status --json
    """
    data = with_times(ask(control, config, "status"), 0.0)
    if as_json:
        print_json(data)
    else:
        print_table(["what", "value"], _flat(data), empty="The engine has nothing to say.")


def queues(control: Control = None, config: Config = None, as_json: Json = False) -> None:
    """Who waits where, and how well it is served.

    Example: acd queues
    """
    columns = [
        "queue",
        "waiting>",
        "longest>",
        "signed on>",
        "idle>",
        "offered>",
        "answered>",
        "abandoned>",
        "in level>",
    ]
    show_list(control, config, "queues", as_json, [*columns, "open", "blocked", "surge"], _queue, "No queue.")


def agents(control: Control = None, config: Config = None, as_json: Json = False) -> None:
    """Who is there and what each is doing.

    Example: acd agents --json
    """
    show_list(
        control,
        config,
        "agents",
        as_json,
        ["agent", "name", "presence", "work", "device", "for>", "calls>"],
        _agent,
        "No agent.",
    )


def calls(control: Control = None, config: Config = None, as_json: Json = False) -> None:
    """The calls that are up.

    Example: acd calls --control run/acd.sock
    """
    columns = ["call", "since", "for>", "from", "caller", "called", "state", "queue", "place>", "waits>", "agent"]
    show_list(control, config, "calls", as_json, columns, _call, "No call.")


def alarms(control: Control = None, config: Config = None, as_json: Json = False) -> None:
    """The alarms that stand, and those just cleared.

    Example: acd alarms
    """
    show_list(control, config, "alarms", as_json, None, lambda alarm, _: [*alarm.values()], "No alarm.")


def top(
    control: Control = None,
    config: Config = None,
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 1.0,
) -> None:
    """Watch queues, agents and calls in the terminal. Keys: q quits, p pauses, 1 2 3 go to a table.

    Example: acd top --config hotline.yaml
    """
    path = control_path(control, config)

    def look() -> Any:
        with connected(path) as client:  # each time anew: the engine may have been restarted meanwhile
            return client.ask("view")

    try:
        look()
    except NoEngine as problem:
        fail(UNUSABLE, str(problem))
    except Refused as no:
        fail(NO, str(no))
    try:
        from acd.cli.top import Top
    except ImportError:
        fail(UNUSABLE, "acd top needs textual; install it by: pip install 'hotline-acd[top]'")
    Top(look, every_s=every).run()


def show_list(
    control: Control,
    config: Config,
    verb: str,
    as_json: bool,
    columns: list[str] | None,
    row: Callable[[dict[str, Any], float], Row],
    empty: str,
) -> None:
    """Ask for a list and print it. Without `columns` the fields' own names head the table."""
    data = ask(control, config, verb)
    items, offset = data[verb], data.get("wall_offset_s", 0.0)
    if as_json:
        print_json(with_times(items, offset))
        return
    if columns is None:
        items = with_times(items, offset)
        columns = list(items[0]) if items else []
    print_table(columns, [row(item, data) for item in items], empty=empty)


def _queue(queue: dict[str, Any], _: Any) -> Row:
    fields = ("signed_on", "idle", "offered", "answered", "abandoned", "in_service_level", "open", "blocked", "surges")
    return [queue["id"], queue["waiting"], duration(queue["longest_wait_s"]), *(queue[field] for field in fields)]


def _agent(agent: dict[str, Any], data: Any) -> Row:
    presence = agent["presence"] + (f" ({agent['reason']})" if agent["reason"] else "")
    work = ", ".join(f"{what} {call}" for call, what in agent["work"])
    return [
        agent["id"],
        agent["name"],
        presence,
        work,
        device_of(agent),
        duration(data["now"] - agent["since"]),
        agent["calls"],
    ]


def device_of(agent: dict[str, Any]) -> str | None:
    """Where he is, and how it is there: down, or with a line that stays up between calls."""
    how = "down" if not agent["device_up"] else "line up" if agent["line_ends_at"] is not None else ""
    return f"{agent['device']} ({how})" if agent["device"] and how else agent["device"]


def _call(call: dict[str, Any], data: Any) -> Row:
    wait = duration(call["wait_s"])
    since = iso(call["since"] + data["wall_offset_s"])
    who = [call["source"], call["caller"], call["called"], call["state"]]
    lasting = duration(data["now"] - call["since"])
    return [call["id"], since, lasting, *who, call["queue"], call["position"], wait, call["agent"]]


def _flat(data: dict[str, Any], before: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in data.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            rows += _flat(value, f"{name}.")
        elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
            rows += [row for n, item in enumerate(value, 1) for row in _flat(item, f"{name}.{n}.")]
        else:
            rows.append((name, value))
    return rows
