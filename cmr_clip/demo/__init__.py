"""The whole pipeline on a simulated cohort, one public command after the other."""
