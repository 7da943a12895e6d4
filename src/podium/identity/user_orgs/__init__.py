"""The organization and the tenants of the caller, for clients that have just signed in. Tags: UserOrgs, portal_."""
