"""The sub-commands of `cmr-preprocess`, one module each."""
