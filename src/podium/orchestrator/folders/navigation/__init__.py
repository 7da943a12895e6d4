"""How a user finds the way through the folders that it reaches."""
