"""Queue definitions, the folders that show them, what becomes of their old items, and figures about them."""
