"""Whether this server answers, what it is, and whether it can reach another. Tag Status."""
