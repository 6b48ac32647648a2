"""The decorators of the core's plain values.

Every value in the core is a dataclass with slots, so that a snapshot or a journal line is nothing but fields. They are
immutable to the type checker only: a really frozen dataclass costs three times as much to build, and the core builds a
few of them for every step.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, dataclass_transform

_T = TypeVar("_T")

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True)
    def value(cls: type[_T]) -> type[_T]:
        """A value: slots, compared by fields, immutable to the type checker."""
        ...

else:
    value = dataclass(slots=True)
