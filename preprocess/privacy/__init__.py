"""Keyed hashes in place of identifiers, and the crosswalk back."""
