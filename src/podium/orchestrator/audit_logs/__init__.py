"""Reading what was done in a tenant, by whom, and how it was before. Tag AuditLogs.

The rows are written by the kernel, one for each call that changes something.
"""
