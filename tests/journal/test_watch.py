"""Reports and explanations do not depend on how a journal is cut up, nor on where its reading begins."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from acd.core.activity import Shifts
from acd.core.commands import Command
from acd.core.context import Core
from acd.core.events import Event
from acd.core.explain import Explainer
from acd.core.ids import AgentId
from acd.core.metrics import Book, Key, Tally
from acd.journal import JournalError
from acd.journal.follower import follow_all
from acd.journal.segments import segments
from acd.journal.shifts import is_known, observe
from acd.journal.watch import arrival_of, watch
from tests.journal.shift import shift, written


class Counting:
    """How many steps were taken."""

    done = False

    def __init__(self) -> None:
        self.steps = 0

    def begin(self, core: Core) -> None:
        pass

    def end(self) -> None:
        pass

    def after(
        self, core: Core, now: float, event: Event, commands: Sequence[Command], touched: Mapping[AgentId, None]
    ) -> None:
        self.steps += 1


def rows(journal: Path, since: float = 0.0) -> dict[Key, Tally]:
    book = Book(("agent",), since=since)
    shifts = Shifts(book, records=True)
    observe([journal], shifts.take, shifts.wants, since=since)
    shifts.end()
    return book.rows


def rounded(rows: dict[Key, Tally]) -> dict[Key, tuple[float, ...]]:
    """Sums of floats depend on where they are cut; not by a microsecond."""
    names = ("offered", "answered", "handled", "rung", "talk_s", "wrap_up_s", "staffed_s", "busy_s", "break_s")
    return {key: tuple(round(getattr(tally, name), 3) for name in names) for key, tally in rows.items()}


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A shift in many segments, each with its snapshot."""
    written(tmp_path / "cut", shift(), segment_bytes=20_000)
    assert follow_all(tmp_path / "cut") > 3
    return tmp_path / "cut"


def test_segments_make_no_difference(tmp_path: Path, cut: Path) -> None:
    written(tmp_path / "whole", shift())
    assert rounded(rows(cut)) == rounded(rows(tmp_path / "whole"))


def test_what_came_before_need_not_be_read(tmp_path: Path, cut: Path) -> None:
    written(tmp_path / "whole", shift())
    since = 1e6 + shift()[-1][0] * 0.7
    late, everything = Counting(), Counting()
    watch([cut], [late], since=since)
    watch([tmp_path / "whole"], [everything], since=since)
    assert late.steps < 0.5 * everything.steps
    assert rounded(rows(cut, since)) == rounded(rows(tmp_path / "whole", since))


def test_the_follower_leaves_what_a_report_needs_and_the_report_the_rest(tmp_path: Path, cut: Path) -> None:
    written(tmp_path / "whole", shift())
    (whole,) = segments(tmp_path / "whole")
    *closed, last = segments(cut)
    assert [is_known(path) for path in (*closed, last, whole)] == [True] * len(closed) + [False] * 2
    expected = rounded(rows(whole))
    for path in closed:
        data = path.read_bytes()
        begin = data.index(b"\n") + 1
        path.write_bytes(data[:begin] + b"x" * (len(data) - begin))  # no replay of it: what is beside it is enough
    for _ in range(2):
        assert rounded(rows(cut)) == expected
    assert is_known(last)
    assert is_known(whole)


def test_what_is_beside_a_segment_that_has_grown_since_is_not_believed(tmp_path: Path) -> None:
    written(tmp_path / "whole", shift())
    (whole,) = segments(tmp_path / "whole")
    data = whole.read_bytes()
    expected = rounded(rows(whole))
    whole.write_bytes(data[: data.index(b"\n", len(data) // 2) + 1])
    assert rounded(rows(whole)) != expected
    whole.write_bytes(data)
    assert not is_known(whole)
    assert rounded(rows(whole)) == expected


def test_what_is_damaged_beside_a_segment_is_told_by_its_name(tmp_path: Path) -> None:
    written(tmp_path / "whole", shift())
    (whole,) = segments(tmp_path / "whole")
    rows(whole)
    file = whole.with_suffix(".shifts")
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(JournalError, match=r"00000001\.shifts: damaged \(.*\); remove it"):
        rows(whole)


def test_a_report_does_not_need_to_leave_anything(tmp_path: Path) -> None:
    written(tmp_path / "whole", shift())
    (whole,) = segments(tmp_path / "whole")
    whole.with_suffix(".part").mkdir()  # nothing can be written there
    assert rows(whole)
    assert not is_known(whole)


def test_a_call_is_explained_from_the_segment_it_came_in_by(tmp_path: Path, cut: Path) -> None:
    written(tmp_path / "whole", shift())
    explained = 0
    for number in range(1, 31):
        call, counting = f"1-{number}", Counting()
        since = arrival_of([cut], call)
        assert since is not None
        here, there = Explainer(call=call), Explainer(call=call)
        watch([cut], [here], since=since)
        watch([tmp_path / "whole"], [there, counting])
        assert here.waits == there.waits
        explained += len(here.waits)
    assert explained > 15


def test_nothing_is_read_behind_the_end_of_the_call(cut: Path) -> None:
    counting, explainer = Counting(), Explainer(call="1-3")
    counting.done = True
    watch([cut], [counting, explainer])
    assert explainer.done
    assert counting.steps < len(shift()) / 2


def test_a_call_that_is_not_there(cut: Path) -> None:
    assert arrival_of([cut], "1-99") is None
    with pytest.raises(JournalError, match="no such journal"):
        arrival_of([cut / "nowhere"], "1-1")


def test_an_engine_that_cannot_follow_is_told(cut: Path) -> None:
    class Lost(Counting):
        def begin(self, core: Core) -> None:
            raise KeyError("1-17.1")

    with pytest.raises(JournalError, match=r"cannot be replayed by this version \(KeyError: '1-17.1'\)"):
        watch([cut], [Lost()])
