"""Replications, in processes beside each other: the same results in any number of them."""

import gc
import multiprocessing
import os
import signal
import threading
import time
import wave
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from acd.config.hours import Calendar
from acd.config.yaml import Document
from acd.core.settings import Settings
from simulator.journal import Journalled
from simulator.results import Replication, Results
from simulator.scenario import Scenario
from simulator.schema import RunAt
from simulator.world import play

POLL_S: Final = 0.2  # how often the progress of other processes is looked at


@dataclass(slots=True)
class Task:
    """What a replication needs to know, in whichever process."""

    settings: Settings
    scenario: Scenario
    prompts: Mapping[str, float]
    hours: Mapping[str, Calendar]


def simulate(
    name: str,
    settings: Settings,
    scenario: Scenario,
    *,
    prompts: Mapping[str, float] | None = None,
    hours: Mapping[str, Calendar] | None = None,
    processes: int | None = None,
    progress: Callable[[float], None] | None = None,
    journal: Path | None = None,
) -> Results:
    """Run all replications of the scenario on one configuration, called `name`.

    `prompts` are lengths in seconds by name, `hours` the hotline's calendars. `progress` is told the share done, 0 … 1.
    `journal` gets the journal of the first replication.
    """
    run = scenario.model.run
    count = run.replications
    # Without the file's nodes, which are of no use any more.
    document = Document(scenario.document.file, None, None)
    task = Task(settings, replace(scenario, document=document), prompts or {}, hours or {})
    tell = progress or (lambda share: None)
    processes = min(processes or os.cpu_count() or 1, count)
    ran = []
    if journal is not None:
        ran.append(_replication(task, 0, lambda now: None, journal))
    numbers = range(len(ran), count)
    if processes == 1:
        ran += [_replication(task, number, _share(tell, number, run)) for number in numbers]
    else:
        ran += _in_parallel(task, numbers, processes, tell)
    return Results(name, settings.version, scenario, ran)


def _share(progress: Callable[[float], None], number: int, run: RunAt) -> Callable[[float], None]:
    """Of all replications, when one after the other runs and `number` has come to that virtual time."""
    return lambda now: progress((number + min(now / run.length_s, 1.0)) / run.replications)


def _replication(
    task: Task, number: int, progress: Callable[[float], None], journal: Path | None = None
) -> Replication:
    began = time.process_time()
    run = task.scenario.model.run
    with Journalled(journal, run.seed, run.start.timestamp()) if journal is not None else nullcontext() as core:
        book = play(
            task.settings,
            task.scenario,
            number,
            prompts=task.prompts,
            hours=task.hours,
            core=core,
            progress=progress,
        )
    cpu_s = time.process_time() - began
    if cpu_s > 1:  # a world is full of circles; after short runs it is found when its time comes
        gc.collect()
    return Replication.of(number, book, cpu_s)


# --------------------------------------------------------------------------------------------- other processes

_task: Task
_done: Any  # an array in shared memory: the virtual time that each replication has reached; the last: not 0, give up


class _GivenUp(Exception):
    """Nobody wants the result any more."""


def _begin(task: Task, done: Any) -> None:
    global _task, _done
    _task, _done = task, done


def _one(number: int) -> Replication:
    def progress(now: float) -> None:
        _done[number] = now
        if _done[-1]:
            raise _GivenUp

    return _replication(_task, number, progress)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes begun in here ignore a Ctrl-C: it is for the one that waits for them, which tells them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_parallel(
    task: Task, numbers: Iterable[int], processes: int, progress: Callable[[float], None]
) -> list[Replication]:
    context = multiprocessing.get_context("spawn")  # clean processes: no lock or thread of ours is copied
    run = task.scenario.model.run
    done = context.Array("d", run.replications + 1, lock=False)
    with ProcessPoolExecutor(processes, context, _begin, (task, done)) as pool:
        with _deaf_children():
            futures = {pool.submit(_one, number): number for number in numbers}
        left = set(futures)
        try:
            while left:
                ended, left = wait(left, POLL_S, FIRST_COMPLETED)
                for future in ended:
                    done[futures[future]] = run.length_s
                progress(sum(min(reached / run.length_s, 1.0) for reached in done[:-1]) / run.replications)
            return [future.result() for future in futures]
        except BaseException:
            done[-1] = 1.0
            pool.shutdown(cancel_futures=True)
            raise


def prompt_lengths(prompts: Mapping[str, Path]) -> dict[str, float]:
    """Seconds each recorded prompt lasts; those that cannot be read are left out."""
    found = {}
    for name, path in prompts.items():
        try:
            with wave.open(str(path), "rb") as file:
                found[name] = file.getnframes() / file.getframerate()
        except (OSError, EOFError, wave.Error):
            continue
    return found
