"""The contract: a study's values and file, its hashes and intensities, the manifest and the ledger."""
