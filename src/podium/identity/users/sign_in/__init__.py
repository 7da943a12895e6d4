"""Tries to sign in: what they leave behind at the account, at known addresses and at the address they come from."""
