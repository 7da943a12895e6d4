"""Identity: organizations, users, groups, client programs, and the tokens that prove who calls.

The other context meets this one through `issuer` (verify a token), `directory` (names and groups of principals),
`clients.actions` (programs of machines) and the interfaces in `ports` that it fills.
"""
