"""Machines: templates and hosts that robots connect with, their slots and keys. Tag Machines."""
