"""Losses as functions of tensors: no gathering, no state."""
