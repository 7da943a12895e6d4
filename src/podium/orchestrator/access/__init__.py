"""Who may do what where: tenants, roles, folder memberships, and the credentials of machines and robots.

The server's admission asks it for every call; `explain` answers why.
"""
