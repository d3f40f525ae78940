"""Weights applied to a store: embeddings, zero-shot, tables."""
