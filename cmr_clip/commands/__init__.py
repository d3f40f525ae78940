"""The sub-commands of `cmr-clip` beside training, one module each."""
