"""What tests of records share: somewhere to keep them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from acd.records.place import DatabaseAt, Place
from tests.records.cluster import Cluster

Ask: TypeAlias = Callable[[str], list[list[str]]]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.peer)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A file, then a database: nobody is to see a difference."""
    if request.param == "sqlite":
        return tmp_path / "new" / "records.sqlite"
    return DatabaseAt(request.getfixturevalue("cluster").database(), None, tmp_path / "new" / "waiting")
