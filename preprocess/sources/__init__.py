"""What goes in: folders and archives, NIfTI volumes, and public data sets with names of their own."""
