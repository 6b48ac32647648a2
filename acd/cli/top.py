"""``acd top``: queues, agents and calls as they are, looked at again every second."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Static

from acd.cli.client import NoEngine, Refused
from acd.cli.look import device_of
from acd.cli.output import duration, iso, shown

View = dict[str, Any]
COLUMNS: dict[str, Sequence[str]] = {
    "queues": ("queue", "waiting", "longest", "signed on", "idle", "offered", "answered", "in level", "abandoned"),
    "agents": ("agent", "name", "presence", "work", "device", "for", "calls"),
    "calls": ("call", "for", "from", "caller", "called", "state", "queue", "place", "waits", "agent"),
}
ALERT, BUSY, CALM = "bold red", "yellow", "green"
PRESENCE_STYLES = {"ready": CALM, "break": BUSY, "not_responding": ALERT, "unreachable": ALERT, "signed_off": "dim"}


class Top(App[None]):
    """`look` gives the data of the control verb ``view``; it is called in a thread and may raise `NoEngine`."""

    TITLE = "acd top"
    CSS = """
    #head { height: 1; background: $primary; color: $text; padding: 0 1; }
    #trouble { height: auto; background: $error; color: $text; padding: 0 1; display: none; }
    DataTable { height: auto; max-height: 33%; }
    #calls { height: 1fr; max-height: 100%; }
    .title { height: 1; text-style: bold; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("ctrl+c", "quit", show=False, priority=True),  # as everywhere else in a terminal
        Binding("p", "pause", "pause"),
        Binding("1", "go('queues')", "queues"),
        Binding("2", "go('agents')", "agents"),
        Binding("3", "go('calls')", "calls"),
    ]

    def __init__(self, look: Callable[[], View], every_s: float = 1.0) -> None:
        super().__init__()
        self._look = look
        self._every_s = every_s
        self._paused = False
        self._looking = False

    def compose(self) -> ComposeResult:
        yield Static("…", id="head", markup=False)
        yield Static("", id="trouble", markup=False)
        for name in COLUMNS:
            yield Static(name.capitalize(), classes="title", id=f"{name}-title", markup=False)
            yield DataTable(id=name, cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        for name, columns in COLUMNS.items():
            self.query_one(f"#{name}", DataTable).add_columns(*columns)
        self.query_one("#calls", DataTable).focus()
        self.set_interval(self._every_s, self.refresh_view)
        self.refresh_view()

    def action_pause(self) -> None:
        self._paused = not self._paused
        if self._paused:
            self._trouble("paused – p goes on")
        else:
            self.refresh_view()

    def action_go(self, table: str) -> None:
        self.query_one(f"#{table}", DataTable).focus()

    def refresh_view(self) -> None:
        """Look again, unless paused or still waiting for the answer of the last time."""
        if not self._paused and not self._looking:
            self._looking = True
            self._ask()

    @work(thread=True)
    def _ask(self) -> None:
        """In a thread: an engine that is slow to answer must not freeze the keys."""
        try:
            view = self._look()
        except (NoEngine, Refused) as problem:
            self.call_from_thread(self._trouble, f"{problem} – what you see is old")
        else:
            self.call_from_thread(self._show, view)
        finally:
            self._looking = False

    def _trouble(self, text: str) -> None:
        line = self.query_one("#trouble", Static)
        line.update(text)
        line.display = bool(text)

    def _show(self, view: View) -> None:
        if self._paused:
            return
        alarms = [alarm["name"] for alarm in view.get("alarms", ())]
        self._trouble("Alarms: " + ", ".join(map(shown, alarms)) if alarms else "")
        self.query_one("#head", Static).update(headline(view))
        for name, rows in (
            ("queues", map(queue_row, view["queues"])),
            ("agents", (agent_row(agent, view["now"]) for agent in view["agents"])),
            ("calls", (call_row(call, view["now"]) for call in view["calls"])),
        ):
            self.query_one(f"#{name}-title", Static).update(f"{name.capitalize()} ({len(view[name])})")
            self._fill(self.query_one(f"#{name}", DataTable), list(rows))

    @staticmethod
    def _fill(table: DataTable[Text], rows: list[list[Text]]) -> None:
        """New rows, with the cursor and the scroll where they were."""
        row, scroll = table.cursor_row, table.scroll_y
        table.clear()
        table.add_rows(rows)
        if rows:
            table.move_cursor(row=min(row, len(rows) - 1), scroll=False)
        table.scroll_to(y=scroll, animate=False)


def headline(view: View) -> str:
    waiting = sum(queue["waiting"] for queue in view["queues"])
    parts = [
        iso(view["now"] + view["wall_offset_s"]),
        f"calls {len(view['calls'])}",
        f"legs {view['legs']}",
        f"waiting {waiting}",
        f"agents busy {view['agents_busy']}/{len(view['agents'])}",
    ]
    surges = [shown(surge["id"]) for surge in view["surges"] if surge["on"]]
    closed = [shown(calendar["id"]) for calendar in view["calendars"] if not calendar["open"]]
    parts += [f"surge {', '.join(surges)}"] if surges else []
    parts += [f"closed {', '.join(closed)}"] if closed else []
    return "   ".join([*parts, "DRAINING"] if view["draining"] else parts)


def queue_row(queue: dict[str, Any]) -> list[Text]:
    said = [
        *(["blocked"] if queue["blocked"] else []),
        *(["closed"] if queue["open"] is False else []),
        *queue["surges"],
    ]
    name = f"{queue['id']} ({', '.join(said)})" if said else queue["id"]
    style = (ALERT if not queue["idle"] else BUSY) if queue["waiting"] else ""
    counts = [queue[field] for field in ("signed_on", "idle", "offered", "answered", "in_service_level", "abandoned")]
    return [_cell(name), _cell(queue["waiting"], style), _cell(duration(queue["longest_wait_s"])), *map(_cell, counts)]


def agent_row(agent: dict[str, Any], now: float) -> list[Text]:
    presence, work = agent["presence"], ", ".join(f"{what} {call}" for call, what in agent["work"])
    said = f"{presence} ({agent['reason']})" if agent["reason"] else presence
    style = BUSY if presence == "ready" and work else PRESENCE_STYLES.get(presence, "")
    since = duration(now - agent["since"])
    return [
        *map(_cell, (agent["id"], agent["name"])),
        _cell(said, style),
        *map(_cell, (work, device_of(agent), since, agent["calls"])),
    ]


def call_row(call: dict[str, Any], now: float) -> list[Text]:
    lasting, wait = duration(now - call["since"]), duration(call["wait_s"])
    who = (call["id"], lasting, call["source"], call["caller"], call["called"])
    where = (call["queue"], call["position"], wait, call["agent"])
    style = BUSY if call["state"] in ("waiting", "offered") else CALM if call["state"] == "talking" else ""
    return [*map(_cell, who), _cell(call["state"], style), *map(_cell, where)]


def _cell(value: object, style: str = "") -> Text:
    return Text(shown(value), style)
