"""Encoders, projections and heads, and their weights: plain modules without Lightning."""
