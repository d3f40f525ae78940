"""What a clip is: its specification, batches of clips, and reading them from the store."""
