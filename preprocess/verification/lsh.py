"""Similar fingerprints among a million without comparing all pairs: bit sampling (Indyk and Motwani, 1998).

Each of several tables holds the fingerprints by 32 of their 256 bits. Two that differ in few bits agree in all 32 of at
least one table with high probability; only those that do are compared in full.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from preprocess.verification.fingerprint import N_BITS, Words, hamming, orientations

__all__ = ["N_TABLES", "brute_force_pairs", "similar_pairs"]

N_TABLES = 24
_KEY_BITS = 32
_BLOCK = 1 << 21  # pairs compared at once
_SEED = 20240  # of the sampled bits; any other does as well

_Indices = npt.NDArray[np.int64]


def similar_pairs(
    words: Words, classes: npt.NDArray[np.int64], owners: npt.NDArray[np.int64], limit: int, n_tables: int = N_TABLES
) -> npt.NDArray[np.int64]:
    """Pairs of owners (studies) that have similar fingerprints, in any of the eight orientations.

    Args:
        words: fingerprints `[N, 4]`.
        classes: only fingerprints of one class (a view) are compared, `[N]`, 0 to 255.
        owners: whose they are, `[N]`; pairs of one owner are left out.
        limit: largest number of different bits.
        n_tables: more find more and take longer.

    Returns:
        `[pair, 2]`, the smaller owner first, sorted, each once.
    """
    found: list[_Indices] = [np.zeros(0, np.int64)]
    n_owners = int(owners.max(initial=-1)) + 1
    turned = orientations(words)
    rng = np.random.default_rng(_SEED)
    for _ in range(n_tables):
        bits = rng.choice(N_BITS, _KEY_BITS, replace=False)
        keys = _keys(words, classes, bits)
        order = np.argsort(keys, kind="stable")
        for other in turned:
            for place, right in _equal(keys[order], _keys(other, classes, bits)):
                left = order[place]
                first, second = owners[left], owners[right]
                near = np.flatnonzero(first < second)
                near = near[hamming(words[left[near]], other[right[near]]) <= limit]
                found.append(np.unique(first[near] * n_owners + second[near]))
        found = [np.unique(np.concatenate(found))]
    return np.stack([found[0] // max(n_owners, 1), found[0] % max(n_owners, 1)], axis=1)


def _keys(words: Words, classes: npt.NDArray[np.int64], bits: npt.NDArray[np.int64]) -> Words:
    """Class and sampled bits of each fingerprint as one number."""
    keys = classes.astype(np.uint64)
    for bit in bits.tolist():
        word, shift = divmod(bit, 64)
        keys = (keys << np.uint64(1)) | ((words[:, word] >> np.uint64(shift)) & np.uint64(1))
    return keys


def _equal(ordered: Words, queries: Words) -> Iterator[tuple[_Indices, _Indices]]:
    """Pairs (place in `ordered`, index of a query) of equal keys, in blocks of bounded size."""
    by_key = np.argsort(queries, kind="stable")  # neighbouring searches then touch neighbouring memory
    first = np.searchsorted(ordered, queries[by_key], "left")
    counts = np.searchsorted(ordered, queries[by_key], "right") - first
    hits = np.flatnonzero(counts)
    first, counts, who = first[hits], counts[hits], by_key[hits]
    ends = np.cumsum(counts)
    start = 0
    while start < ends[-1] if len(ends) else False:
        stop = min(start + _BLOCK, int(ends[-1]))
        numbers = np.arange(start, stop)
        group = np.searchsorted(ends, numbers, "right")
        within = numbers - (ends[group] - counts[group])
        yield first[group] + within, who[group]
        start = stop


def brute_force_pairs(
    words: Words, classes: npt.NDArray[np.int64], owners: npt.NDArray[np.int64], limit: int, block: int = 512
) -> npt.NDArray[np.int64]:
    """The pairs `[pair, 2]` of `similar_pairs` by comparing all with all: the reference for tests and benchmarks."""
    found = []
    turned = orientations(words)
    for start in range(0, len(words), block):
        rows = slice(start, start + block)
        least = np.min([hamming(words[rows, None], other[None]) for other in turned], axis=0)
        near = (least <= limit) & (classes[rows, None] == classes[None]) & (owners[rows, None] < owners[None])
        left, right = np.nonzero(near)
        found.append(np.stack([owners[rows][left], owners[right]], axis=1))
    pairs = np.concatenate(found) if found else np.zeros((0, 2), np.int64)
    return np.unique(pairs, axis=0)
