"""Checks of a whole store: files against manifest, ledger and their own hashes."""
