"""Quality control of a store: measures per clip, outliers with reasons, and a page to look at."""
