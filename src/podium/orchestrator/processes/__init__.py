"""Processes: a version of a package made startable in a folder. Tag Releases (a process is a release on the wire)."""
