"""Tries to prove a second factor: how many are allowed, and their record."""
