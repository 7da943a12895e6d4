"""Users who are disabled or deleted: everything that lets them in ends."""
