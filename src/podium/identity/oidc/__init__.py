"""The OAuth 2 and OpenID Connect endpoints: discovery, keys, `connect/*`."""
