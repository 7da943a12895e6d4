"""Tenants as the host sees them: making, closing and removing them. Tag Tenants.

The administrators of the installation's own organization act for the host; the server's admission sees to that.
"""
