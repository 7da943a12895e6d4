"""Reading who tried to sign in as a user, from where, and what came of it. Tag: User (`loginAttempts`)."""
