"""The heap in large pages (Linux 6.1 or later; elsewhere nothing happens).

An engine sleeps between datagrams, and whoever ran meanwhile has taken its place in the caches of the processor. What
it then waits for longest is to learn where its memory is: a call touches a thousand pages of 4 KiB. Most of the heap is
there from the start on, so it is gathered once.
"""

import ctypes
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

SIZE: Final = 2 << 20  # octets of a large page …
SMALL: Final = 4096  # … and of one as usual
WORTH_IT: Final = 0.5  # share of it that is in use: the rest is memory spent
MADV_COLLAPSE: Final = 25
_HEAP: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 +(?:\[heap\])?$", re.MULTILINE)


def gather() -> int:
    """Bring the process's own memory together. Returns how many large pages that made; 0 where it cannot be had."""
    if sys.platform != "linux":
        return 0
    made = 0
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        in_use = (ctypes.c_ubyte * (SIZE // SMALL))()
        for found in _HEAP.findall(Path("/proc/self/maps").read_text()):
            begin, end = (int(address, 16) for address in found)
            for page in range(-(-begin // SIZE) * SIZE, end - SIZE + 1, SIZE):
                where, size = ctypes.c_void_p(page), ctypes.c_size_t(SIZE)
                known = libc.mincore(where, size, in_use) == 0
                if known and sum(one & 1 for one in in_use) >= WORTH_IT * len(in_use):
                    made += libc.madvise(where, size, MADV_COLLAPSE) == 0
    return made
