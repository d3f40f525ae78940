"""LightningCLI as this project uses it: callbacks, checkpoints, stops."""
