"""The phantom's heart: its shape, cycle, phenotypes and chest."""
