"""One kit for every page of the project: markup, charts, pictures."""
