"""The composition root: HTTP in, both contexts behind it. The only code that knows the web framework."""
