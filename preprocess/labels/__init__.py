"""Labels and splits: from reports and tables to one row per study, and each patient on one side."""
