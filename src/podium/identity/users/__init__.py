"""People: their passwords, what locks them out, and how they are found by name. Tag: User."""
