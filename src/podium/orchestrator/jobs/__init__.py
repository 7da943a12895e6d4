"""Jobs: one run of a process each, from StartJobs to a final state. Tags Jobs and JobTriggers."""
