"""Sign-in with a password over the API: `POST /api/Account/Authenticate`. Tag: Account."""
