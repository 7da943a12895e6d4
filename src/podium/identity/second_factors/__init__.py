"""What proves a sign-in beside the password: codes of an authenticator, passkeys, recovery codes."""
