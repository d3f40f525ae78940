"""From sources to a filled store: survey, choice of series, pixels, records, tables."""
