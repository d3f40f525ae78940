"""The phantom's reports."""
