"""Groups of an organization, built-in and its own. Tag: Group."""
