"""What suspended jobs wait for: instants, other jobs, payloads of others. Tag JobTriggers."""
