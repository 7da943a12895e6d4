"""Roles: named sets of permissions, and who holds them tenant-wide. Answers the contract's tag Roles."""
