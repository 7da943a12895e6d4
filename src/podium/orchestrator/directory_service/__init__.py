"""The organization's directory as a tenant sees it. Answers the contract's tag DirectoryService."""
