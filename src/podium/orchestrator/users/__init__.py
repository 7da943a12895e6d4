"""The tenant's users as the wire shows them: who the caller is, and who is known to the tenant.

Answers the contract's tag Users.
"""
