"""Who of an organization may sign in. Tag: PartitionAccessPolicy."""
