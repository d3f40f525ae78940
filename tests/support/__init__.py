"""Data that tests build for themselves."""
