"""A process and its neighbours: ranks, SLURM, signals."""
