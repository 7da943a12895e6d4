"""Our own checks of the code, each a rule that no linter knows: `python -m tools.checks` from the root of the checkout."""
