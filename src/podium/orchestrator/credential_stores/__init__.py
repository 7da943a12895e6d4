"""Where passwords and secrets are kept: in this database, or in a store of somebody else. Tag CredentialStores."""
