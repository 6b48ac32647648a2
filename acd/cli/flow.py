"""``acd flow``: the IVR designer's commands. None of them needs a running engine."""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from acd.cli.engine import tell
from acd.cli.options import NO, OK, UNUSABLE, Json, fail
from acd.cli.output import complain, print_json

if TYPE_CHECKING:
    from acd.config import Hotline

flow = typer.Typer(no_args_is_help=True, help="Check, test, try and draw a flow.")
TESTS: Final = ".test.yaml"

File = Annotated[Path, typer.Argument(metavar="FILE", help="The flow's YAML file.", exists=True, dir_okay=False)]
Configuration = Annotated[
    Path | None,
    typer.Option("--hotline", metavar="FILE", help="Its hotline's YAML file (default: the one its tests name)."),
]


def register(app: typer.Typer) -> None:
    app.add_typer(flow, name="flow")


@flow.command()
def check(file: File, hotline: Configuration = None, as_json: Json = False) -> None:
    """Each mistake of one flow as file:line:column, what is wrong, what would be right.

    Example: acd flow check ivr_flows/bank/main.yaml
    """
    from acd import config  # here, because pydantic takes its time to import

    problems = [problem for problem in config.check(_hotline(file, hotline)) if Path(problem.file).samefile(file)]
    tell(file, problems, as_json)


@flow.command("test")
def try_all(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="Flows, or their .test.yaml files.", exists=True)
    ],
    as_json: Json = False,
) -> None:
    """Run the tests beside a flow (main.test.yaml): the engine is the real one, time is not.

    Example: acd flow test ivr_flows/bank/*.yaml
    """
    from acd.config import ConfigError
    from acd.flows.rehearsal import rehearse

    paths = list(dict.fromkeys(_tests_of(file) for file in files))
    lacking = [path for path in paths if not path.is_file()]
    if len(lacking) == len(paths):
        fail(UNUSABLE, f"{lacking[0]}: no such file; a flow's tests stand beside it")
    count, found = 0, []
    for path in paths:
        if path in lacking:
            complain(f"{path}: no such file, so that flow has no tests")
            continue
        try:
            ran, problems = rehearse(path)
        except ConfigError as error:
            fail(UNUSABLE, str(error))
        count += ran
        found += problems
    if as_json:
        print_json({"tests": count, "failed": len(found), "problems": [asdict(problem) for problem in found]})
    else:
        for problem in found:
            print(problem)
        complain(f"{count} tests, {len(found) or 'none'} failed")
    raise typer.Exit(NO if found else OK)


@flow.command("try")
def walk(
    file: File,
    hotline: Configuration = None,
    called: Annotated[str | None, typer.Option("--to", metavar="NUMBER", help="Whom he calls.")] = None,
    caller: Annotated[str, typer.Option("--from", metavar="NUMBER", help="Who calls.")] = "13800000000",
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", metavar="NAME=VALUE", help="What is known of him.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When, as 2026-10-01 09:30 (default: all is open).")
    ] = None,
    agents: Annotated[bool, typer.Option("--agents/--no-agents", help="Whether agents are signed on.")] = True,
) -> None:
    """Walk through a flow as its caller: prompts are printed, keys are typed, ? helps.

    Example: acd flow try ivr_flows/bank/main.yaml --from 13800000065 --attribute age=70
    """
    from acd.flows.rehearsal import CallFrom, Fails
    from acd.flows.walk import Walk

    there = _load(_hotline(file, hotline))
    _known(file, there.settings.flows)
    known = dict(_attribute(text, there.attributes) for text in attribute or ())
    try:
        walk = Walk(
            there, file.stem, CallFrom.model_construct(caller=caller, to=called, attributes=known, at=at), agents=agents
        )
    except Fails as why:
        fail(UNUSABLE, str(why))
    _print(walk.begun)
    while not walk.over:
        if sys.stdin.isatty():
            print("> ", end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            break
        try:
            _print(walk.enter(line))
        except Fails as why:
            print(f"          {why}")


@flow.command()
def graph(
    file: File,
    hotline: Configuration = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write an SVG picture there.", dir_okay=False)
    ] = None,
) -> None:
    """A flow as a picture (--out main.svg, one file for any browser), or as an outline in the terminal.

    Example: acd flow graph ivr_flows/bank/main.yaml --out main.svg
    """
    from acd.flows.picture import draw, outline

    there = _load(_hotline(file, hotline))
    _known(file, there.settings.flows)
    found = there.settings.flows[file.stem]
    if out is None:
        print("\n".join(outline(found)))
        return
    try:
        out.write_text(draw(found), encoding="utf-8")
    except OSError as error:
        fail(UNUSABLE, f"{out}: {error.strerror}")
    complain(f"{out} is written")


def _tests_of(file: Path) -> Path:
    return file if file.name.endswith(TESTS) else file.with_name(file.stem + TESTS)


def _hotline(file: Path, given: Path | None) -> Path:
    """The hotline that a flow belongs to."""
    if given is not None:
        if not given.is_file():
            fail(UNUSABLE, f"{given}: no such file")
        return given
    from acd.config import ConfigError
    from acd.config.yaml import read

    tests = _tests_of(file)
    try:
        value = read(tests, str(tests)).value if tests.is_file() else None
    except ConfigError as error:
        fail(UNUSABLE, str(error))
    named = value.get("hotline") if isinstance(value, dict) else None
    if not isinstance(named, str):
        fail(UNUSABLE, f"{file}: of which hotline? name its file by --hotline, or in {tests.name}")
    path = tests.parent / named
    if not path.is_file():
        fail(UNUSABLE, f"{tests}: there is no hotline {path}")
    return path


def _load(path: Path) -> "Hotline":
    from acd.config import ConfigError, load

    try:
        return load(path)
    except ConfigError as error:
        fail(NO, str(error))


def _known(file: Path, flows: Iterable[str]) -> None:
    if file.stem not in flows:
        fail(UNUSABLE, f"{file}: the hotline has no flow {file.stem!r}; its flows: say where they are")


def _attribute(text: str, known: Iterable[str]) -> tuple[str, str | int]:
    name, equals, value = text.partition("=")
    if not equals or name not in known:
        fail(UNUSABLE, f"{text!r} is no attribute: write NAME=VALUE, NAME one of {', '.join(known) or 'none'}")
    return name, int(value) if value.isascii() and value.isdecimal() else value


def _print(lines: list[str]) -> None:
    for line in lines:
        print(line)
