"""One LightningModule per objective, and what they are made of."""
