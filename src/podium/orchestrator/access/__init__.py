"""Who may do what where: tenants, roles, folder memberships, and the credentials of machines and robots.

Answers no operation of its own; the server's admission asks it for every call.
"""
