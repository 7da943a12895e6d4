"""What a tenant and its users have set, and what the server says of itself. Tag Settings."""
