"""Settings of the host, of organizations and of users, and what the rest of the identity server reads out of them."""
