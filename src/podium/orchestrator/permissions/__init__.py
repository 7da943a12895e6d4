"""The catalogue of permissions. Answers the contract's tag Permissions."""
