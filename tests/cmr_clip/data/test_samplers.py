"""No patient twice in a global batch, every study once per epoch."""

from __future__ import annotations

import pytest
from torch.utils.data import Dataset

from cmr_clip.data.loaders import ResumableLoader
from cmr_clip.data.samplers import Draw, PatientBatchSampler
from cmr_clip.errors import CheckpointMismatchError

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


@pytest.mark.parametrize(
    ("batch_size", "world_size"), [(4, 1), (16, 1), (33, 1), (100, 1), (8, 2), (4, 3), (5, 5), (2, 8)]
)
def test_no_patient_twice_in_a_global_batch(batch_size: int, world_size: int) -> None:
    for number in range(5):
        for parts in epoch(batch_size, world_size, number):
            patients = [PATIENTS[study] for part in parts for study in part]
            assert len(patients) == len(set(patients))
            sizes = {len(part) for part in parts}
            assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("world_size", range(1, 9))
@pytest.mark.parametrize("batch_size", [4, 16, 33])
def test_every_study_once_per_epoch_in_batches_of_near_equal_size(batch_size: int, world_size: int) -> None:
    batches = [[study for part in parts for study in part] for parts in epoch(batch_size, world_size, 0)]
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


def test_a_new_sampler_goes_on_in_the_middle_of_an_epoch_and_only_there() -> None:
    whole = PatientBatchSampler(PATIENTS, 8, 3)
    whole.set_epoch(4)
    batches = list(whole)
    resumed = PatientBatchSampler(PATIENTS, 8, 3)
    resumed.first_batch = (4, 3)
    resumed.set_epoch(4)
    assert list(resumed) == batches[3:]
    assert len(resumed) == len(whole)
    for sampler in (whole, resumed):
        sampler.set_epoch(5)
    assert list(resumed) == list(whole)


def test_the_same_global_batches_for_any_number_of_ranks_with_one_global_batch_size() -> None:
    two = [sorted(study for part in parts for study in part) for parts in epoch(8, 2, 1)]
    four = [sorted(study for part in parts for study in part) for parts in epoch(4, 4, 1)]
    assert two == four


class Numbers(Dataset[int]):
    def __len__(self) -> int:
        return len(PATIENTS)

    def __getitem__(self, draw: Draw) -> int:
        return draw.study


def loader(workers: int, batch_size: int = 8, seed: int = 3) -> ResumableLoader[int]:
    return ResumableLoader(Numbers(), PatientBatchSampler(PATIENTS, batch_size, seed), list, workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_counts_what_it_handed_over_not_what_workers_read_ahead(workers: int) -> None:
    first = loader(workers)
    batches = iter(first)
    given = [next(batches) for _ in range(3)]
    second = loader(workers)
    second.load_state_dict(first.state_dict())
    everything = list(loader(0))
    assert first.state_dict()["batch"] == 3
    assert given + list(second) == everything
    assert second.state_dict()["batch"] == len(everything)


def test_another_global_batch_in_the_middle_of_an_epoch_is_refused() -> None:
    state = loader(0).state_dict()
    with pytest.raises(CheckpointMismatchError, match="global_batch_size 8, this run has 16"):
        loader(0, batch_size=16).load_state_dict(state)
