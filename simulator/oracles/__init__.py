"""Exact answers that a simulation can be held against, and that planners ask for by themselves (`acd erlang`)."""

from simulator.oracles.erlang import Load, Steady, agents_needed, erlang_a, erlang_b, erlang_c
from simulator.oracles.patience import erlang_g
from simulator.oracles.priority import ClassWait, priorities
from simulator.oracles.transient import Interval, transient

__all__ = [
    "ClassWait",
    "Interval",
    "Load",
    "Steady",
    "agents_needed",
    "erlang_a",
    "erlang_b",
    "erlang_c",
    "erlang_g",
    "priorities",
    "transient",
]
