"""Folders: the tree, who and what is assigned to it, and how a user finds the way through it.

Answers the contract's tags Folders and FoldersNavigation. `members`, `machines` and `navigation` are parts of this
area with files of their own.
"""
