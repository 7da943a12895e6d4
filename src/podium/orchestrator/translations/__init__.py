"""The words by which answers of the orchestrator name things, for programs that show them. Tag Translations."""
