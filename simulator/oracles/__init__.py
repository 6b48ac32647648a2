"""Exact answers that a simulation can be held against, and that planners ask for by themselves (`acd erlang`).

Those that need numpy are in modules of their own, `patience` and `transient`, so that a command starts at once.
"""

from simulator.oracles.erlang import Load, Steady, agents_needed, erlang_a, erlang_b, erlang_c
from simulator.oracles.priority import ClassWait, priorities

__all__ = ["ClassWait", "Load", "Steady", "agents_needed", "erlang_a", "erlang_b", "erlang_c", "priorities"]
