"""No patient twice in a global batch, every study once per epoch."""

from __future__ import annotations

import pytest

from cmr_clip.data.samplers import PatientBatchSampler

PATIENTS = [f"p{number % 41}" for number in range(60)] + ["p0", "p0"]


def epoch(batch_size: int, world_size: int, number: int) -> list[list[list[int]]]:
    """Per batch and rank, the studies drawn."""
    ranks = []
    for rank in range(world_size):
        sampler = PatientBatchSampler(PATIENTS, batch_size, 3, rank, world_size)
        sampler.set_epoch(number)
        batches = [[draw.study for draw in batch] for batch in sampler]
        assert len(batches) == len(sampler)
        ranks.append(batches)
    return [list(parts) for parts in zip(*ranks, strict=True)]


@pytest.mark.parametrize(("batch_size", "world_size"), [(4, 1), (16, 1), (33, 1), (100, 1), (8, 2), (4, 3)])
def test_no_patient_twice_in_a_global_batch(batch_size: int, world_size: int) -> None:
    for number in range(5):
        for parts in epoch(batch_size, world_size, number):
            patients = [PATIENTS[study] for part in parts for study in part]
            assert len(patients) == len(set(patients))
            assert len({len(part) for part in parts}) == 1


@pytest.mark.parametrize("batch_size", [4, 16, 33])
def test_every_study_once_per_epoch_in_batches_of_near_equal_size(batch_size: int) -> None:
    batches = [parts[0] for parts in epoch(batch_size, 1, 0)]
    assert sorted(study for batch in batches for study in batch) == list(range(len(PATIENTS)))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1


def test_epochs_differ_and_repeat() -> None:
    assert epoch(16, 1, 0) != epoch(16, 1, 1)
    assert epoch(16, 1, 1) == epoch(16, 1, 1)


def test_draws_carry_a_seed_that_changes_with_the_epoch() -> None:
    sampler = PatientBatchSampler(PATIENTS, 16, 3)
    seeds = []
    for number in range(2):
        sampler.set_epoch(number)
        seeds.append({draw.study: draw.seed for batch in sampler for draw in batch})
    assert all(seeds[0][study] != seeds[1][study] for study in seeds[0])
