"""CSV files of jobs and logs, written in the background for who asked for them. Tag Exports and the Export actions."""
