"""Encoders, projections and heads: plain modules without Lightning."""
