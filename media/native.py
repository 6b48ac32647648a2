"""The loop in C where it was built, else in Python. `HOTLINE_RELAY=python` in the environment keeps to Python."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Final

IN_C: Final = os.environ.get("HOTLINE_RELAY") != "python" and find_spec("media._relay") is not None

if IN_C:
    from media._relay import Inward, Loop, Outward, Shift
else:
    from media.loop import Inward, Loop, Outward, Shift

__all__ = ["IN_C", "Inward", "Loop", "Outward", "Shift"]
