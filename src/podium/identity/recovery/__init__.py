"""Coming back without the password, and showing that an address is one's own, by links that are sent by mail."""
