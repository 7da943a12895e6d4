"""CSV files of jobs, logs and audit entries, written in the background for who asked for them. Tag Exports and the Export actions."""
