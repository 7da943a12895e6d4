"""Users who come in by a link: an accepted invitation, a confirmed address."""
