"""The seed of a step is the number that earlier versions took from CPython's hash of a tuple."""

from __future__ import annotations

import random
import sys

import pytest

from cmr_clip.tasks.step_seed import step_seed

EDGES = (0, 1, 2**61 - 2, 2**61 - 1, 2**61, 2**63 - 1)


def test_numbers_written_down() -> None:
    assert step_seed([0]) == 469874208863542616
    assert step_seed([2**62, 7, 2**63 - 1]) == 3837860125932936383
    assert step_seed([7, 2**62, 2**63 - 1]) != step_seed([2**62, 7, 2**63 - 1])


@pytest.mark.skipif(sys.implementation.name != "cpython" or sys.maxsize < 2**32, reason="64-bit CPython's numbers")
def test_they_are_those_of_the_tuple_hash() -> None:
    rng = random.Random(0)
    for count in (*range(9), 33, 128):
        for _ in range(50):
            seeds = [rng.choice((rng.randrange(2**63), *EDGES)) for _ in range(count)]
            assert step_seed(seeds) == hash(tuple(seeds)) % 2**63
