"""What nobody may guess, and nobody get twice."""

from __future__ import annotations

from random import Random

from sip.identifiers import HELPING, Identifiers


def test_digits_are_given_out_once_over_many_helpings() -> None:
    identifiers = Identifiers(Random(1))
    made = [identifiers.digits(count) for _ in range(HELPING) for count in (16, 20, 24)]
    assert [len(one) for one in made[:3]] == [16, 20, 24]
    assert {len(one) for one in made} == {16, 20, 24}, "none is cut short where a helping ends"
    assert len({one[:16] for one in made}) == len(made)
    assert set("".join(made)) == set("0123456789abcdef")


def test_the_same_source_gives_the_same() -> None:
    one, other = Identifiers(Random(7)), Identifiers(Random(7))
    assert [one.digits(16), one.uuid()] == [other.digits(16), other.uuid()]
