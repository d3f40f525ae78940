"""What a model is made of: towers, attention-MIL trunk, heads, and the study model (plain modules, no Lightning)."""
