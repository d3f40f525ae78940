"""One seed for a training step from the seeds of its samples."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["step_seed"]

_MASK = 2**64 - 1
_PRIME_1, _PRIME_2, _PRIME_5 = 11400714785074694791, 14029467366897019727, 2870177450012600261
_INTEGER_MODULUS = 2**61 - 1


def step_seed(seeds: Sequence[int]) -> int:
    """A seed in [0, 2⁶³) that depends on every sample's seed and on their order.

    The number is that of `hash(tuple(seeds)) % 2**63` in 64-bit CPython 3.8 and later, which earlier versions of this
    program took; written out, results do not depend on the interpreter. CPython mixes the hashes of the items, which
    for integers is the value modulo 2⁶¹ − 1, as xxHash does (Objects/tupleobject.c).

    Args:
        seeds: of the B samples, each in [0, 2⁶³).
    """
    mixed = _PRIME_5
    for seed in seeds:
        mixed = (mixed + seed % _INTEGER_MODULUS * _PRIME_2) & _MASK
        mixed = (mixed << 31 | mixed >> 33) & _MASK
        mixed = mixed * _PRIME_1 & _MASK
    mixed = (mixed + (len(seeds) ^ _PRIME_5 ^ 3527539)) & _MASK
    if mixed == _MASK:
        mixed = 1546275796
    return mixed % 2**63
