"""AugMix on batches of clips, on any device."""
