"""The operating system made safe: files, processes, time, tables."""
