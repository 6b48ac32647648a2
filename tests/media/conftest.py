"""What relays in the workers of a test: the loop in C where it was built, and the same in Python."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

BUILT = find_spec("media._relay") is not None


@pytest.fixture(params=["c", "python"] if BUILT else ["python"])
def relay(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """For a test that is to hold in both."""
    language: str = request.param
    if language == "python":
        monkeypatch.setenv("HOTLINE_RELAY", "python")
    return language
