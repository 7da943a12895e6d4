"""Robots: the accounts that run jobs. Tag Robots."""
