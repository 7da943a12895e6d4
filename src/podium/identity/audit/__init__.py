"""Reading what happened in an organization: calls of the identity server and tries to sign in.

One set of rows under every address that clients know: AuditQuery, the portal, and the two audit services of the cloud.
"""
