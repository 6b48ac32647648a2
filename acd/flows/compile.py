"""A flow file, checked, to the core's steps.

One YAML file is one flow, named for the file. A step is a word (`answer`) or a mapping with one key, the step's name;
what is short is written short: `say: welcome`, `queue: loans`, `ring: 4`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from acd.config.asked import judge_asked
from acd.config.explain import check, fields_at
from acd.config.problem import Problem, did_you_mean, one_of
from acd.config.shell import DIGIT_PROMPTS
from acd.config.words import Strict
from acd.config.yaml import Document
from acd.config.yaml import Step as PathStep
from acd.core import flow as core
from acd.core.flow import Expr, Flow
from acd.flows import expressions
from acd.flows.schema import (
    CaseOf,
    CollectInto,
    FlowFile,
    GoToFlow,
    HangUpWith,
    MenuOf,
    Nothing,
    QueueFor,
    RingFor,
    SayThis,
)

Path = tuple[PathStep, ...]
_Body = TypeVar("_Body", bound=Strict)

BUILT_IN = ("caller", "called", "caller_name", "trusted", "source", "queue_result", "diverted_from", "diverted_reason")
SPELLED = ("digits", "number")  # `digits:4711` is spoken out of the prompts digit-0 … digit-9


@dataclass(slots=True)
class Known:
    """What a flow may refer to."""

    queues: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()
    flows: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    calendars: frozenset[str] = frozenset()
    surges: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()


@dataclass(slots=True)
class Compiled:
    """A flow, and what can only be judged with its siblings at hand."""

    flow: Flow
    problems: list[Problem]
    document: Document
    assigned: set[str] = field(default_factory=set)  # variables it sets
    secret: set[str] = field(default_factory=set)  # … and those that hold only a handle
    used: list[tuple[str, Problem]] = field(default_factory=list)
    """Variable, the problem it is if nobody sets it; its `fix` holds if there is no variable of nearly that name."""
    clear: list[tuple[str, Problem]] = field(default_factory=list)  # variable, the problem it is if it is secret


def compile_flow(document: Document, name: str, known: Known) -> Compiled:
    """Check one file. `Compiled.flow` is complete only if `problems` holds no error; see `settle` for the rest."""
    compiler = _Compiler(document, known)
    compiled = Compiled(Flow(name), compiler.problems, document)
    compiler.out = compiled
    found = check(FlowFile, document.value, document)
    if isinstance(found, list):
        compiled.problems.extend(found)
    else:
        compiled.flow = Flow(name, compiler.steps(found.steps, ("steps",)), found.language)
    return compiled


def settle(flows: Iterable[Compiled], attributes: Iterable[str]) -> list[Problem]:
    """Variables: those used must be set somewhere (a flow hands its variables on by go_to), secrets only kept."""
    flows = list(flows)
    assigned = {name for compiled in flows for name in compiled.assigned}
    secret = {name for compiled in flows for name in compiled.secret}
    known = {*BUILT_IN, *attributes, *assigned}
    problems = []
    for compiled in flows:
        for name, problem in compiled.used:
            if name not in known:
                hint = did_you_mean(name, known, f"{problem.fix}; known: {one_of(known)}")
                problems.append(_with_fix(problem, hint))
        problems.extend(problem for name, problem in compiled.clear if name in secret)
    return problems


def _with_fix(problem: Problem, fix: str) -> Problem:
    return Problem(problem.file, problem.line, problem.column, problem.what, fix, problem.severity)


class _Compiler:
    def __init__(self, document: Document, known: Known) -> None:
        self.document = document
        self.known = known
        self.problems: list[Problem] = []
        self.declared = {"queues": known.queues, "hours": known.calendars, "surges": known.surges}
        self.out: Compiled
        self.readers: dict[str, Callable[[object, Path], core.Step | None]] = {
            "answer": self.answer,
            "ring": self.ring,
            "say": self.say,
            "menu": self.menu,
            "collect": self.collect,
            "set": self.set,
            "when": self.when,
            "queue": self.queue,
            "go_to": self.go_to,
            "hang_up": self.hang_up,
        }

    # ---------------------------------------------------------------------------------------------- steps

    def steps(self, values: list[object], path: Path) -> tuple[core.Step, ...]:
        found = [self.step(value, (*path, index)) for index, value in enumerate(values)]
        for index, step in enumerate(found[:-1]):
            if isinstance(step, (core.GoTo, core.HangUpStep)):
                what = f"nothing behind {step.do} is ever done"
                fix = "remove it, or put it before"
                place = (*path, index + 1)
                self.problems.append(self.document.problem(place, what, fix, severity="warning"))
                break
        return tuple(step for step in found if step is not None)

    def step(self, value: object, path: Path) -> core.Step | None:
        if isinstance(value, str):
            name, body, inside = value, None, path
        elif isinstance(value, dict) and len(value) == 1:
            name, body = next(iter(value.items()))
            inside = (*path, name)
        else:
            if isinstance(value, dict) and len(value) > 1:
                first, second = list(value)[:2]
                fix = f"begin {second} with a dash of its own"
                if first in self.readers and second in fields_at(_BODIES[first], ()):
                    fix = f"indent {second} two more, so that it belongs to {first}"
                return self.none((*path, second), "a step has one key, its name", fix, key=True)
            return self.none(path, "not a step", "write `- say: welcome`, for example")
        if name not in self.readers:
            return self.none(
                inside, f"unknown step {name!r}", did_you_mean(name, self.readers, one_of(self.readers)), key=True
            )
        return self.readers[name](body, inside)

    def wrong(self, path: Path, what: str, fix: str = "", *, key: bool = False) -> None:
        self.problems.append(self.document.problem(path, what, fix, at="key" if key else "value"))

    def none(self, path: Path, what: str, fix: str = "", *, key: bool = False) -> core.Step | None:
        """No step, since something is wrong with it."""
        self.wrong(path, what, fix, key=key)
        return None

    def body(self, model: type[_Body], value: object, path: Path, short: str | None = None) -> _Body | None:
        """The step's body; a value that is not a mapping stands for its field `short`."""
        if short is not None and not isinstance(value, dict):
            if value is None:
                self.wrong(path, f"{path[-1]} needs something behind it", f"write {path[-1]}: …", key=True)
                return None
            value = {short: value}
        found = check(model, value if value is not None else {}, self.document, path)
        if isinstance(found, list):
            self.problems.extend(found)
            return None
        return found

    def answer(self, value: object, path: Path) -> core.Step | None:
        return None if self.body(Nothing, value, path) is None else core.Answer()

    def ring(self, value: object, path: Path) -> core.Step | None:
        body = self.body(RingFor, value, path, "seconds")
        return None if body is None else core.RingTone(float(body.seconds))

    def say(self, value: object, path: Path) -> core.Step | None:
        body = self.body(SayThis, value, path, "prompts")
        return (
            None
            if body is None
            else core.Say(self.prompts(body.prompts, self.under(path, value, "prompts")), body.barge_in)
        )

    def menu(self, value: object, path: Path) -> core.Step | None:
        body = self.body(MenuOf, value, path)
        if body is None:
            return None
        if body.into is not None:
            self.out.assigned.add(body.into)
        return core.Menu(
            self.prompts(body.prompts, (*path, "prompts")),
            {key: self.steps(steps, (*path, "keys", key)) for key, steps in body.keys.items()},
            float(body.timeout_s),
            body.retries,
            self.prompts(body.wrong, (*path, "wrong")),
            self.prompts(body.silent, (*path, "silent")),
            self.steps(body.otherwise, (*path, "otherwise")),
            body.into,
        )

    def collect(self, value: object, path: Path) -> core.Step | None:
        body = self.body(CollectInto, value, path)
        if body is None:
            return None
        if body.min > body.max:
            self.wrong((*path, "min"), f"min {body.min} is above max {body.max}", "swap them, or raise max")
        self.assign(body.into, (*path, "into"))
        if body.secret:
            self.out.secret.add(body.into)
        return core.CollectDigits(
            body.into,
            self.prompts(body.prompts, (*path, "prompts")),
            body.min,
            body.max,
            body.end,
            float(body.first_s),
            float(body.next_s),
            body.secret,
            body.retries,
            self.prompts(body.wrong, (*path, "wrong")),
            self.steps(body.otherwise, (*path, "otherwise")),
        )

    def set(self, value: object, path: Path) -> core.Step | None:
        if not isinstance(value, dict) or not value:
            return self.none(path, "set needs variables", "write set: {senior: age >= 65}", key=True)
        values: dict[str, Expr] = {}
        for name, given in value.items():
            self.assign(name, (*path, name), key=True)
            values[name] = self.expression(given, (*path, name))
        return core.Set(values)

    def when(self, value: object, path: Path) -> core.Step | None:
        if not isinstance(value, list) or not value:
            return self.none(
                path, "when needs a list of cases", "write - if: CONDITION, do: [steps], and - else:", key=True
            )
        cases: list[core.Case] = []
        otherwise: tuple[core.Step, ...] = ()
        for index, given in enumerate(value):
            at = (*path, index)
            case = self.body(CaseOf, given, at)
            if case is None:
                continue
            if case.else_ is not None:
                if index != len(value) - 1 or case.if_ is not None or case.do is not None:
                    self.wrong(
                        (*at, "else"), "else stands alone, behind all other cases", "move it to the end", key=True
                    )
                otherwise = self.steps(case.else_, (*at, "else"))
            elif case.if_ is None or case.do is None:
                missing = "if" if case.if_ is None else "do"
                self.wrong(at, f"{missing!r} is missing", "a case is if: CONDITION, do: [steps]; or else: [steps]")
            else:
                condition = self.expression(case.if_, (*at, "if"))
                cases.append(core.Case(condition, self.steps(case.do, (*at, "do"))))
        return core.When(tuple(cases), otherwise)

    def queue(self, value: object, path: Path) -> core.Step | None:
        body = self.body(QueueFor, value, path, "to")
        if body is None:
            return None
        self.refer("queue", body.to, self.known.queues, self.under(path, value, "to"), "declare it under queues:")
        for skill in body.needs:
            self.refer("skill", skill, self.known.skills, (*path, "needs", skill), "declare it under skills:", key=True)
        if body.preferred_agent is not None:
            self.use_name(body.preferred_agent, "agent", self.known.agents, (*path, "preferred_agent"))
        if body.site is not None:
            self.use_name(body.site, "site", self.known.sites, (*path, "site"))
        return core.Enqueue(
            body.to,
            dict(body.needs),
            body.tier,
            None if body.credit_s is None else float(body.credit_s),
            body.preferred_agent,
            {key: self.steps(steps, (*path, "keys", key)) for key, steps in body.keys.items()},
            None if body.max_wait_s is None else float(body.max_wait_s),
            body.site,
        )

    def go_to(self, value: object, path: Path) -> core.Step | None:
        body = self.body(GoToFlow, value, path, "flow")
        if body is None:
            return None
        fix = "a flow is named for its file, without .yaml"
        self.refer("flow", body.flow, self.known.flows, self.under(path, value, "flow"), fix)
        return core.GoTo(body.flow)

    def hang_up(self, value: object, path: Path) -> core.Step | None:
        body = self.body(HangUpWith, {} if value is None else value, path, "status")
        return None if body is None else core.HangUpStep(body.status)

    # ------------------------------------------------------------------------------------- what they refer to

    @staticmethod
    def under(path: Path, value: object, name: str) -> Path:
        """Where the field `name` stands: in the mapping, or as the short form itself."""
        return (*path, name) if isinstance(value, dict) else path

    def refer(self, kind: str, name: str, known: frozenset[str], path: Path, fix: str, *, key: bool = False) -> None:
        if name not in known:
            self.wrong(path, f"{kind} {name!r} does not exist", did_you_mean(name, known, fix), key=key)

    def prompts(self, names: list[str], path: Path) -> tuple[str, ...]:
        for index, name in enumerate(names):
            at = (*path, index)
            kind, colon, rest = name.partition(":")
            if not colon:
                self.refer("prompt", name, self.known.prompts, at, f"put {name}.wav into a directory of prompts:")
            elif kind not in SPELLED:
                self.wrong(at, f"nothing can spell {kind!r}", f"known: {', '.join(f'{word}:…' for word in SPELLED)}")
            elif lacking := [part for part in DIGIT_PROMPTS if part not in self.known.prompts]:
                fix = (
                    f"put {lacking[0]}.wav into a directory of prompts: (figures are spelled out of digit-0 … digit-9)"
                )
                self.wrong(at, f"prompt {lacking[0]!r} does not exist", fix)
            elif rest.startswith("{") and rest.endswith("}"):
                self.use(rest[1:-1], at, f"set it first, or write {kind}:4711")
                fix = "say something else: what was typed in secret is never spoken"
                problem = self.document.problem(at, f"{rest[1:-1]!r} was collected in secret", fix)
                self.out.clear.append((rest[1:-1], problem))
            elif not (rest.isascii() and rest.isdecimal()):
                self.wrong(at, f"{rest!r} cannot be spelled", f"write {kind}:4711 or {kind}:{{variable}}")
        return tuple(names)

    def assign(self, name: str, path: Path, *, key: bool = False) -> None:
        if not name.isidentifier():
            self.wrong(path, f"{name!r} cannot name a variable", "letters, digits and _ only", key=key)
        elif name in BUILT_IN:
            self.wrong(path, f"{name!r} is told by the engine", "choose another name", key=key)
        else:
            self.out.assigned.add(name)

    def use(self, name: str, path: Path, fix: str) -> None:
        self.out.used.append((name, self.document.problem(path, f"nobody sets the variable {name!r}", fix)))

    def use_name(self, name: str, kind: str, known: frozenset[str], path: Path) -> None:
        """A variable that holds the name of something; who writes the name itself is told how it gets into one."""
        fix = f"set it first, to the name of the {kind} ({one_of(known)})"
        if name in known:
            field = path[-1]
            fix = f"{name!r} is the {kind}: - set: {{wanted: '\"{name}\"'}} before this step, and here {field}: wanted"
        self.use(name, path, fix)

    def expression(self, given: object, path: Path) -> Expr:
        if not isinstance(given, str):
            if given is None or isinstance(given, (int, float)):
                return given
            self.wrong(path, "not an expression", "write it as a text: age >= 65")
            return None
        try:
            tree, names, asked = expressions.parse(given)
        except expressions.ExpressionError as error:
            self.problems.append(self.document.inside(path, error.offset, error.what, error.fix))
            return None
        for name, offset in names.items():
            unset, text = f"nobody sets the variable {name!r}", f'set it first, or write "{name}" for a text'
            self.out.used.append((name, self.document.inside(path, offset, unset, text)))
            fix = "the flow never sees its digits: hand it to a look-up"
            secret = self.document.inside(path, offset, f"{name!r} was collected in secret", fix)
            self.out.clear.append((name, secret))
        self.problems += judge_asked(self.document, path, asked, self.declared)
        return tree


_BODIES: dict[str, type[Strict]] = {
    "answer": Nothing,
    "ring": RingFor,
    "say": SayThis,
    "menu": MenuOf,
    "collect": CollectInto,
    "set": Nothing,
    "when": CaseOf,
    "queue": QueueFor,
    "go_to": GoToFlow,
    "hang_up": HangUpWith,
}
