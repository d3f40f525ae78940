"""Jobs on a real SLURM of one node, started for the tests."""
