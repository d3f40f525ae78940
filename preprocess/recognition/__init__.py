"""From a series to a view: names, a site's own rules, and the planes of a study."""
