"""The installation's signing keys and their rotation."""
