"""What `cmr-clip check` looks at before a job waits in a queue for nothing."""
