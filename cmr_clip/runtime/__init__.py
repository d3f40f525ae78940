"""A process and its neighbours: ranks, SLURM, signals, and the files that people write for it."""
