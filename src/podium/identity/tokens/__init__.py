"""Tokens: what an access token says, what ends one early, and the families of refresh tokens."""
