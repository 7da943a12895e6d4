"""Client programs: external applications, machines, the built-in public client; their secrets and scopes.

Tags: ExternalClient, ExternalApiResource, ClientTemplate.
"""
