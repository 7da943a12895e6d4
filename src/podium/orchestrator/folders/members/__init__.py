"""Who is assigned to folders, with which roles, and who reaches them by inheritance."""
