"""Metrics over whole epochs."""
